//! Rows that a constraint of the table would refuse.

use super::{Both, Shape, UNMATCHED, list, text};
use crate::config::{ColumnType, OnConflict};
use crate::data::check::Dialect;
use crate::data::import::constraint::{Constraint, Part};
use crate::data::import::faults::Faults;
use crate::data::import::target::is_real;
use crate::data::sql::{SqlProblem, identifier};

impl<'a> Shape<'a> {
    /// The names of the key in the source, and what shows its values.
    pub(super) fn key(&self) -> (String, String) {
        let names = list(self.keys().map(|key| key.from.to_owned()));
        (names, format!("concat_ws(', ', {})", list(self.keys().map(Both::shown))))
    }

    /// Adds the rows that the table does not hold, and those that the constraints refuse. Those that the import's own key and `unique` cover are
    /// not asked again.
    pub(super) fn refused(&self, found: &mut Faults) -> Result<(), SqlProblem> {
        for (place, column) in self.exact() {
            let kind = &column.table_kind;
            let rule = format!("expected at most 15 digits, which the table holds as {kind}");
            let from = format!("tidegate_lost AS s WHERE s.place = {place}");
            found.add(None, column.from, Some("s.value"), &rule, &from)?;
        }
        for constraint in &self.fitted.constraints {
            if self.is_covered(constraint) {
                continue;
            }
            match constraint {
                Constraint::Unique(parts) => self.taken(parts, found)?,
                Constraint::Reference { columns, schema, table, to } => {
                    let parent = format!("{}.{}", identifier(schema), identifier(table));
                    self.dangling(columns, (table, &parent), to, found)?;
                }
            }
        }
        Ok(())
    }

    /// Tells whether a constraint refuses no row that the import's own key and `unique` let through.
    pub(super) fn is_covered(&self, constraint: &Constraint) -> bool {
        let parts = match constraint {
            Constraint::Unique(parts) => parts,
            Constraint::Reference { columns, .. } => return self.all(columns.iter()).is_none(),
        };
        let Some(columns) = self.all(parts.iter().map(|part| &part.column)) else { return true };
        let has = |wanted: &Both<'_>| columns.iter().any(|column| column.name == wanted.name);
        let is_exact = parts.iter().all(|part| part.collation.is_none());
        is_exact && (self.keys().all(has) || (columns.len() == 1 && self.unique().any(has)))
    }

    /// The columns of the import with these names, where it writes all of them.
    fn all<'s>(&'s self, names: impl Iterator<Item = &'s String>) -> Option<Vec<&'s Both<'a>>> {
        let find = |name: &String| {
            let mut columns = self.columns.iter().filter(|column| !column.is_hash);
            columns.find(|column| column.name.eq_ignore_ascii_case(name))
        };
        names.map(find).collect()
    }

    /// Holds for rows that are written, and have a value in each of the columns.
    fn is_asked(&self, columns: &[&Both<'_>]) -> String {
        let mut terms: Vec<String> =
            columns.iter().map(|column| format!("{} IS NOT NULL", column.staged())).collect();
        terms.push(match self.import.on_conflict {
            OnConflict::Update => "NOT EXISTS (SELECT 1 FROM tidegate_match AS m \
                WHERE m.tidegate_row = s.tidegate_row AND m.changed = 0)"
                .to_owned(),
            OnConflict::Keep | OnConflict::Reject => UNMATCHED.to_owned(),
        });
        terms.join(" AND ")
    }

    fn taken(&self, parts: &[Part], found: &mut Faults) -> Result<(), SqlProblem> {
        let Some(columns) = self.all(parts.iter().map(|part| &part.column)) else { return Ok(()) };
        let collated = |value: String, part: &Part| match &part.collation {
            Some(collation) => format!("{value} COLLATE {collation}"),
            None => value,
        };
        let both = || columns.iter().zip(parts);
        let names = list(columns.iter().map(|column| column.from.to_owned()));
        let (value, what) = match columns.as_slice() {
            [column] => (column.shown(), "a value"),
            _ => {
                let shown = list(columns.iter().map(|column| column.shown()));
                (format!("concat_ws(', ', {shown})"), "values")
            }
        };
        let staged = list(columns.iter().map(|column| column.staged()));
        let asked = self.is_asked(&columns);
        let by = list(both().map(|(column, part)| collated(column.staged(), part)));
        let from = format!(
            "(SELECT s.tidegate_row, {staged}, min(s.tidegate_row) OVER (PARTITION BY {by}) AS tidegate_first \
             FROM tidegate_stage AS s WHERE {asked}) AS s WHERE s.tidegate_row > s.tidegate_first \
             AND s.tidegate_row NOT IN (SELECT tidegate_row FROM tidegate_fault)"
        );
        let rule = format!("expected {what} that no other row has");
        found.add(Some("s.tidegate_first"), &names, Some(&value), &rule, &from)?;
        let same: Vec<String> = both()
            .map(|(column, part)| {
                format!("t.{} = {}", identifier(column.name), collated(column.staged(), part))
            })
            .collect();
        let exactly = match self.dialect {
            Dialect::DuckDb => "",
            // A row is known again byte by byte, however its column is compared.
            Dialect::Sqlite => " COLLATE BINARY",
        };
        let apart: Vec<String> =
            self.keys().map(|key| format!("{}{exactly}", key.is_other())).collect();
        let rule = format!("expected {what} that no other row of the table has");
        // Where the import's `unique` asks the same, that has been said.
        let said = format!(
            "SELECT tidegate_row FROM tidegate_fault WHERE \"column\" = {} AND rule = {}",
            text(&names)?,
            text(&rule)?
        );
        let from = format!(
            "tidegate_stage AS s WHERE {asked} AND EXISTS (SELECT 1 FROM {} AS t WHERE {} AND ({})) \
             AND s.tidegate_row NOT IN ({said})",
            self.table,
            same.join(" AND "),
            apart.join(" OR "),
        );
        found.add(None, &names, Some(&value), &rule, &from)
    }

    fn dangling(
        &self,
        columns: &[String],
        (name, parent): (&str, &str),
        to: &[String],
        found: &mut Faults,
    ) -> Result<(), SqlProblem> {
        let Some(columns) = self.all(columns.iter()) else { return Ok(()) };
        let same: Vec<String> = columns
            .iter()
            .zip(to)
            .map(|(column, to)| format!("p.{} = {}", identifier(to), column.staged()))
            .collect();
        let from = format!(
            "tidegate_stage AS s WHERE {} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {})",
            self.is_asked(&columns),
            same.join(" AND "),
        );
        let names = list(columns.iter().map(|column| column.from.to_owned()));
        let shown = list(columns.iter().map(|column| column.shown()));
        let what = if columns.len() == 1 { "a value" } else { "values" };
        let rule = format!("expected {what} that {name} has as {}", to.join(", "));
        found.add(None, &names, Some(&format!("concat_ws(', ', {shown})")), &rule, &from)
    }

    /// The columns, with their places, whose values SQLite may change: it keeps them in 64 bits with a
    /// floating point.
    pub(in crate::data::import) fn exact(&self) -> impl Iterator<Item = (usize, &Both<'a>)> {
        let is_sqlite = self.dialect == Dialect::Sqlite;
        self.columns.iter().enumerate().filter(move |(_, column)| {
            let whole = column.kind == ColumnType::Integer && is_real(&column.table_kind);
            is_sqlite && (column.kind == ColumnType::Amount || whole)
        })
    }
}
