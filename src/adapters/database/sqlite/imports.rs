//! The table in which this program notes how imports ended.

use rusqlite::Connection;

use super::{Problem, Sqlite};
use crate::adapters::database::{DatabaseError, state};
use crate::data::import::ImportState;

/// Sees that the table of this program is not that of another.
pub(super) fn own(connection: &Connection) -> Result<(), Problem> {
    let columns: (i64, i64) = connection.query_row(
        "SELECT count(*), count(*) FILTER (WHERE name IN \
         ('name', 'table_name', 'watermark', 'imported_at', 'rows', 'source')) \
         FROM pragma_table_info('tidegate_imports')",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    match columns {
        (0, _) | (_, 6) => Ok(()),
        _ => Err(Problem::Reason(state::NOT_OWN.to_owned())),
    }
}

/// Tells how the imports ended last.
pub(super) async fn imports(database: &Sqlite) -> Result<Vec<ImportState>, DatabaseError> {
    if !database.file.exists() {
        return Ok(Vec::new());
    }
    let words =
        state::Words { no_table: "no such table: tidegate_imports", no_column: "no such column" };
    state::imports(database, &database.shown, words).await
}
