//! Values of a table that is there, in another form than imports write.

use rusqlite::{Connection, OptionalExtension as _};

use crate::data::check::Dialect;
use crate::data::import::{Fitted, Import, Look, Misfit};

/// Finds a value of the table that is written in another way than the import's.
pub(super) fn other_form(
    connection: &Connection,
    import: &Import,
    fitted: &Fitted,
) -> Result<Option<Misfit>, rusqlite::Error> {
    for look in Look::all(import, fitted, Dialect::Sqlite) {
        // Bytes that are no text are shown as well as they can be.
        let text = |row: &rusqlite::Row<'_>, place: usize| -> Result<String, rusqlite::Error> {
            Ok(String::from_utf8_lossy(row.get_ref(place)?.as_bytes()?).into_owned())
        };
        let read = |row: &rusqlite::Row<'_>| Ok((text(row, 0)?, text(row, 1)?));
        let found: Option<(String, String)> =
            connection.query_row(&look.query, [], read).optional()?;
        if let Some((kind, value)) = found {
            return Ok(Some(look.found(&kind, &value)));
        }
    }
    Ok(None)
}
