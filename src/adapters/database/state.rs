//! What a database remembers of its imports, as it is read back.

use serde_json::Value;

use super::{Database, DatabaseError, Rows};
use crate::data::import::ImportState;
use crate::data::import::state::select;

/// The most imports that are read.
const MOST: usize = 10_000;

/// What is said where the table is that of somebody else.
pub(super) const NOT_OWN: &str = "its table tidegate_imports is not as tidegate writes it, and the name is taken by that: rename the table";

/// What an engine says of a query that it does not carry out.
pub(super) struct Words {
    /// There is no table.
    pub(super) no_table: &'static str,
    /// It lacks a column.
    pub(super) no_column: &'static str,
}

/// Tells how the imports of a database that is there ended last. `shown` is how people name it.
pub(super) async fn imports(
    database: &dyn Database,
    shown: &str,
    words: Words,
) -> Result<Vec<ImportState>, DatabaseError> {
    match database.query(&select(database.dialect()), &[], MOST).await {
        Ok(found) => read(shown, found),
        Err(DatabaseError::Sql { reason, .. }) if reason.contains(words.no_table) => Ok(Vec::new()),
        Err(DatabaseError::Sql { reason, file }) if reason.contains(words.no_column) => {
            Err(DatabaseError::Sql { file, reason: NOT_OWN.to_owned() })
        }
        Err(error) => Err(error),
    }
}

/// Reads the rows of [`select`].
fn read(shown: &str, found: Rows) -> Result<Vec<ImportState>, DatabaseError> {
    let state = |row: Vec<Value>| {
        let text = |place: usize| row.get(place).and_then(Value::as_str).map(str::to_owned);
        Some(ImportState {
            name: text(0)?,
            table: text(1)?,
            watermark: text(2),
            imported_at: text(3)?.parse().ok()?,
            rows: text(4)?.parse().ok()?,
            source: text(5)?,
        })
    };
    let states: Option<Vec<_>> = found.rows.into_iter().map(state).collect();
    states.ok_or_else(|| DatabaseError::Sql { file: shown.to_owned(), reason: NOT_OWN.to_owned() })
}
