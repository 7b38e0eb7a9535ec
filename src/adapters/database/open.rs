//! Which engine a database file needs, and whether it is there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::duckdb::DuckDb;
use super::ending::{is_duckdb, is_sqlite_inside};
use super::sqlite::Sqlite;
use super::{Database, DatabaseError};
use crate::config::{DataConfig, wait};

/// How long one operation may take where the configuration does not say so.
const TIMEOUT: Duration = Duration::from_mins(10);

/// How long a file is waited for that another process holds.
const PATIENCE: Duration = Duration::from_mins(1);

/// What an engine may take.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// How long one operation may take.
    pub(super) timeout: Duration,
    /// How long a file is waited for that another process holds.
    pub(super) patience: Duration,
    /// The most memory, in DuckDB's words.
    pub(super) memory: Option<String>,
}

impl Limits {
    /// Waits so long for a file, instead of [`PATIENCE`]. An operation may take longer by it.
    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.timeout = self.timeout.saturating_add(patience);
        self.patience = patience;
    }
}

/// Finds the engine of a database file by its ending: `.duckdb` and `.ddb`, or SQLite's `.db`,
/// `.sqlite` and `.sqlite3`. `file` is taken from `root` where it is not absolute; it need not exist
/// yet. For DuckDB, the command is looked for and asked for its version.
pub async fn open(
    config: &DataConfig,
    root: &Path,
    file: &str,
    environment: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Result<Box<dyn Database>, DatabaseError> {
    let timeout = config.duckdb.timeout.as_deref().and_then(wait).unwrap_or(TIMEOUT);
    let limits = Limits {
        timeout,
        patience: PATIENCE.min(timeout),
        memory: config.duckdb.memory_limit.clone(),
    };
    let path = root.join(file);
    if !is_duckdb(file) {
        return Ok(Box::new(Sqlite::new(path, file.to_owned(), limits)));
    }
    if let Some(reason) = is_sqlite_inside(&path) {
        return Err(DatabaseError::Open { file: file.to_owned(), reason });
    }
    let command = command(config.duckdb.command.as_deref(), root, environment)?;
    let root = root.to_owned();
    Ok(Box::new(DuckDb::start(command, root, path, file.to_owned(), limits).await?))
}

/// Finds the `duckdb` command.
fn command(
    configured: Option<&str>,
    root: &Path,
    environment: &(dyn Fn(&str) -> Option<String> + Send + Sync),
) -> Result<PathBuf, DatabaseError> {
    let name = configured.unwrap_or("duckdb");
    if name.contains('/') {
        let path = root.join(name);
        return if path.is_file() {
            Ok(path)
        } else {
            let problem = format!(
                "there is no file {name}, which `data.duckdb.command` names as the duckdb command"
            );
            Err(DatabaseError::NoEngine { problem })
        };
    }
    let path = environment("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| DatabaseError::NoEngine {
            problem: format!(
                "there is no command `{name}` on PATH, which reads and writes DuckDB files: \
                 install it in this job (`pip install duckdb-cli`), or name it as `data.duckdb.command`"
            ),
        })
}
