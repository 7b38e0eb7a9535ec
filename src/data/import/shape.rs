//! An import beside its table, and the SQL over both that DuckDB and SQLite share.
//!
//! Temporary tables carry it: `tidegate_stage` has the checked rows and `tidegate_key`, a hash of
//! their keys; `tidegate_match`, which of them the table has, and whether with other values;
//! `tidegate_fault`, what is wrong with them.

use std::fmt::Write as _;

use serde_json::Value;

use super::faults::Faults;
use super::load::Load;
use super::rule::{expected, expression};
use super::spec::Import;
use super::target::{Fitted, Misfit, written};
use super::{duckdb, sqlite};
use crate::config::{ColumnType, OnConflict};
use crate::data::check::Dialect;
use crate::data::sql::{self, SqlProblem, identifier, literal};

mod constraints;
mod straight;

/// Why there is no SQL.
#[derive(Debug, thiserror::Error)]
pub enum ScriptProblem {
    /// The table or a rule does not go with the import.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// A path or a text cannot be written as SQL.
    #[error(transparent)]
    Sql(#[from] SqlProblem),
}

/// Returns a text as SQL.
pub(super) fn text(text: &str) -> Result<String, SqlProblem> {
    literal(&Value::String(text.to_owned()))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// An import beside its table.
pub(super) struct Shape<'a> {
    import: &'a Import,
    fitted: &'a Fitted,
    dialect: Dialect,
    /// The table, as SQL.
    pub(super) table: String,
    /// What is written, in order.
    pub(super) columns: Vec<Both<'a>>,
}

/// A column of the import beside that of the table.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a column, none of which follows from another"
)]
pub(super) struct Both<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its name in the source.
    from: &'a str,
    /// What its values are.
    pub(super) kind: ColumnType,
    /// The type in the table.
    pub(super) table_kind: String,
    is_key: bool,
    is_hash: bool,
    nullable: bool,
    table_nullable: bool,
    indexed: bool,
    /// Whether no two rows may have the same value.
    pub(super) unique: bool,
}

impl Both<'_> {
    /// The staged value.
    fn staged(&self) -> String {
        format!("s.{}", identifier(self.name))
    }

    /// The value of the table, as it is compared.
    fn kept(&self) -> String {
        let name = format!("t.{}", identifier(self.name));
        match self.kind {
            ColumnType::Email => format!("lower({name})"),
            ColumnType::Text
            | ColumnType::Integer
            | ColumnType::Number
            | ColumnType::Amount
            | ColumnType::Boolean
            | ColumnType::Date
            | ColumnType::Timestamp => name,
        }
    }

    fn shown(&self) -> String {
        format!("CAST({} AS VARCHAR)", self.staged())
    }

    fn is_same(&self) -> String {
        format!("{} IS NOT DISTINCT FROM {}", self.kept(), self.staged())
    }

    fn is_other(&self) -> String {
        format!("{} IS DISTINCT FROM {}", self.kept(), self.staged())
    }

    /// What becomes of a value that the table's type does not hold as it is, where that can happen.
    pub(super) fn is_cast(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::DuckDb => self.table_kind != duckdb::made(self.kind),
            Dialect::Sqlite => false,
        }
    }
}

impl<'a> Shape<'a> {
    pub(super) fn new(load: &Load<'a>, fitted: &'a Fitted, dialect: Dialect) -> Self {
        let import = load.import;
        let keys = import.key_places();
        let made = match dialect {
            Dialect::DuckDb => duckdb::made,
            Dialect::Sqlite => sqlite::made,
        };
        let columns = written(import)
            .enumerate()
            .map(|(place, (name, kind))| {
                let own = import.columns.get(place);
                let there = fitted.columns.as_ref().and_then(|columns| columns.get(place));
                let password = import.password.as_ref().map(|password| password.column.as_str());
                Both {
                    name,
                    from: own.map_or(password.unwrap_or(name), |own| own.from.as_str()),
                    kind,
                    table_kind: there
                        .map_or_else(|| made(kind).to_owned(), |there| there.kind.clone()),
                    is_key: own.is_some() && keys.contains(&place),
                    is_hash: own.is_none(),
                    nullable: own.is_some_and(|own| own.nullable),
                    table_nullable: there.is_none_or(|there| there.nullable),
                    indexed: there.is_some_and(|there| there.indexed),
                    unique: own.is_some_and(|own| own.unique),
                }
            })
            .collect();
        Self { import, fitted, dialect, table: sql::table(&import.table), columns }
    }

