//! The mode in which a file of SQLite keeps its journal. In WAL mode, readers go on beside a writer; the
//! file remembers it (<https://sqlite.org/wal.html>, section 3.3).

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::DatabaseError;

/// How a file of SQLite begins.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Tells whether a file is one of SQLite in WAL mode: the bytes 18 and 19 are 2
/// (<https://sqlite.org/fileformat2.html>, section 1.3.3).
///
/// This opens and closes the file: not for one that this process has locked.
pub fn is_wal(file: &Path) -> io::Result<bool> {
    let mut header = Vec::with_capacity(20);
    File::open(file)?.take(20).read_to_end(&mut header)?;
    Ok(header.starts_with(MAGIC) && header.get(18..) == Some(&[2, 2]))
}

/// Puts a file of SQLite that nobody else has open into WAL mode.
pub fn set_wal(file: &Path) -> Result<(), DatabaseError> {
    let failed = |reason: String| DatabaseError::Sql { file: file.display().to_string(), reason };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let set = Connection::open_with_flags(file, flags).and_then(|connection| {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        connection.close().map_err(|(_, error)| error)?;
        Ok::<String, rusqlite::Error>(mode)
    });
    match set {
        Ok(mode) if mode == "wal" => Ok(()),
        Ok(mode) => Err(failed(format!("it cannot be put into WAL mode, and stays in {mode}"))),
        Err(error) => Err(failed(error.to_string())),
    }
}
