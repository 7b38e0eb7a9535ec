//! The table in which this program notes how imports ended.

use rusqlite::Connection;

use super::{Problem, Sqlite};
use crate::adapters::database::{Database as _, DatabaseError, state};
use crate::data::check::Dialect;
use crate::data::import::ImportState;
use crate::data::import::state::select;

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
    match database.query(&select(Dialect::Sqlite), &[], state::MOST).await {
        Ok(found) => state::read(&database.shown, found),
        Err(DatabaseError::Sql { reason, .. })
            if reason.contains("no such table: tidegate_imports") =>
        {
            Ok(Vec::new())
        }
        Err(DatabaseError::Sql { reason, file }) if reason.contains("no such column") => {
            Err(DatabaseError::Sql { file, reason: state::NOT_OWN.to_owned() })
        }
        Err(error) => Err(error),
    }
}
