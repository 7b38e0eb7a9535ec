//! What makes a database healthy: what was seen of it, and the verdict.
//!
//! A bound that the configuration sets and that is missed is an error; one that nobody set (26 hours
//! for backups, twice the database for the disk) gives a warning. What cannot be looked at is a
//! warning, except for the database itself.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::Backup;
use super::check::{self, Dialect};
use super::import::ImportState;
use crate::config::{DataCheckConfig, DataCheckKind, HealthConfig, TableHealthConfig};

mod judge;
mod readings;
mod space;

pub use readings::{BackupReading, Found, MAX_READINGS, Readings};
pub use space::bytes;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// As it should be.
    Healthy,
    /// Somebody should look at it, and apps still work.
    Warning,
    /// It is not as the configuration wants it, or cannot be used.
    Error,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthPart {
    /// Whether the database opens, and is whole.
    Database,
    /// Whether a table is there, with its rows.
    Table,
    /// How old its newest row is.
    Freshness,
    /// Free space on the disk of the database.
    Disk,
    /// The last import.
    Import,
    /// The last backup.
    Backup,
    /// When signed URLs run out.
    SignedUrl,
}

/// What was found of one part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HealthFinding {
    /// The part.
    pub part: HealthPart,
    /// How it is.
    pub status: HealthStatus,
    /// What was seen, in words.
    pub detail: String,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableHealth {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The newest value of the column that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub newest: Option<String>,
    /// How old that is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_hours: Option<f64>,
}

/// A signed URL that was handed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UrlHealth {
    /// Where it stands: a file, or a variable. Never the URL.
    pub name: String,
    /// When it runs out, as far as it says so.
    pub expires: Option<Timestamp>,
    /// Why nobody can tell when it runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl UrlHealth {
    /// Puts together what was found at `name`: when it runs out as far as it says so, or why nobody can tell.
    pub fn of(name: &str, found: Result<Option<Timestamp>, String>) -> Self {
        let (expires, problem) = match found {
            Ok(expires) => (expires, None),
            Err(problem) => (None, Some(problem)),
        };
        Self { name: name.to_owned(), expires, problem }
    }
}

/// What was seen of the last backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastBackup {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
    /// Its size, in bytes.
    pub size: u64,
    /// The rows that it holds.
    pub rows: u64,
    /// What was read of it.
    pub read: BackupRead,
    /// When it was read.
    pub read_at: Timestamp,
}

/// Whether the database could be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It was.
    Yes,
    /// Another process holds it.
    InUse(String),
    /// It was not, and why.
    No(String),
}

/// What was read of the last backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupRead {
    /// All of it: its bytes are those that were opened when it was made.
    Whole,
    /// Not all of it: there was no time.
    TooLarge,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The file, as people name it.
    pub database: String,
    /// The engine and its version.
    pub engine: Option<String>,
    /// The SQL that it speaks.
    pub dialect: Dialect,
    /// Whether it opens.
    pub opened: Opened,
    /// What is damaged in it.
    pub damage: Option<String>,
    /// Its size, in bytes.
    pub size: Option<u64>,
    /// What is free on its disk, in bytes.
    pub free: Option<u64>,
    /// The rows of its tables.
    pub tables: BTreeMap<String, u64>,
    /// The newest value and its type, by the name that the configuration gives the table; or why there
    /// is none.
    pub newest: BTreeMap<String, Result<Vec<Vec<Value>>, String>>,
    /// How each import ended last, or why that is not known.
    pub imports: Result<Vec<ImportState>, String>,
    /// What was read of the newest backup that is whole; `None` where there is none.
    pub backup_read: Option<BackupReading>,
    /// The backups, newest first, or why they are not known. One whose bytes are not those that were
    /// opened has a problem.
    pub backups: Result<Vec<Backup>, String>,
    /// Whether somebody has said where backups are kept.
    pub backups_expected: bool,
    /// The signed URLs that were handed out.
    pub urls: Vec<UrlHealth>,
}

/// How the database is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Health {
    /// The worst of the findings.
    pub status: HealthStatus,
    /// Whether the database was looked into; not while another process holds it.
    pub looked: bool,
    /// When it was looked at.
    pub checked: Timestamp,
    /// The file.
    pub database: String,
    /// The engine and its version.
    pub engine: Option<String>,
    /// Its size, in bytes.
    pub size: Option<u64>,
    /// What is free on its disk, in bytes.
    pub free: Option<u64>,
    /// Its tables.
    pub tables: Vec<TableHealth>,
    /// How each import ended last.
    pub imports: Vec<ImportState>,
    /// The last backup that is whole.
    pub last_backup: Option<LastBackup>,
    /// The signed URLs that were handed out.
    pub signed_urls: Vec<UrlHealth>,
    /// What was found.
    pub findings: Vec<HealthFinding>,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

impl fmt::Display for HealthPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Database => "database",
            Self::Table => "table",
            Self::Freshness => "newest row",
            Self::Disk => "disk",
            Self::Import => "last import",
            Self::Backup => "last backup",
            Self::SignedUrl => "signed URL",
        })
    }
}

impl Health {
    /// Judges what was seen at `now`.
    pub fn of(observed: Observed, config: &HealthConfig, now: Timestamp) -> Self {
        let mut findings = judge::Findings(Vec::new());
        judge::database(&observed, &mut findings);
        let mut tables: BTreeMap<String, TableHealth> = observed
            .tables
            .iter()
            .map(|(name, rows)| {
                let table =
                    TableHealth { name: name.clone(), rows: *rows, newest: None, age_hours: None };
                (name.clone(), table)
            })
            .collect();
        if observed.opened == Opened::Yes && observed.damage.is_none() {
            judge::tables(&observed, config, &mut tables, &mut findings, now);
            judge::imports(&observed, config, &mut findings, now);
        }
        judge::disk(&observed, config, &mut findings);
        let last_backup = judge::backups(&observed, config, &mut findings, now);
        judge::urls(&observed, &mut findings, now);
        let status = findings.0.iter().map(|finding| finding.status).max();
        let looked = match observed.opened {
            Opened::Yes | Opened::No(_) => true,
            Opened::InUse(_) => false,
        };
        Self {
            status: status.unwrap_or(HealthStatus::Healthy),
            looked,
            checked: now,
            database: observed.database,
            engine: observed.engine,
            size: observed.size,
            free: observed.free,
            tables: tables.into_values().collect(),
            imports: observed.imports.unwrap_or_default(),
            last_backup,
            signed_urls: observed.urls,
            findings: findings.0,
        }
    }
}

/// Returns the question for the newest row of a table.
pub fn newest_question(
    name: &str,
    table: &TableHealthConfig,
    dialect: Dialect,
) -> Option<check::Question> {
    Some(check::question(&freshness(name, table)?, dialect))
}

fn freshness(name: &str, table: &TableHealthConfig) -> Option<DataCheckConfig> {
    Some(DataCheckConfig {
        name: name.to_owned(),
        kind: Some(DataCheckKind::Freshness),
        table: Some(name.to_owned()),
        column: Some(table.column.clone()?),
        // Without a bound its age is shown all the same: no row is a thousand years old.
        max_age: table.max_age.clone().or_else(|| Some("8766000h".to_owned())),
        ..DataCheckConfig::default()
    })
}

#[cfg(test)]
mod tests;
