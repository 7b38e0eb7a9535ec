//! What a table that is there asks of its rows: keys that no two of them share, and rows of other tables
//! that they refer to.

use serde::Deserialize;

/// A constraint of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// No two rows have the same values in these columns, unless one of the values is NULL.
    Unique(Vec<Part>),
    /// The values of these columns are those of a row of another table, unless one of them is NULL.
    Reference {
        /// The columns.
        columns: Vec<String>,
        /// The schema of the other table.
        schema: String,
        /// The other table.
        table: String,
        /// Its columns.
        to: Vec<String>,
    },
}

/// A column of [`Constraint::Unique`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name.
    pub column: String,
    /// How its values are compared, where that is not byte by byte: `NOCASE` of SQLite.
    pub collation: Option<String>,
}

impl Constraint {
    /// No two rows have the same values in these columns.
    pub fn unique(columns: Vec<String>) -> Self {
        let part = |column| Part { column, collation: None };
        Self::Unique(columns.into_iter().map(part).collect())
    }
}

/// A constraint as the query of [`super::duckdb::columns`] tells it.
#[derive(Deserialize)]
struct Told {
    kind: String,
    columns: Vec<String>,
    schema: String,
    parent: Option<String>,
    parents: Vec<String>,
}

/// Reads the constraints of `table` that DuckDB tells; `None` where that cannot be read. Where a table
/// refers to itself, only DuckDB knows whether that holds in the end.
pub fn told(table: &str, json: &str) -> Option<Vec<Constraint>> {
    let told: Vec<Told> = serde_json::from_str(json).ok()?;
    let own = crate::data::sql::parts(table).pop().unwrap_or_default();
    let read = told.into_iter().filter_map(|told| match (told.kind.as_str(), told.parent) {
        ("FOREIGN KEY", Some(parent)) if !parent.eq_ignore_ascii_case(&own) => {
            Some(Constraint::Reference {
                columns: told.columns,
                schema: told.schema,
                table: parent,
                to: told.parents,
            })
        }
        ("PRIMARY KEY" | "UNIQUE", _) => Some(Constraint::unique(told.columns)),
        _ => None,
    });
    Some(read.collect())
}
