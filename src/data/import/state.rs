//! What the database remembers of its imports: the table `tidegate_imports`, one row for each.

use serde_json::Value;

use super::column::Column;
use super::load::Load;
use super::{duckdb, sqlite};
use crate::config::ColumnType;
use crate::data::check::Dialect;
use crate::data::sql::{SqlProblem, identifier, literal};

/// How the names of the tables begin that tidegate writes for itself.
pub const OWN: &str = "tidegate_";

/// The table, as SQL.
pub const IMPORTS: &str = "tidegate_imports";

/// Returns what the column of the watermark has at most among the staged rows, up to what was read, as
/// SQL. Values beyond that lie in the future; rows that the database found bad have left the stage.
pub fn reached(load: &Load<'_>, dialect: Dialect) -> Result<String, SqlProblem> {
    let Some(read) = load.watermark else { return Ok("NULL".to_owned()) };
    let read = literal(&Value::String(read.to_owned()))?;
    let Some(column) = marking(load) else { return Ok(read) };
    let kind = match dialect {
        Dialect::DuckDb => duckdb::made(column.kind),
        Dialect::Sqlite => sqlite::made(column.kind),
    };
    // The stage has the type of the table, which may be another.
    Ok(format!(
        "(SELECT CAST(max(value) AS VARCHAR) FROM (SELECT CAST({} AS {kind}) AS value \
         FROM tidegate_stage) AS staged WHERE value <= CAST({read} AS {kind}))",
        identifier(&column.name)
    ))
}

/// The column of the watermark.
fn marking<'a>(load: &Load<'a>) -> Option<&'a Column> {
    let name = load.import.api.watermark.as_deref()?;
    load.import.columns.iter().find(|column| column.name == name)
}

/// Returns the statement that remembers an import. A watermark never moves back.
pub fn upsert(load: &Load<'_>, dialect: Dialect) -> Result<String, SqlProblem> {
    let text = |text: &str| literal(&Value::String(text.to_owned()));
    let watermark = reached(load, dialect)?;
    let now = match dialect {
        Dialect::DuckDb => text(&load.now.strftime("%Y-%m-%d %H:%M:%S").to_string())?,
        Dialect::Sqlite => text(&load.now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())?,
    };
    // What is no number is no bound, either: the column may have been another once.
    let cast = match dialect {
        Dialect::DuckDb => "TRY_CAST",
        Dialect::Sqlite => "CAST",
    };
    let compared = |value: &str| match marking(load).map(|column| column.kind) {
        Some(ColumnType::Integer) => format!("{cast}({value} AS BIGINT)"),
        Some(ColumnType::Number | ColumnType::Amount) => format!("{cast}({value} AS DOUBLE)"),
        Some(
            ColumnType::Text
            | ColumnType::Boolean
            | ColumnType::Date
            | ColumnType::Timestamp
            | ColumnType::Email,
        )
        | None => value.to_owned(),
    };
    Ok(format!(
        "INSERT INTO {IMPORTS} (name, table_name, watermark, imported_at, rows, source) \
         VALUES ({}, {}, {watermark}, {now}, {}, {}) ON CONFLICT (name) DO UPDATE SET \
         table_name = excluded.table_name, imported_at = excluded.imported_at, rows = excluded.rows, \
         source = excluded.source, watermark = CASE WHEN excluded.watermark IS NULL \
         OR {} > {} THEN {IMPORTS}.watermark ELSE excluded.watermark END",
        text(&load.import.name)?,
        text(&load.import.table)?,
        load.rows,
        text(load.source)?,
        compared(&format!("{IMPORTS}.watermark")),
        compared("excluded.watermark"),
    ))
}

/// Returns the query that tells what is remembered, as texts.
pub fn select(dialect: Dialect) -> String {
    let time = match dialect {
        Dialect::DuckDb => "strftime(imported_at, '%Y-%m-%dT%H:%M:%SZ') AS imported_at",
        Dialect::Sqlite => "imported_at",
    };
    format!(
        "SELECT name, table_name, watermark, {time}, CAST(rows AS VARCHAR) AS rows, source FROM {IMPORTS} ORDER BY name"
    )
}
