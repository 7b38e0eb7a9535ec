//! Which engine a file has: its ending says it, and what the file is has to go with that.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::DatabaseError;

/// The endings of DuckDB's files.
const DUCKDB: [&str; 2] = ["duckdb", "ddb"];

/// The endings of files of SQLite that are made. One that is there may have any other.
const SQLITE: [&str; 3] = ["db", "sqlite", "sqlite3"];

/// Tells whether a file of this name is DuckDB's.
pub(super) fn is_duckdb(file: &str) -> bool {
    ends_with(file, &DUCKDB)
}

fn ends_with(file: &str, endings: &[&str]) -> bool {
    let ending = Path::new(file).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.iter().any(|one| one.eq_ignore_ascii_case(ending)))
}

/// Returns why a file with an ending of DuckDB cannot be opened as such: it is one of SQLite, for which
/// DuckDB would ask the network for an extension (<https://sqlite.org/fileformat2.html>, section 1.3).
pub(super) fn is_sqlite_inside(path: &Path) -> Option<String> {
    let begin = begin(path)?;
    begin.starts_with(b"SQLite format 3\0").then(|| named(path, "SQLite", "db"))
}

/// Returns why a file with another ending cannot be opened as SQLite's: it is one of DuckDB, whose header
/// has these letters after a checksum (<https://duckdb.org/docs/stable/internals/storage>).
///
/// This opens and closes the file: not for one that this process has locked.
pub(super) fn is_duckdb_inside(path: &Path) -> Option<String> {
    let begin = begin(path)?;
    (begin.get(8..12) == Some(b"DUCK")).then(|| named(path, "DuckDB", "duckdb"))
}

fn begin(path: &Path) -> Option<Vec<u8>> {
    if !path.is_file() {
        return None;
    }
    let mut begin = Vec::with_capacity(16);
    File::open(path).ok()?.take(16).read_to_end(&mut begin).ok()?;
    Some(begin)
}

fn named(path: &Path, engine: &str, ending: &str) -> String {
    let name = path.with_extension(ending);
    let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
    format!("it is a {engine} file, and its ending says another engine: rename it to {name}")
}

/// Makes sure that the name of a new file says whose it is.
pub(super) fn check_new(file: &str) -> Result<(), DatabaseError> {
    if is_duckdb(file) || ends_with(file, &SQLITE) {
        return Ok(());
    }
    let list =
        |endings: &[&str]| endings.iter().map(|e| format!(".{e}")).collect::<Vec<_>>().join(", ");
    Err(DatabaseError::Open {
        file: file.to_owned(),
        reason: format!(
            "there is no such file, and a new database ends with {} (DuckDB) or {} (SQLite)",
            list(&DUCKDB),
            list(&SQLITE)
        ),
    })
}
