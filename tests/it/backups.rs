//! `data backup`, on DuckDB and SQLite, in a folder, on Azurite and on an S3 server.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::Value;
use tempfile::TempDir;

use crate::harness::azurite::Azurite;
use crate::harness::duckdb;
use crate::harness::s3_server::{self, S3Server};
use crate::harness::tidegate::{Run, Tidegate};

mod damage;
mod ends;
mod journal;
#[cfg(unix)]
mod private;
mod prune;
mod round_trip;

/// An engine and the file of its database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    DuckDb,
    Sqlite,
}

impl Kind {
    pub const EACH: [Self; 2] = [Self::DuckDb, Self::Sqlite];

    pub fn file(self) -> &'static str {
        match self {
            Self::DuckDb => "sales.duckdb",
            Self::Sqlite => "sales.db",
        }
    }
}

/// A folder with a database.
pub struct Place {
    pub folder: TempDir,
    pub kind: Kind,
    pub environment: Vec<(String, String)>,
}

impl Place {
    pub fn new(kind: Kind) -> Self {
        Self { folder: TempDir::new().unwrap(), kind, environment: Vec::new() }
    }

    /// With `data` of a configuration.
    pub fn with(kind: Kind, data: &str) -> Self {
        let place = Self::new(kind);
        fs::create_dir(place.folder.path().join(".github")).unwrap();
        let config = format!("version: 1\ndata:\n{data}");
        fs::write(place.folder.path().join(".github/tidegate.yml"), config).unwrap();
        place
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join(self.kind.file())
    }

    pub fn backups(&self) -> PathBuf {
        self.folder.path().join("backups")
    }

    /// The files in the folder of backups, without those of its lock.
    pub fn kept(&self) -> Vec<String> {
        names(&self.backups(), |name| !name.starts_with(".tidegate-"))
    }

    /// Runs SQL on the database, which is made where it is missing.
    pub fn sql(&self, sql: &str) {
        run(self.kind, &self.path(), sql);
    }

    /// Gives it so many sales.
    pub fn fill(&self, rows: u32) {
        self.sql("create table if not exists sales (id integer, product text); delete from sales");
        let values: Vec<String> = (0..rows).map(|row| format!("({row}, 'p{row}')")).collect();
        self.sql(&format!("insert into sales values {}", values.join(", ")));
    }

    pub fn rows(&self) -> u64 {
        rows(self.kind, &self.path())
    }

    pub fn tidegate(&self, arguments: &[&str]) -> Tidegate {
        let mut all = vec!["data"];
        all.extend(arguments);
        all.extend(["--database", self.kind.file()]);
        Tidegate::new()
            .args(all)
            .env("PATH", duckdb::path())
            .envs(self.environment.clone())
            .current_dir(self.folder.path())
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.tidegate(arguments).run()
    }

    /// Backs it up, and returns the name.
    #[track_caller]
    pub fn back_up(&self) -> String {
        let said = self.run(&["backup", "--json"]).success().json();
        assert_eq!(said["schema"], "tidegate/backup/1");
        said["backup"]["name"].as_str().expect("a name").to_owned()
    }

    /// The backups, newest first.
    #[track_caller]
    pub fn list(&self) -> Vec<Value> {
        let said = self.run(&["backup", "--list", "--json"]).success().json();
        said["backups"].as_array().expect("backups").clone()
    }
}

/// Runs SQL on a database.
pub fn run(kind: Kind, file: &Path, sql: &str) {
    match kind {
        Kind::DuckDb => _ = duckdb::run(newest(), file, sql),
        Kind::Sqlite => Connection::open(file).unwrap().execute_batch(sql).unwrap(),
    }
}

/// The rows of `sales`.
pub fn rows(kind: Kind, file: &Path) -> u64 {
    let sql = "select count(*) as n from sales";
    match kind {
        Kind::DuckDb => {
            let answer: Value = serde_json::from_str(&duckdb::run(newest(), file, sql)).unwrap();
            answer[0]["n"].as_u64().unwrap()
        }
        Kind::Sqlite => {
            let count: i64 =
                Connection::open(file).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
            count.try_into().unwrap()
        }
    }
}

pub fn newest() -> &'static str {
    duckdb::COMMANDS[duckdb::COMMANDS.len() - 1]
}

/// The names in a folder that are wanted, in order.
pub fn names(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| wanted(name)).collect();
    names.sort();
    names
}

/// A store that is no folder.
pub enum Server {
    Azure(Azurite),
    S3(S3Server),
}

impl Server {
    pub fn each() -> [Self; 2] {
        [Self::Azure(Azurite::start()), Self::S3(S3Server::start())]
    }

    pub fn place(&self, kind: Kind) -> Place {
        match self {
            Self::Azure(server) => {
                let config = format!("  backup: {{ to: \"{}\" }}\n", server.store_url());
                Place { environment: server.environment(), ..Place::with(kind, &config) }
            }
            // As in the field: a bucket of the environment, and no configuration.
            Self::S3(server) => {
                let mut environment = server.environment();
                let bucket = s3_server::BUCKET.to_owned();
                environment.push(("AWS_S3_BACKUP_BUCKET".to_owned(), bucket));
                Place { environment, ..Place::new(kind) }
            }
        }
    }
}
