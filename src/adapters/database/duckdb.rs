//! DuckDB by the `duckdb` command of the team: one script for each operation, on its standard input.
//!
//! - What reads opens the file read-only, without access to other files and without extensions from
//!   the network, and locks these settings before a query of others runs.
//! - A query is put between brackets, after a check that it cannot leave them
//!   ([`sql::one`]); its answer comes back as one JSON text, which all versions write alike.
//! - Parameters are bound by `PREPARE` and `EXECUTE`, their values written by [`sql::literal`].
//! - `~/.duckdbrc` is not read. The time zone is UTC.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Map, Value};

use super::open::Limits;
use super::process::{self, Said, Stopped};
use super::{Database, DatabaseError, Rows};
use crate::adapters::scratch::{self, Scratch};
use crate::data::check::Dialect;
use crate::data::import::{ImportState, Load, Loaded};
use crate::data::reader::{EngineVersion, HEADERS, oldest_reader, storage_version};
use crate::data::sql;

mod answer;
mod content;
mod copy;
mod environment;
mod load;
mod spool;

/// How long the command may take to say its version.
const VERSION_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait before a file that another process holds is tried again.
const PAUSE: Duration = Duration::from_millis(250);

/// The most characters of a message that are kept.
const LONGEST_MESSAGE: usize = 2000;

/// A DuckDB file and the command that reads and writes it.
#[derive(Clone)]
pub(super) struct DuckDb {
    command: PathBuf,
    engine: String,
    root: PathBuf,
    file: PathBuf,
    shown: String,
    limits: Limits,
}

/// Whether a script may change the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Access {
    /// No, and it reaches no other file.
    Read,
    /// Yes.
    Write,
    /// No, but it reads and writes other files.
    Look,
    /// Yes, and makes it.
    Create,
    /// It attaches files itself.
    Attach,
}

impl DuckDb {
    /// Asks the command for its version.
    pub(super) async fn start(
        command: PathBuf,
        root: PathBuf,
        file: PathBuf,
        shown: String,
        limits: Limits,
    ) -> Result<Self, DatabaseError> {
        let name = command.display().to_string();
        let no_engine = |problem: String| DatabaseError::NoEngine { problem };
        let mut asked = Command::new(&command);
        asked.arg("--version");
        environment::limit(&mut asked);
        let said = match process::run(asked, "", VERSION_TIMEOUT).await {
            Ok(said) => said,
            Err(Stopped::NotStarted(error)) => {
                return Err(no_engine(format!("cannot start {name}: {error}")));
            }
            Err(Stopped::TimedOut | Stopped::TooMuch) => {
                return Err(no_engine(format!("{name} does not say its version")));
            }
        };
        let text = String::from_utf8_lossy(&said.output);
        let version: Option<EngineVersion> = text
            .split_whitespace()
            .find(|word| word.starts_with('v'))
            .and_then(|word| word.parse().ok());
        match version {
            Some(version) if said.failed.is_none() => {
                let engine = format!("DuckDB {version}");
                Ok(Self { command, engine, root, file, shown, limits })
            }
            Some(_) | None => {
                let said = shortened(&format!("{text}{}", said.messages));
                Err(no_engine(format!("{name} is no duckdb command: it said {said:?}")))
            }
        }
    }

    /// Runs a script, and waits where another process holds the file.
    async fn script(&self, access: Access, script: &str) -> Result<Said, DatabaseError> {
        if !self.file.is_file() {
            let reason = "there is no such file".to_owned();
            return Err(DatabaseError::Open { file: self.shown.clone(), reason });
        }
        let said = self.waited(access, script).await?;
        match &said.failed {
            None => Ok(said),
            Some(how) => Err(self.refused(&said, how)),
        }
    }

    /// Runs a script, and waits where another process holds the file; it may have failed otherwise.
    async fn waited(&self, access: Access, script: &str) -> Result<Said, DatabaseError> {
        let begun = Instant::now();
        loop {
            let said = self.once(access, script).await?;
            match said.failed.as_ref().and_then(|_| holder(&said.messages)) {
                Some(_) if begun.elapsed() < self.limits.patience => {
                    tokio::time::sleep(PAUSE).await;
                }
                Some(holder) => {
                    return Err(DatabaseError::InUse { file: self.shown.clone(), holder });
                }
                None => return Ok(said),
            }
        }
    }

