//! The table that an import writes to: whether it takes what the import brings.

use super::column::Column;
use super::constraint::Constraint;
use super::form::Form;
use super::spec::Import;
use crate::config::ColumnType;
use crate::data::check::Dialect;

/// A column of a table that is there.
#[expect(
    clippy::struct_excessive_bools,
    reason = "facts about a column, none of which follows from another"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// Its type, as the table declares it.
    pub kind: String,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Whether it fills itself: by a default, an expression, or as SQLite's number of the row.
    pub filled: bool,
    /// Whether it alone is the primary key.
    pub primary: bool,
    /// Whether an update of it takes the row out and puts it in again, as DuckDB does where a key, a
    /// constraint or an index has the column. SQLite never does.
    pub indexed: bool,
}

/// How an import goes into its table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The columns of the table for those of the import, in their order; the hash of a password is the
    /// last. `None` where the table is missing.
    pub columns: Option<Vec<TableColumn>>,
    /// The column that the import numbers: a primary key of whole numbers that nothing else fills.
    pub numbered: Option<String>,
    /// What the table asks of its rows.
    pub constraints: Vec<Constraint>,
}

/// Why an import does not go into its table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// The name is that of something else.
    #[error("{table} is a view, and the import writes to a table")]
    View {
        /// The name.
        table: String,
    },
    /// A column is missing.
    #[error("the table {table} has no column {column}, which the import {import} writes")]
    Missing {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The import.
        import: String,
    },
    /// A column has another type.
    #[error(
        "the table {table} has the column {column} as {kind}, which does not take the import's {expected}"
    )]
    Type {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Its type.
        kind: String,
        /// The type that the import declares.
        expected: String,
    },
    /// There is no such schema.
    #[error("SQLite has one schema, main, so there is no table {table}: write {name}")]
    Schema {
        /// The table.
        table: String,
        /// Its name without a schema.
        name: String,
    },
    /// A column is computed by the table.
    #[error(
        "the table {table} computes the column {column} itself, which the import {import} writes"
    )]
    Computed {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The import.
        import: String,
    },
    /// Values of the table are written in another way than the import's.
    #[error(
        "the column {column} of {table} holds {held}, and imports write {form}, so rows would not be known \
         again: bring the table into that form first (docs/reference/import.md)"
    )]
    Form {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// A value of the table.
        held: String,
        /// The form of the import.
        form: Form,
    },
    /// Columns of the table would stay empty that may not.
    #[error(
        "the table {table} takes no row without {}: the import {import} does not fill that, and the \
         table has no default for it",
        columns.join(", ")
    )]
    Unfilled {
        /// The table.
        table: String,
        /// The columns.
        columns: Vec<String>,
        /// The import.
        import: String,
    },
    /// A rule is no expression.
    #[error("the rule {rule:?} of the import {import} is no condition: {problem}")]
    Rule {
        /// The rule.
        rule: String,
        /// The import.
        import: String,
        /// What is wrong.
        problem: String,
    },
}

impl Fitted {
    /// The same, with more of what the table asks of its rows.
    #[must_use]
    pub fn under(mut self, constraints: Vec<Constraint>) -> Self {
        for constraint in constraints {
            if !self.constraints.contains(&constraint) {
                self.constraints.push(constraint);
            }
        }
        self
    }

    /// Looks whether the import goes into a table with these columns; `None`: it is missing.
    pub fn of(
        import: &Import,
        dialect: Dialect,
        table: Option<&[TableColumn]>,
    ) -> Result<Self, Misfit> {
        let Some(table) = table else {
            return Ok(Self { columns: None, numbered: None, constraints: Vec::new() });
        };
        let find = |name: &str| {
            let mut columns = table.iter();
            columns.find(|column| column.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
                Misfit::Missing {
                    table: import.table.clone(),
                    column: name.to_owned(),
                    import: import.name.clone(),
                }
            })
        };
        let mut columns = Vec::new();
        for (name, kind) in written(import) {
            let column = find(name)?;
            let takes = match dialect {
                Dialect::DuckDb => duckdb_takes(&column.kind, kind),
                Dialect::Sqlite => sqlite_takes(&column.kind, kind),
            };
            if !takes {
                return Err(Misfit::Type {
                    table: import.table.clone(),
                    column: name.to_owned(),
                    kind: column.kind.clone(),
                    expected: word(kind).to_owned(),
                });
            }
            columns.push(column.clone());
        }
        let is_written =
            |name: &str| columns.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        let mut empty: Vec<&TableColumn> = table
            .iter()
            .filter(|column| !column.filled && (!column.nullable || column.primary))
            .filter(|column| !is_written(&column.name))
            .collect();
        let number = empty.iter().position(|column| column.primary && is_whole(&column.kind));
        let numbered = number.map(|place| empty.remove(place).name.clone());
        if !empty.is_empty() {
            return Err(Misfit::Unfilled {
                table: import.table.clone(),
                columns: empty.iter().map(|column| column.name.clone()).collect(),
                import: import.name.clone(),
            });
        }
        // SQLite's number of the row is in no index.
        let primary = table.iter().filter(|column| column.primary);
        let constraints = primary.map(|column| Constraint::unique(vec![column.name.clone()]));
        let constraints = constraints.collect();
        Ok(Self { columns: Some(columns), numbered, constraints })
    }
}

