//! Days and times in a table that is there. SQLite has no types for them: a table holds whatever text its
//! programs write, and two texts of one day are two values. An import whose rows are not known again would
//! double them.

use rusqlite::{Connection, OptionalExtension as _};

use crate::config::ColumnType;
use crate::data::import::{Import, Misfit, written};
use crate::data::sql;

/// How days look, as a pattern of GLOB.
const DAY: &str = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]";

/// How times of a day look, without decimals.
const SECOND: &str = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]";

/// Finds a value of the table that is written in another way than the import's.
pub(super) fn other_form(
    connection: &Connection,
    import: &Import,
) -> Result<Option<Misfit>, rusqlite::Error> {
    for (column, kind) in written(import) {
        let (alike, is_time) = match kind {
            ColumnType::Date => (format!("{{0}} GLOB '{DAY}'"), false),
            ColumnType::Timestamp => (
                // In UTC, without an offset, and without zeros after the last decimal.
                format!(
                    "{{0}} GLOB '{DAY} {SECOND}' OR ({{0}} GLOB '{DAY} {SECOND}.*[1-9]' \
                     AND substr({{0}}, 21) NOT GLOB '*[^0-9]*' AND length({{0}}) <= 29)"
                ),
                true,
            ),
            ColumnType::Text
            | ColumnType::Integer
            | ColumnType::Number
            | ColumnType::Amount
            | ColumnType::Boolean
            | ColumnType::Email => continue,
        };
        let (table, name) = (sql::table(&import.table), sql::identifier(column));
        let alike = alike.replace("{0}", &name);
        let query = format!(
            "SELECT CAST({name} AS TEXT) FROM {table} \
             WHERE {name} IS NOT NULL AND (typeof({name}) <> 'text' OR NOT ({alike})) LIMIT 1"
        );
        let found: Option<String> =
            connection.query_row(&query, [], |row| row.get(0)).optional()?;
        if let Some(found) = found {
            return Ok(Some(Misfit::Form {
                table: import.table.clone(),
                column: column.to_owned(),
                found: found.chars().take(40).collect(),
                is_time,
            }));
        }
    }
    Ok(None)
}
