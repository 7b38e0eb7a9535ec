//! Databases: DuckDB by the team's own `duckdb` command, SQLite embedded; one trait for both, so that
//! another engine can be added.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::data::check::Dialect;
use crate::data::import::{ImportState, Load, Loaded, Misfit};
use crate::data::sql::SqlProblem;

mod create;
mod duckdb;
mod ending;
mod found;
mod holder;
mod journal;
mod open;
mod process;
mod sqlite;
mod state;

pub use found::Findings;
pub use holder::{Holder, holder};
pub use journal::{is_wal, set_wal};
pub use open::open;

/// A database file and the engine that reads and writes it.
#[async_trait]
pub trait Database: Send + Sync {
    /// The engine and its version, for messages and `latest.json`: `DuckDB 1.5.6`, `SQLite 3.50`.
    fn engine(&self) -> &str;

    /// The SQL that it speaks.
    fn dialect(&self) -> Dialect;

    /// Writes a consistent copy to `target`, which must not exist, in the given storage version (of
    /// DuckDB: `v1.2.0`). The source is never changed, and may be in use where its engine allows that.
    /// Returns the storage format of the copy: `duckdb v1.2.0`, `sqlite 3`.
    async fn snapshot(
        &self,
        target: &Path,
        storage_version: Option<&str>,
    ) -> Result<String, DatabaseError>;

    /// Returns a digest of what the file holds: schema, rows in any order, the state of sequences. Two
    /// files with one digest hold the same, also where their bytes differ. A digest says itself how
    /// it was made; those of two versions of an engine may differ for the same content.
    async fn content(&self) -> Result<String, DatabaseError>;

    /// Runs one query that only reads, with its parameters bound, never pasted into the text. Returns
    /// at most `limit` rows, each value by its column in order.
    async fn query(
        &self,
        sql: &str,
        parameters: &[Value],
        limit: usize,
    ) -> Result<Rows, DatabaseError>;

    /// Runs statements in one transaction.
    async fn execute(&self, sql: &str) -> Result<(), DatabaseError>;

    /// Brings rows of an import into their table, in one transaction, or looks what that would do.
    /// Makes the table, and the file itself, where they are missing and something is written.
    async fn load(&self, load: &Load<'_>) -> Result<Loaded, DatabaseError>;

    /// Returns how the imports into this database ended last, by name; none where there is no file.
    async fn imports(&self) -> Result<Vec<ImportState>, DatabaseError>;

    /// Returns the engine for another file of its kind, a copy: messages go on naming this one.
    fn at(&self, file: &Path) -> Box<dyn Database>;

    /// Returns the storage version in which a copy of an open file is as readable as that is, for
    /// [`Database::snapshot`]; `None` where the engine has one only.
    fn storage(&self, file: &File) -> Result<Option<String>, DatabaseError>;

    /// Sets how long a file is waited for that another process holds: instead of one minute. The time
    /// for one operation grows by it.
    fn set_patience(&mut self, patience: Duration);
}

/// What a query gave.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rows {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
}

/// Why a database could not be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The engine is not there, or not the one that is needed.
    #[error("{problem}")]
    NoEngine {
        /// What is missing.
        problem: String,
    },
    /// The file cannot be opened: missing, damaged, of another version.
    #[error("cannot open {file}: {reason}")]
    Open {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// Another process holds the file.
    #[error("{file} is in use by {holder}")]
    InUse {
        /// The file.
        file: String,
        /// Who holds it.
        holder: String,
    },
    /// The engine refused the SQL.
    #[error("{file}: {reason}")]
    Sql {
        /// The file.
        file: String,
        /// What the engine said.
        reason: String,
    },
    /// The engine ended before it said what came of it, which nobody knows then.
    #[error("{file}: {reason}")]
    Ended {
        /// The file.
        file: String,
        /// How it ended.
        reason: String,
    },
    /// The SQL cannot be run as it is.
    #[error("{file}: {problem}")]
    Text {
        /// The file.
        file: String,
        /// What is wrong with it.
        problem: SqlProblem,
    },
    /// The table does not go with the import.
    #[error("{file}: {problem}")]
    Table {
        /// The file.
        file: String,
        /// Why.
        problem: Misfit,
    },
    /// A constraint of the table refused rows, and nothing was written.
    #[error("{file}: the table {table} refuses a row, so nothing was written: {reason}")]
    Constraint {
        /// The file.
        file: String,
        /// The table.
        table: String,
        /// What the engine said.
        reason: String,
    },
    /// It took longer than it may.
    #[error("{file}: no result after {seconds} s; the engine was stopped")]
    TimedOut {
        /// The file.
        file: String,
        /// The bound.
        seconds: u64,
    },
    /// The disk has no room for what is written; the engine has taken it back.
    #[error("{file}: the disk is full: {reason}")]
    Full {
        /// The file.
        file: String,
        /// What the engine said.
        reason: String,
    },
    /// A file of this machine cannot be written or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
}
