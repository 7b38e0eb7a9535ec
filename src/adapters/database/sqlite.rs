//! SQLite, embedded.
//!
//! - The copy is made by the backup interface within one read transaction, page by page: what is in the
//!   `-wal` file comes along, others may go on writing to a database in WAL mode, and a database that
//!   did not change gives the same bytes again, one that was written anew perhaps not ([`content`]).
//!   Free pages are copied, too: `VACUUM` the database itself where it has shrunk.
//! - What reads opens the file read-only, and can attach no other file.
//! - An operation is interrupted after its time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, InterruptHandle, params_from_iter};
use serde_json::Value;

use super::ending::is_duckdb_inside;
use super::open::Limits;
use super::{Database, DatabaseError, Rows, holder};
use crate::data::check::Dialect;
use crate::data::import::{ImportState, Load, Loaded, Misfit};
use crate::data::sql;

mod connect;
mod constraints;
mod content;
mod fill;
mod forms;
mod imports;
mod listed;
mod load;
mod mode;
mod spool;

use connect::{Access, connect};

/// How many pages are copied between two looks at the clock.
const PAGES: i32 = 4096;

/// How long to wait before a page that another process holds is tried again.
const PAUSE: Duration = Duration::from_millis(50);

/// How long to wait for an interrupted operation to end.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// A SQLite file.
#[derive(Clone)]
pub(super) struct Sqlite {
    engine: String,
    file: PathBuf,
    shown: String,
    limits: Limits,
}

/// Why a job on a connection failed.
enum Problem {
    Sqlite(rusqlite::Error),
    Reason(String),
    Misfit(Misfit),
    Constraint { table: String, reason: String },
    Text(sql::SqlProblem),
    Io { path: String, source: std::io::Error },
    Late,
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Interrupts its connection when nobody waits any more.
struct Interrupt(Option<InterruptHandle>);

impl Drop for Interrupt {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.interrupt();
        }
    }
}

impl Sqlite {
    pub(super) fn new(file: PathBuf, shown: String, limits: Limits) -> Self {
        Self { engine: format!("SQLite {}", rusqlite::version()), file, shown, limits }
    }

    /// Runs a job on a connection to the file, which has to be there.
    async fn with<T: Send + 'static>(
        &self,
        writes: bool,
        job: impl FnOnce(&mut Connection, Instant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        if !self.file.is_file() {
            let reason = "there is no such file".to_owned();
            return Err(DatabaseError::Open { file: self.shown.clone(), reason });
        }
        self.on(if writes { Access::Write } else { Access::Read }, job).await
    }

    /// Runs a job on a connection of its own, on a thread of its own.
    async fn on<T: Send + 'static>(
        &self,
        access: Access,
        job: impl FnOnce(&mut Connection, Instant) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (file, limits) = (self.file.clone(), self.limits.clone());
        let (send, handle) = tokio::sync::oneshot::channel();
        let deadline = Instant::now() + limits.timeout;
        let mut job = tokio::task::spawn_blocking(move || {
            let (mut connection, still) = connect(&file, access, limits.patience)?;
            let _ = send.send(connection.get_interrupt_handle());
            let done = job(&mut connection, deadline)?;
            // It was read as one that does not change.
            if still && mode::is_written(&file) { Err(busy()) } else { Ok(done) }
        });
        let mut interrupt = Interrupt(handle.await.ok());
        let ended = match tokio::time::timeout(self.limits.timeout, &mut job).await {
            Ok(ended) => ended,
            Err(_) => {
                drop(Interrupt(interrupt.0.take()));
                match tokio::time::timeout(LAST_WORDS, &mut job).await {
                    Ok(ended) => ended,
                    Err(_) => return Err(self.late()),
                }
            }
        };
        interrupt.0 = None;
        match ended {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(problem)) => Err(self.error(problem)),
            Err(error) => Err(self.error(Problem::Reason(error.to_string()))),
        }
    }

    fn late(&self) -> DatabaseError {
        DatabaseError::TimedOut { file: self.shown.clone(), seconds: self.limits.timeout.as_secs() }
    }

    fn error(&self, problem: Problem) -> DatabaseError {
        let file = self.shown.clone();
        let error = match problem {
            Problem::Late => return self.late(),
            Problem::Reason(reason) => return DatabaseError::Sql { file, reason },
            Problem::Misfit(problem) => return DatabaseError::Table { file, problem },
            Problem::Constraint { table, reason } => {
                return DatabaseError::Constraint { file, table, reason };
            }
            Problem::Text(problem) => return self.wrong(problem),
            Problem::Io { path, source } => return DatabaseError::Io { path, source },
            Problem::Sqlite(error) => error,
        };
        let reason = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => DatabaseError::Full { file, reason },
            Some(ErrorCode::OperationInterrupted) => self.late(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                // Its connection is closed: looking gives no lock free.
                let who = holder(&self.file).map(|who| who.to_string());
                DatabaseError::InUse { file, holder: who.unwrap_or("another process".to_owned()) }
            }
            Some(ErrorCode::NotADatabase) => {
                let reason = is_duckdb_inside(&self.file).unwrap_or(reason);
                DatabaseError::Open { file, reason }
            }
            Some(
                ErrorCode::CannotOpen
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly,
            ) => {
                let wal = "; it is in WAL mode, which needs a folder that can be written while programs have it open";
                let why = if mode::is_closed(&self.file) { wal } else { "" };
                DatabaseError::Open { file, reason: format!("{reason}{why}") }
            }
            Some(_) | None => DatabaseError::Sql { file, reason },
        }
    }

    fn wrong(&self, problem: sql::SqlProblem) -> DatabaseError {
        DatabaseError::Text { file: self.shown.clone(), problem }
    }
}