    async fn once(&self, access: Access, script: &str) -> Result<Said, DatabaseError> {
        let scratch = Scratch::make(&std::env::temp_dir(), scratch::ENGINE).map_err(|source| {
            DatabaseError::Io { path: std::env::temp_dir().display().to_string(), source }
        })?;
        let mut command = Command::new(&self.command);
        command.current_dir(&self.root);
        environment::limit(&mut command);
        command.env("TZ", "UTC");
        command.args(["-init", "/dev/null", "-batch", "-bail", "-json"]);
        match access {
            Access::Read | Access::Look => _ = command.arg("-readonly").arg(&self.file),
            Access::Write | Access::Create => _ = command.arg(&self.file),
            Access::Attach => {}
        }
        let script = format!("{}{script}", self.settings(access, scratch.path())?);
        let shown = || self.shown.clone();
        process::run(command, &script, self.limits.timeout).await.map_err(|stopped| match stopped {
            Stopped::NotStarted(error) => DatabaseError::NoEngine {
                problem: format!("cannot start {}: {error}", self.command.display()),
            },
            Stopped::TimedOut => {
                DatabaseError::TimedOut { file: shown(), seconds: self.limits.timeout.as_secs() }
            }
            Stopped::TooMuch => DatabaseError::Sql {
                file: shown(),
                reason: "the answer is larger than 64 MB".to_owned(),
            },
        })
    }

    /// The settings that hold for a script.
    fn settings(&self, access: Access, scratch: &Path) -> Result<String, DatabaseError> {
        let mut settings = String::new();
        if let Some(memory) = &self.limits.memory {
            settings.push_str(&format!("SET memory_limit={};\n", self.text(memory)?));
        }
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let scratch = self.path(scratch)?;
        settings.push_str(&format!(
            "SET threads={threads};\nSET temp_directory={scratch};\nSET autoinstall_known_extensions=false;\n"
        ));
        if access == Access::Read {
            settings.push_str(
                "SET autoload_known_extensions=false;\nSET enable_external_access=false;\nSET lock_configuration=true;\n",
            );
        }
        Ok(settings)
    }

    fn text(&self, text: &str) -> Result<String, DatabaseError> {
        sql::literal(&Value::String(text.to_owned())).map_err(|problem| self.wrong(problem))
    }

    /// Returns a path as SQL.
    fn path(&self, path: &Path) -> Result<String, DatabaseError> {
        match path.to_str() {
            Some(path) => self.text(path),
            None => Err(DatabaseError::Open {
                file: path.display().to_string(),
                reason: "its path is not UTF-8".to_owned(),
            }),
        }
    }

    fn wrong(&self, problem: sql::SqlProblem) -> DatabaseError {
        DatabaseError::Text { file: self.shown.clone(), problem }
    }

    /// Reads what the command said when it failed.
    fn refused(&self, said: &Said, how: &str) -> DatabaseError {
        let file = self.shown.clone();
        let reason = shortened(&said.messages);
        if reason.is_empty() {
            let reason = format!("the duckdb command ended without a message ({how})");
            return DatabaseError::Ended { file, reason };
        }
        if reason.contains("No space left on device") {
            let reason = reason.lines().next().unwrap_or_default().to_owned();
            return DatabaseError::Full { file, reason };
        }
        let opening = [
            "unable to open database",
            "Cannot open database",
            "not a valid DuckDB database file",
            "Trying to read a database file with version number",
            "Cannot open file",
        ];
        if opening.iter().any(|words| reason.contains(words)) {
            return DatabaseError::Open { file, reason };
        }
        if said.killed {
            let reason = format!("the duckdb command was ended ({how}): {reason}");
            return DatabaseError::Ended { file, reason };
        }
        DatabaseError::Sql { file, reason }
    }
}

#[async_trait]
impl Database for DuckDb {
    fn engine(&self) -> &str {
        &self.engine
    }

    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    async fn snapshot(
        &self,
        target: &Path,
        storage_version: Option<&str>,
    ) -> Result<String, DatabaseError> {
        copy::copy(self, target, storage_version).await?;
        let io = |source| DatabaseError::Io { path: target.display().to_string(), source };
        let headers = headers(target).map_err(io)?;
        let oldest = oldest_reader(&headers).ok_or_else(|| DatabaseError::Open {
            file: target.display().to_string(),
            reason: "the copy is no DuckDB file".to_owned(),
        })?;
        Ok(format!("duckdb v{oldest}"))
    }