    /// The columns by which a row is known again.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Both<'a>> {
        self.columns.iter().filter(|column| column.is_key)
    }

    /// The columns that an update writes.
    fn values(&self) -> impl Iterator<Item = &Both<'a>> {
        self.columns.iter().filter(|column| !column.is_key && !column.is_hash)
    }

    /// The columns that are compared with other rows, beside the key.
    pub(super) fn unique(&self) -> impl Iterator<Item = &Both<'a>> {
        let alone = self.keys().count() == 1;
        self.columns.iter().filter(move |column| column.unique && !(alone && column.is_key))
    }

    fn on(&self) -> String {
        let hash = match self.dialect {
            Dialect::DuckDb => "hash",
            Dialect::Sqlite => "tidegate_hash",
        };
        let mut terms =
            vec![format!("s.tidegate_key = {hash}({})", list(self.keys().map(Both::kept)))];
        terms.extend(self.keys().map(Both::is_same));
        terms.join(" AND ")
    }

    /// Tells whether a row of the table has other values; `None`: the key is all of them.
    fn differs(&self) -> Option<String> {
        let terms: Vec<String> = self.values().map(Both::is_other).collect();
        (!terms.is_empty()).then(|| format!("({})", terms.join(" OR ")))
    }

    /// Fills `tidegate_match`.
    pub(super) fn matches(&self) -> String {
        if self.fitted.columns.is_none() {
            return String::new();
        }
        // SQLite reads the table, and looks each row up among the staged ones.
        let from =
            format!("{} AS t CROSS JOIN tidegate_stage AS s WHERE {}", self.table, self.on());
        match self.differs() {
            None => match self.dialect {
                Dialect::DuckDb => format!(
                    "INSERT INTO tidegate_match SELECT s.tidegate_row, 0 \
                     FROM tidegate_stage AS s SEMI JOIN {} AS t ON {};\n",
                    self.table,
                    self.on()
                ),
                Dialect::Sqlite => format!(
                    "INSERT INTO tidegate_match SELECT DISTINCT s.tidegate_row, 0 FROM {from};\n"
                ),
            },
            Some(differs) => format!(
                "INSERT INTO tidegate_match SELECT s.tidegate_row, max(CASE WHEN {differs} THEN 1 ELSE 0 END) \
                 FROM {from} GROUP BY s.tidegate_row;\n"
            ),
        }
    }

    /// Fills `tidegate_fault`, which it makes.
    pub(super) fn faults(&self) -> Result<String, ScriptProblem> {
        let mut found = Faults::new();
        self.misfits(&mut found)?;
        self.doubles(&mut found)?;
        self.refused(&mut found)?;
        for rule in &self.import.sql_rules {
            let expression = expression(self.import, rule)?;
            let from = format!("tidegate_stage AS s WHERE (\n{expression}\n) IS NOT TRUE");
            found.add(None, &rule.name, None, &expected(rule), &from)?;
        }
        if self.import.on_conflict == OnConflict::Reject {
            let from = "tidegate_stage AS s JOIN tidegate_match AS m \
                        ON m.tidegate_row = s.tidegate_row WHERE m.changed <> 0";
            let rule = "expected the values that the table has for this key";
            let (names, value) = self.key();
            found.add(None, &names, Some(&value), rule, from)?;
        }
        for hash in self.columns.iter().filter(|column| column.is_hash) {
            let from =
                format!("tidegate_stage AS s WHERE {} IS NULL AND {UNMATCHED}", hash.staged());
            found.add(None, hash.from, None, "expected a password for a new row", &from)?;
        }
        Ok(found.script)
    }

    /// Values that the table does not take.
    fn misfits(&self, found: &mut Faults) -> Result<(), SqlProblem> {
        for (at, column) in self.columns.iter().enumerate() {
            if column.is_cast(self.dialect) {
                let lost = format!("s.tidegate_lost_{at}");
                let rule =
                    format!("expected a value that the table holds as {}", column.table_kind);
                let from = format!("tidegate_stage AS s WHERE {lost} IS NOT NULL");
                found.add(None, column.from, Some(&lost), &rule, &from)?;
            }
            if column.nullable && !column.table_nullable {
                let from = format!("tidegate_stage AS s WHERE {} IS NULL", column.staged());
                let rule = "expected a value, which the table asks for";
                found.add(None, column.from, None, rule, &from)?;
            }
        }
        Ok(())
    }

    /// Rows that are there twice, in the batch or beside the table's.
    fn doubles(&self, found: &mut Faults) -> Result<(), SqlProblem> {
        let first = |by: &str, all: &str| {
            format!(
                "(SELECT *, min(tidegate_row) OVER (PARTITION BY {all}) AS tidegate_first FROM tidegate_stage \
                 WHERE {by} IN (SELECT {by} FROM tidegate_stage WHERE {by} IS NOT NULL GROUP BY {by} \
                 HAVING count(*) > 1)) AS s WHERE s.tidegate_row > s.tidegate_first"
            )
        };
        let (names, value) = self.key();
        let again = if self.import.key.is_some() {
            "expected no other row with this key"
        } else {
            "expected no other row with the same values"
        };
        let keys = list(self.keys().map(|key| identifier(key.name)));
        let from = first("tidegate_key", &keys);
        found.add(Some("s.tidegate_first"), &names, Some(&value), again, &from)?;
        for column in self.unique() {
            let name = identifier(column.name);
            let rule = "expected a value that no other row has";
            let from = first(&name, &name);
            let shown = column.shown();
            found.add(Some("s.tidegate_first"), column.from, Some(&shown), rule, &from)?;
            if self.fitted.columns.is_some() {
                let apart: Vec<String> = self.keys().map(Both::is_other).collect();
                let from = format!(
                    "(SELECT DISTINCT s.* FROM {} AS t CROSS JOIN tidegate_stage AS s WHERE {} = {} AND ({})) AS s",
                    self.table,
                    column.staged(),
                    column.kept(),
                    apart.join(" OR "),
                );
                let rule = "expected a value that no other row of the table has";
                found.add(None, column.from, Some(&shown), rule, &from)?;
            }
        }
        Ok(())
    }

    /// Makes the table where it is missing.
    pub(super) fn make(&self) -> String {
        if self.fitted.columns.is_some() {
            return String::new();
        }
        let columns = list(self.columns.iter().map(|column| {
            let not_null = if column.nullable { "" } else { " NOT NULL" };
            let unique = if column.unique { " UNIQUE" } else { "" };
            format!("{} {}{not_null}{unique}", identifier(column.name), column.table_kind)
        }));
        format!("CREATE TABLE {} ({columns});\n", self.table)
    }

    /// Writes the rows that are left.
    pub(super) fn write(&self) -> String {
        let table = &self.table;
        let mut script = String::new();
        let names = self.names();
        let staged = list(self.columns.iter().map(Both::staged));
        let new = match self.fitted.columns {
            None => String::new(),
            Some(_) => format!(" WHERE {UNMATCHED}"),
        };
        let _ = match self.numbered() {
            None => writeln!(
                script,
                "INSERT INTO {table} ({names}) SELECT {staged} FROM tidegate_stage AS s{new};"
            ),
            Some(id) => writeln!(
                script,
                "INSERT INTO {table} ({id}, {names}) SELECT (SELECT coalesce(max({id}), 0) FROM {table}) \
                 + row_number() OVER (ORDER BY s.tidegate_row), {staged} FROM tidegate_stage AS s{new};"
            ),
        };
        if self.fitted.columns.is_some() && self.import.on_conflict == OnConflict::Update {
            script.push_str(&self.updates());
        }
        script
    }

    /// Gives rows of the table their other values. DuckDB updates an indexed column by taking the row out
    /// and putting it in again, which it refuses where a foreign key refers to the row, and may refuse
    /// where it happens twice in a transaction. So indexed columns are set only where one of them has
    /// another value, and each row is updated once.
    fn updates(&self) -> String {
        let (indexed, plain): (Vec<_>, Vec<_>) = self.values().partition(|value| value.indexed);
        let differs = |columns: &[&Both<'_>]| {
            let terms: Vec<String> = columns.iter().map(|column| column.is_other()).collect();
            format!("({})", terms.join(" OR "))
        };
        let update = |columns: &mut dyn Iterator<Item = &Both<'_>>, when: &str| {
            let set = columns.map(|one| format!("{} = {}", identifier(one.name), one.staged()));
            format!(
                "UPDATE {} AS t SET {} FROM tidegate_stage AS s WHERE {} AND {when} AND s.tidegate_row \
                 IN (SELECT tidegate_row FROM tidegate_match WHERE changed <> 0);\n",
                self.table,
                list(set),
                self.on()
            )
        };
        match (plain.is_empty(), indexed.is_empty()) {
            (true, true) => String::new(),
            (false, true) | (true, false) => {
                update(&mut self.values(), &differs(&[plain, indexed].concat()))
            }
            (false, false) => {
                let (other, moved) = (differs(&plain), differs(&indexed));
                update(&mut plain.into_iter(), &format!("{other} AND NOT {moved}"))
                    + &update(&mut self.values(), &moved)
            }
        }
    }
}

/// Holds for staged rows that the table does not have.
const UNMATCHED: &str =
    "NOT EXISTS (SELECT 1 FROM tidegate_match AS m WHERE m.tidegate_row = s.tidegate_row)";

/// Takes the bad rows out, from what is staged and what is matched.
pub(super) const ONLY_GOOD: &str = "\
    DELETE FROM tidegate_match WHERE tidegate_row IN (SELECT tidegate_row FROM tidegate_fault);\n\
    DELETE FROM tidegate_stage WHERE tidegate_row IN (SELECT tidegate_row FROM tidegate_fault);\n";

/// The faults in their order.
pub(super) const FOUND: &str = "SELECT tidegate_row, \"column\", value, rule, other \
    FROM tidegate_fault ORDER BY tidegate_row, place";

/// The rows that the table has, in their order.
pub(super) const KNOWN: &str = "SELECT tidegate_row FROM tidegate_match ORDER BY tidegate_row";