fn busy() -> Problem {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    Problem::Sqlite(rusqlite::Error::SqliteFailure(code, None))
}

#[async_trait]
impl Database for Sqlite {
    fn engine(&self) -> &str {
        &self.engine
    }

    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    async fn snapshot(
        &self,
        target: &Path,
        _storage_version: Option<&str>,
    ) -> Result<String, DatabaseError> {
        let io = |source| DatabaseError::Io { path: target.display().to_string(), source };
        if target.symlink_metadata().is_ok() {
            return Err(io(std::io::ErrorKind::AlreadyExists.into()));
        }
        let (copy, patience) = (target.to_owned(), self.limits.patience);
        let copied =
            self.with(false, move |from, deadline| backup(from, &copy, patience, deadline));
        let copied = copied.await;
        if copied.is_err() {
            for end in ["", "-wal", "-shm", "-journal"] {
                let mut name = target.as_os_str().to_owned();
                name.push(end);
                let _ = std::fs::remove_file(name);
            }
        }
        copied?;
        Ok("sqlite 3".to_owned())
    }

    async fn content(&self) -> Result<String, DatabaseError> {
        self.with(false, |connection, _| Ok(content::content(connection)?)).await
    }

    async fn query(
        &self,
        sql: &str,
        parameters: &[Value],
        limit: usize,
    ) -> Result<Rows, DatabaseError> {
        let statement = sql::one(sql).map_err(|problem| self.wrong(problem))?.to_owned();
        let parameters: Result<Vec<_>, _> = parameters.iter().map(parameter).collect();
        let parameters = parameters.map_err(|problem| self.wrong(problem))?;
        self.with(false, move |connection, _| {
            let mut prepared = connection.prepare(&statement)?;
            if !prepared.readonly() {
                return Err(Problem::Reason("expected a query that only reads".to_owned()));
            }
            let columns: Vec<String> = prepared.column_names().map(str::to_owned).collect();
            let mut found = prepared.query(params_from_iter(parameters))?;
            let mut rows = Vec::new();
            while rows.len() < limit
                && let Some(row) = found.next()?
            {
                let values: Result<Vec<Value>, rusqlite::Error> =
                    (0..columns.len()).map(|index| row.get_ref(index).map(json)).collect();
                rows.push(values?);
            }
            Ok(Rows { columns, rows })
        })
        .await
    }

    async fn execute(&self, sql: &str) -> Result<(), DatabaseError> {
        sql::transaction(sql).map_err(|problem| self.wrong(problem))?;
        let sql = sql.to_owned();
        self.with(true, move |connection, _| {
            let transaction =
                connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
            transaction.execute_batch(&sql)?;
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn load(&self, load: &Load<'_>) -> Result<Loaded, DatabaseError> {
        load::load(self, load).await
    }

    async fn imports(&self) -> Result<Vec<ImportState>, DatabaseError> {
        imports::imports(self).await
    }

    fn at(&self, file: &Path) -> Box<dyn Database> {
        Box::new(Self { file: file.to_owned(), ..self.clone() })
    }

    fn storage(&self, _file: &File) -> Result<Option<String>, DatabaseError> {
        Ok(None)
    }

    fn set_patience(&mut self, patience: Duration) {
        self.limits.set_patience(patience);
    }
}

fn backup(
    from: &Connection,
    target: &Path,
    patience: Duration,
    deadline: Instant,
) -> Result<(), Problem> {
    // What is read from here on is one state, whatever others write.
    from.execute_batch("BEGIN")?;
    from.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
    let mut to = Connection::open(target)?;
    let busy_until = Instant::now() + patience;
    {
        let backup = Backup::new(from, &mut to)?;
        loop {
            match backup.step(PAGES)? {
                StepResult::Done => break,
                StepResult::More => {}
                StepResult::Busy | StepResult::Locked if Instant::now() < busy_until => {
                    std::thread::sleep(PAUSE);
                }
                StepResult::Busy | StepResult::Locked => {
                    return Err(busy());
                }
                other => return Err(Problem::Reason(format!("the backup stopped: {other:?}"))),
            }
            if Instant::now() > deadline {
                return Err(Problem::Late);
            }
        }
    }
    from.execute_batch("ROLLBACK")?;
    // One file, whatever the source has beside it.
    to.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    let left = deadline.saturating_duration_since(Instant::now());
    let handle = to.get_interrupt_handle();
    let (done, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            if ended
                .recv_timeout(left)
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                handle.interrupt();
            }
        });
        let said: Result<String, rusqlite::Error> =
            to.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
        drop(done);
        match said?.as_str() {
            "ok" => Ok(()),
            said => Err(Problem::Reason(format!("the database is damaged: {said}"))),
        }
    })?;
    to.close().map_err(|(_, error)| Problem::Sqlite(error))
}

/// Returns a parameter as SQLite takes it.
fn parameter(value: &Value) -> Result<rusqlite::types::Value, sql::SqlProblem> {
    use rusqlite::types::Value as Bound;

    match value {
        Value::Null => Ok(Bound::Null),
        Value::Bool(value) => Ok(Bound::Integer(i64::from(*value))),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Ok(Bound::Integer(number)),
            (None, Some(number)) => Ok(Bound::Real(number)),
            (None, None) => Err(sql::SqlProblem::Value),
        },
        Value::String(text) => Ok(Bound::Text(text.clone())),
        Value::Array(_) | Value::Object(_) => Err(sql::SqlProblem::Value),
    }
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::from(number),
        ValueRef::Real(number) => match serde_json::Number::from_f64(number) {
            Some(number) => Value::Number(number),
            None => Value::String(number.to_string()),
        },
        ValueRef::Text(text) => Value::String(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::String(format!("{} bytes", bytes.len())),
    }
}