    async fn content(&self) -> Result<String, DatabaseError> {
        content::content(self).await
    }

    async fn query(
        &self,
        sql: &str,
        parameters: &[Value],
        limit: usize,
    ) -> Result<Rows, DatabaseError> {
        let statement = sql::one(sql).map_err(|problem| self.wrong(problem))?;
        let select = answer::select(statement, limit);
        let script = if parameters.is_empty() {
            format!("{select};\n")
        } else {
            let values: Result<Vec<String>, _> = parameters.iter().map(sql::literal).collect();
            let values = values.map_err(|problem| self.wrong(problem))?.join(", ");
            format!("PREPARE tidegate AS {select};\nEXECUTE tidegate({values});\n")
        };
        let said = self.script(Access::Read, &script).await?;
        let objects: Option<Vec<Map<String, Value>>> = answer::read(&said.output);
        let objects = objects.ok_or_else(|| DatabaseError::Sql {
            file: self.shown.clone(),
            reason: format!("{} gave no answer that can be read", self.engine),
        })?;
        let columns = objects.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
        let rows = objects.into_iter().map(|row| row.into_iter().map(|(_, value)| value).collect());
        Ok(Rows { columns, rows: rows.collect() })
    }

    async fn execute(&self, sql: &str) -> Result<(), DatabaseError> {
        sql::transaction(sql).map_err(|problem| self.wrong(problem))?;
        let script = format!("BEGIN TRANSACTION;\n{sql}\n;\nCOMMIT;\n");
        self.script(Access::Write, &script).await.map(|_| ())
    }

    async fn load(&self, load: &Load<'_>) -> Result<Loaded, DatabaseError> {
        load::load(self, load).await
    }

    async fn imports(&self) -> Result<Vec<ImportState>, DatabaseError> {
        load::imports(self).await
    }

    fn at(&self, file: &Path) -> Box<dyn Database> {
        Box::new(Self { file: file.to_owned(), ..self.clone() })
    }

    fn storage(&self, file: &File) -> Result<Option<String>, DatabaseError> {
        let engine = self.engine.rsplit(' ').next().unwrap_or_default();
        let oldest = read_headers(file).ok().and_then(|headers| oldest_reader(&headers));
        match (oldest, engine.parse()) {
            (Some(oldest), Ok(engine)) => Ok(storage_version(oldest, engine)),
            _ => Err(DatabaseError::Open {
                file: self.shown.clone(),
                reason: "it is no DuckDB file".to_owned(),
            }),
        }
    }

    fn set_patience(&mut self, patience: Duration) {
        self.limits.set_patience(patience);
    }
}

/// Reads the beginning of a file.
fn headers(file: &Path) -> std::io::Result<Vec<u8>> {
    read_headers(&File::open(file)?)
}

fn read_headers(file: &File) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;

    let mut headers = Vec::with_capacity(HEADERS);
    file.take(HEADERS as u64).read_to_end(&mut headers)?;
    Ok(headers)
}

/// Finds out who holds the file: DuckDB says `Conflicting lock is held in /usr/bin/duckdb (PID 4711)`.
fn holder(messages: &str) -> Option<String> {
    if !messages.contains("Could not set lock on file") {
        return None;
    }
    let another = || "another process".to_owned();
    let Some((_, after)) = messages.split_once("Conflicting lock is held in ") else {
        return Some(another());
    };
    let Some((program, rest)) = after.split_once(" (PID ") else { return Some(another()) };
    let pid: String = rest.chars().take_while(char::is_ascii_digit).collect();
    let program: String = program.chars().take(200).collect();
    Some(format!("process {pid} ({program})"))
}

/// Shortens a message, and leaves the rows out that it quotes from files.
fn shortened(messages: &str) -> String {
    let said = messages.split_once("Original Line:").map_or(messages, |(said, _)| said);
    said.trim().chars().take(LONGEST_MESSAGE).collect()
}
