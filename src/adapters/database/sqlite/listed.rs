//! Files in which a load lists rows: see [`crate::data::import::Load`].

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use rusqlite::Connection;

use super::Problem;

/// Writes what was found.
pub(super) fn write_found(
    connection: &Connection,
    path: &Path,
    query: &str,
) -> Result<(), Problem> {
    let io = |source: std::io::Error| Problem::Io { path: path.display().to_string(), source };
    let mut writer = csv::Writer::from_writer(File::create(path).map_err(io)?);
    let failed = |error: csv::Error| io(std::io::Error::other(error));
    let names = ["tidegate_row", "column", "value", "rule", "other"];
    writer.write_record(names).map_err(failed)?;
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let [number, other]: [Option<i64>; 2] = [row.get(0)?, row.get(4)?];
        let [number, other] = [number, other].map(|n| n.map(|n| n.to_string()).unwrap_or_default());
        let texts: [Option<String>; 3] = [row.get(1)?, row.get(2)?, row.get(3)?];
        let [column, value, rule] = texts.map(Option::unwrap_or_default);
        writer.write_record([number, column, value, rule, other]).map_err(failed)?;
    }
    writer.flush().map_err(io)
}

/// Writes which rows the table has.
pub(super) fn write_known(
    connection: &Connection,
    path: &Path,
    query: &str,
) -> Result<(), Problem> {
    let io = |source: std::io::Error| Problem::Io { path: path.display().to_string(), source };
    let mut writer = BufWriter::new(File::create(path).map_err(io)?);
    writeln!(writer, "tidegate_row").map_err(io)?;
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        writeln!(writer, "{}", row.get::<_, i64>(0)?).map_err(io)?;
    }
    writer.flush().map_err(io)
}
