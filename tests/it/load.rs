//! Checked rows brought into real databases: `SQLite`, and DuckDB by every version of the command that
//! `./dev` installs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::adapters::database::{Database, DatabaseError, open};
use tidegate::config::{DataConfig, ImportConfig};
use tidegate::data::import::{Import, Load, LoadMode, Loaded, MaxBad};

use crate::harness::duckdb;

mod bad;
mod constraints;
mod forms;
mod long;
mod references;
mod rows;
mod straight;
mod tables;
mod together;

/// The engine of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    DuckDb(&'static str),
    Sqlite,
}

impl Engine {
    fn all() -> Vec<Self> {
        duckdb::COMMANDS.into_iter().map(Self::DuckDb).chain([Self::Sqlite]).collect()
    }

    fn file(self) -> &'static str {
        match self {
            Self::DuckDb(_) => "app.duckdb",
            Self::Sqlite => "app.db",
        }
    }
}

/// A folder with a database, which is not there at first.
struct Team {
    engine: Engine,
    folder: TempDir,
    now: &'static str,
}

/// A row: its number, and its values; `None` is NULL.
type Row<'a> = (u64, Vec<Option<&'a str>>);

impl Team {
    fn new(engine: Engine, sql: &str) -> Self {
        let team =
            Self { engine, folder: tempfile::tempdir().unwrap(), now: "2026-02-07T12:00:00Z" };
        if !sql.is_empty() {
            team.write(sql);
        }
        team
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join(self.engine.file())
    }

    fn write(&self, sql: &str) {
        match self.engine {
            Engine::DuckDb(version) => _ = duckdb::run(version, &self.file(), sql),
            Engine::Sqlite => {
                rusqlite::Connection::open(self.file()).unwrap().execute_batch(sql).unwrap();
            }
        }
    }

    async fn open(&self) -> Box<dyn Database> {
        let mut config = DataConfig::default();
        if let Engine::DuckDb(version) = self.engine {
            config.duckdb.command = Some(duckdb::command(version).display().to_string());
        }
        open(&config, self.folder.path(), self.engine.file(), &|_| None).await.unwrap()
    }

    fn spool(&self, import: &Import, rows: &[Row<'_>]) -> PathBuf {
        let path = self.folder.path().join("spool.csv");
        std::fs::write(&path, spool(import, rows)).unwrap();
        path
    }

    async fn load(&self, import: &Import, rows: &[Row<'_>]) -> Loaded {
        self.try_load(import, rows, LoadMode::All).await.unwrap()
    }

    async fn try_load(
        &self,
        import: &Import,
        rows: &[Row<'_>],
        mode: LoadMode,
    ) -> Result<Loaded, DatabaseError> {
        let spool = self.spool(import, rows);
        let load = Load { mode, rows: rows.len() as u64, ..self.of(import, &spool) };
        self.open().await.load(&load).await
    }

    /// A load of no rows, to be changed.
    fn of<'a>(&self, import: &'a Import, spool: &'a Path) -> Load<'a> {
        Load {
            import,
            spool,
            rows: 0,
            bad: 0,
            is_distinct: false,
            mode: LoadMode::All,
            watermark: None,
            source: "rows.csv",
            now: self.now.parse().unwrap(),
            rejects: None,
            known: None,
        }
    }

    /// Returns the rows of a query, each as one text.
    async fn texts(&self, sql: &str) -> Vec<String> {
        let rows = self.open().await.query(sql, &[], 1000).await.unwrap().rows;
        let text = |value: Value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        rows.into_iter()
            .map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("|"))
            .collect()
    }

    async fn text(&self, sql: &str) -> String {
        self.texts(sql).await.join("\n")
    }
}

/// Writes rows as the import hands them over.
fn spool(import: &Import, rows: &[Row<'_>]) -> String {
    let names = import.columns.iter().map(|column| column.name.as_str());
    let names = names.chain(import.password.iter().map(|password| password.into.as_str()));
    let mut text: String =
        std::iter::once("tidegate_row").chain(names).collect::<Vec<_>>().join(",");
    text.push('\n');
    for (number, values) in rows {
        text.push_str(&number.to_string());
        for value in values {
            text.push(',');
            match value {
                None => text.push_str("\\N"),
                Some(value) => text.push_str(&format!("\"{}\"", value.replace('"', "\"\""))),
            }
        }
        text.push('\n');
    }
    text
}

fn row<const N: usize>(number: u64, values: [&str; N]) -> Row<'_> {
    (number, values.into_iter().map(|value| (value != "NULL").then_some(value)).collect())
}

fn import(name: &str, config: Value) -> Import {
    let config: ImportConfig = serde_json::from_value(config).unwrap();
    Import::of(name, Some(&config)).unwrap().unwrap()
}

fn preset(name: &str) -> Import {
    Import::of(name, None).unwrap().unwrap()
}

/// Inserted, updated, unchanged and bad rows.
fn counts(loaded: &Loaded) -> [u64; 4] {
    [loaded.inserted, loaded.updated, loaded.unchanged, loaded.bad]
}

/// The faults, as texts.
fn faults(loaded: &Loaded) -> Vec<String> {
    loaded
        .faults
        .iter()
        .map(|(row, fault)| {
            let value = fault.value.as_deref().unwrap_or("-");
            let see = fault.other.map_or_else(String::new, |row| format!(": see line {row}"));
            format!("{row}: {}: {value}: {}{see}", fault.column, fault.rule)
        })
        .collect()
}

fn sales() -> [Row<'static>; 3] {
    [
        row(2, ["2026-02-01", "7", "Tea, \"green\"", "2", "3.50", "7.00", "north"]),
        row(3, ["2026-02-01", "8", "Two\nlines", "1", "0.10", "0.10", "south"]),
        row(4, ["2026-02-02", "7", "\\N", "10", "9999999999999.99", "3", "west"]),
    ]
}

/// Users: name, e-mail, role, hash.
fn user<'a>(number: u64, name: &'a str, email: &'a str, role: &'a str) -> Row<'a> {
    row(number, [name, email, role, "hash"])
}
