//! Databases as they are prepared for a publication: real `SQLite` files, and DuckDB files by every
//! version of the command that `./dev` installs.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::adapters::database::{Database, DatabaseError, open};
use tidegate::config::DataConfig;
use tidegate::data::{Outcome, Pointer, Prepared};
use tidegate::observe::data::{Preparation, prepare};
use tidegate::secret::{Redactor, Secret};

use crate::harness::duckdb;

mod checks;
mod contents;
mod dbt;
#[cfg(unix)]
mod environment;
mod limits;
mod queries;
mod reader;
mod snapshots;
mod steps;

/// The engine of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    DuckDb(&'static str),
    Sqlite,
}

impl Engine {
    /// `SQLite`, and DuckDB in each version.
    fn all() -> Vec<Self> {
        duckdb::COMMANDS.into_iter().map(Self::DuckDb).chain([Self::Sqlite]).collect()
    }

    fn file(self) -> &'static str {
        match self {
            Self::DuckDb(_) => "data/analytics.duckdb",
            Self::Sqlite => "data/analytics.db",
        }
    }
}

/// A repository's folder with a database.
struct Team {
    engine: Engine,
    folder: TempDir,
    scratch: TempDir,
    config: Value,
}

impl Team {
    /// Makes the folder, and fills the database by these statements.
    fn new(engine: Engine, sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let config = json!({
            "store": "file:///nowhere",
            "layers": { "analytics": { "file": engine.file() } },
        });
        let mut team = Self { engine, folder, scratch: tempfile::tempdir().unwrap(), config };
        if let Engine::DuckDb(version) = engine {
            team.config["duckdb"] = json!({ "command": duckdb::command(version) });
        }
        team.write(sql);
        team
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.config[key] = value;
        self
    }

    /// Changes a key of `data.duckdb`.
    fn limited(mut self, key: &str, value: &str) -> Self {
        self.config["duckdb"][key] = json!(value);
        self
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn file(&self) -> PathBuf {
        self.root().join(self.engine.file())
    }

    fn config(&self) -> DataConfig {
        serde_json::from_value(self.config.clone()).unwrap()
    }

    /// Runs statements as the team would.
    fn write(&self, sql: &str) {
        match self.engine {
            Engine::DuckDb(version) => _ = duckdb::run(version, &self.file(), sql),
            Engine::Sqlite => {
                rusqlite::Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
            }
        }
    }

    async fn open(&self) -> Box<dyn Database> {
        self.try_open(self.engine.file()).await.unwrap()
    }

    async fn try_open(&self, file: &str) -> Result<Box<dyn Database>, DatabaseError> {
        open(&self.config(), self.root(), file, &environment).await
    }

    /// Returns the first value of a query on the database.
    async fn value(&self, sql: &str) -> Value {
        value(self.open().await.as_ref(), sql).await
    }

    async fn prepare(&self) -> Prepared {
        self.prepared(true, None, &|_| {}).await.unwrap()
    }

    async fn prepared(
        &self,
        publish: bool,
        served: Option<&Pointer>,
        say: &(dyn Fn(&str) + Send + Sync),
    ) -> anyhow::Result<Prepared> {
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("s3cret-of-the-store"));
        let scratch = tempfile::tempdir_in(self.scratch.path()).unwrap();
        let preparation = Preparation {
            database: None,
            config: &self.config(),
            root: self.root(),
            scratch: &scratch.keep(),
            environment: &environment,
            redactor: &redactor,
            served,
            steps: true,
            publish,
            now: "2026-02-07T12:00:00Z".parse().unwrap(),
            say,
            line: &|_| {},
        };
        prepare(&preparation).await
    }
}

/// Looks variables up that a job has.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn value(database: &dyn Database, sql: &str) -> Value {
    let rows = database.query(sql, &[], 2).await.unwrap();
    rows.rows[0][0].clone()
}

/// Names all files below the folder of the database, with their contents.
fn contents(team: &Team) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(team.root().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), std::fs::read(&file).unwrap())).collect()
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed { why } => format!("failed: {why}"),
        Outcome::Inconclusive { why } => format!("inconclusive: {why}"),
    }
}
