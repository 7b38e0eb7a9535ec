//! What a database remembers of its imports, as it is read back.

use serde_json::Value;

use super::{DatabaseError, Rows};
use crate::data::import::ImportState;

/// The most imports that are read.
pub(super) const MOST: usize = 10_000;

/// What is said where the table is that of somebody else.
pub(super) const NOT_OWN: &str = "its table tidegate_imports is not as tidegate writes it, and the name is taken by that: rename the table";

/// Reads the rows of [`crate::data::import::state::select`].
pub(super) fn read(shown: &str, found: Rows) -> Result<Vec<ImportState>, DatabaseError> {
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