/// Returns what is written, with its types; the hash of a password is the last.
pub fn written(import: &Import) -> impl Iterator<Item = (&str, ColumnType)> {
    let hash = import.password.iter().map(|password| (password.into.as_str(), ColumnType::Text));
    import.columns.iter().map(|column: &Column| (column.name.as_str(), column.kind)).chain(hash)
}

/// Returns the types of what is written, in the order of the spool after `tidegate_row`.
pub fn kinds(import: &Import) -> impl Iterator<Item = ColumnType> {
    written(import).map(|(_, kind)| kind)
}

/// What a type is called in the configuration.
fn word(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Integer => "integer",
        ColumnType::Number => "number",
        ColumnType::Amount => "amount",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Email => "email",
    }
}

/// Tells whether a type has whole numbers, in both engines.
fn is_whole(kind: &str) -> bool {
    let kind = kind.to_ascii_uppercase();
    kind.contains("INT") && !kind.contains("INTERVAL") && !kind.contains('[')
}

/// Tells whether a type of DuckDB takes values, each of which is checked as well.
fn duckdb_takes(kind: &str, wanted: ColumnType) -> bool {
    let base = kind.split('(').next().unwrap_or_default();
    if kind.ends_with(']') {
        return false;
    }
    let inexact = matches!(base, "FLOAT" | "DOUBLE");
    let exact = base == "DECIMAL";
    match wanted {
        ColumnType::Text => matches!(base, "VARCHAR" | "ENUM"),
        ColumnType::Email => base == "VARCHAR",
        ColumnType::Integer => is_whole(base) || exact || base == "DOUBLE",
        ColumnType::Number | ColumnType::Amount => inexact || exact,
        ColumnType::Boolean => base == "BOOLEAN",
        ColumnType::Date => matches!(base, "DATE" | "VARCHAR") || is_time(base),
        // The session's time zone is UTC.
        ColumnType::Timestamp => {
            matches!(base, "TIMESTAMP WITH TIME ZONE" | "VARCHAR") || is_time(base)
        }
    }
}

/// Tells whether a type of DuckDB is a time without a zone.
fn is_time(base: &str) -> bool {
    matches!(base, "TIMESTAMP" | "TIMESTAMP_S" | "TIMESTAMP_MS" | "TIMESTAMP_NS")
}

/// Tells whether a column of SQLite makes all numbers floating ones.
pub(super) fn is_real(kind: &str) -> bool {
    let kind = kind.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    !has(&["INT", "CHAR", "CLOB", "TEXT", "BLOB"]) && has(&["REAL", "FLOA", "DOUB"])
}

/// Tells whether a column of SQLite keeps each value with the type that it comes with.
pub(super) fn is_any(kind: &str) -> bool {
    let kind = kind.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    !has(&["INT", "CHAR", "CLOB", "TEXT"]) && (kind.is_empty() || has(&["BLOB"]) || kind == "ANY")
}

/// Tells whether a column of SQLite keeps values as they are (<https://sqlite.org/datatype3.html>,
/// section 3.1).
fn sqlite_takes(kind: &str, wanted: ColumnType) -> bool {
    let kind = kind.to_ascii_uppercase();
    let has = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    let whole = has(&["INT"]);
    let text = !whole && has(&["CHAR", "CLOB", "TEXT"]);
    let any = is_any(&kind);
    let real = is_real(&kind);
    let numeric = !whole && !text && !any && !real;
    match wanted {
        ColumnType::Text | ColumnType::Email => text || any,
        ColumnType::Integer => whole || real || numeric || any,
        ColumnType::Number | ColumnType::Amount => real || numeric || any,
        ColumnType::Boolean => whole || numeric || any,
        ColumnType::Date | ColumnType::Timestamp => text || numeric || any,
    }
}
