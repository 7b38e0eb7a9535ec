//! A connection to a file.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use super::Problem;
use super::mode::open_still;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It is read, and no other file.
    Read,
    /// It is written.
    Write,
    /// It is made.
    Create,
    /// There is none: a database in memory.
    Memory,
}

/// Connects, and tells whether the file is read as one that does not change.
pub(super) fn connect(
    file: &Path,
    access: Access,
    patience: Duration,
) -> Result<(Connection, bool), Problem> {
    let still = if access == Access::Read { open_still(file) } else { None };
    let is_still = still.is_some();
    let flags = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Access::Create | Access::Memory => {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        }
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match (still, access) {
        (Some(still), _) => still,
        (None, Access::Memory) => Connection::open_in_memory_with_flags(flags)?,
        (None, Access::Read | Access::Write | Access::Create) => {
            Connection::open_with_flags(file, flags)?
        }
    };
    connection.busy_timeout(patience)?;
    // A name between double quotes that is no column is an error, not a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    if access == Access::Read {
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    }
    Ok((connection, is_still))
}
