//! What makes a database healthy: what was seen of it, and the verdict.
//!
//! A bound that the configuration sets and that is missed is an error; one that nobody set (26 hours
//! for backups, twice the database for the disk) gives a warning. What cannot be looked at is a
//! warning, except for the database itself.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::check::{self, Dialect, duration};
use super::import::ImportState;
use super::{Backup, Outcome};
use crate::config::{DataCheckConfig, DataCheckKind, HealthConfig, TableHealthConfig};

mod space;

pub use space::bytes;

/// How old the last backup may be where the configuration does not say so.
const BACKUP_AGE: Duration = Duration::from_hours(26);

/// From how long before its end on a signed URL is warned of.
const URL_ENDS: SignedDuration = SignedDuration::from_hours(7 * 24);

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
    /// The backups, newest first, or why they are not known.
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
        let mut findings = Findings(Vec::new());
        database(&observed, &mut findings);
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
            self::tables(&observed, config, &mut tables, &mut findings, now);
            imports(&observed, config, &mut findings, now);
        }
        disk(&observed, config, &mut findings);
        let last_backup = backups(&observed, config, &mut findings, now);
        urls(&observed, &mut findings, now);
        let status = findings.0.iter().map(|finding| finding.status).max();
        Self {
            status: status.unwrap_or(HealthStatus::Healthy),
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

struct Findings(Vec<HealthFinding>);

impl Findings {
    fn add(&mut self, part: HealthPart, status: HealthStatus, detail: impl Into<String>) {
        self.0.push(HealthFinding { part, status, detail: detail.into() });
    }
}

fn database(observed: &Observed, findings: &mut Findings) {
    let part = HealthPart::Database;
    match (&observed.opened, &observed.damage) {
        (Opened::No(why), _) => findings.add(part, HealthStatus::Error, why.clone()),
        (Opened::InUse(holder), _) => findings.add(
            part,
            HealthStatus::Warning,
            format!("in use by {holder}, so that its tables cannot be read now"),
        ),
        (Opened::Yes, Some(damage)) => {
            findings.add(part, HealthStatus::Error, format!("it is damaged: {damage}"));
        }
        (Opened::Yes, None) => {
            let count = observed.tables.len();
            let word = if count == 1 { "table" } else { "tables" };
            let engine = observed.engine.as_deref().unwrap_or("the engine");
            let detail = format!("{engine} opens it and finds no damage; {count} {word}");
            findings.add(part, HealthStatus::Healthy, detail);
        }
    }
}

/// Finds a table by the name that people give it: with or without `main`, in any case of letters.
fn named<'a>(
    tables: &'a mut BTreeMap<String, TableHealth>,
    name: &str,
) -> Option<&'a mut TableHealth> {
    let parts = super::sql::parts(name);
    let wanted = parts.join(".").to_lowercase();
    let wanted = wanted.strip_prefix("main.").map_or(wanted.clone(), str::to_owned);
    tables.values_mut().find(|table| table.name.to_lowercase() == wanted)
}

fn tables(
    observed: &Observed,
    config: &HealthConfig,
    tables: &mut BTreeMap<String, TableHealth>,
    findings: &mut Findings,
    now: Timestamp,
) {
    let expected: BTreeMap<String, TableHealthConfig> = if config.tables.is_empty() {
        let imports = observed.imports.as_deref().unwrap_or_default().iter();
        imports.map(|import| (import.table.clone(), TableHealthConfig::default())).collect()
    } else {
        config.tables.clone()
    };
    for (name, wanted) in &expected {
        let Some(table) = named(tables, name) else {
            findings.add(HealthPart::Table, HealthStatus::Error, format!("there is no {name}"));
            continue;
        };
        let (rows, least) = (table.rows, wanted.min_rows.unwrap_or_default());
        let (status, detail) = if rows < least {
            (HealthStatus::Error, format!("{name} has {rows} rows, at least {least} are expected"))
        } else {
            (HealthStatus::Healthy, format!("{name} has {rows} rows"))
        };
        findings.add(HealthPart::Table, status, detail);
        let Some(question) = freshness(name, wanted) else { continue };
        let part = HealthPart::Freshness;
        let rows = match observed.newest.get(name) {
            Some(Ok(rows)) => rows,
            Some(Err(why)) => {
                findings.add(part, HealthStatus::Error, format!("{name}: {why}"));
                continue;
            }
            None => {
                findings.add(part, HealthStatus::Warning, format!("{name} was not asked"));
                continue;
            }
        };
        let judged = check::judge(&question, observed.dialect, rows, None, now).result;
        let newest = rows.first().and_then(|row| row.first()?.as_str()).map(str::to_owned);
        table.newest.clone_from(&newest);
        table.age_hours = judged.value.map(|hours| (hours * 10.0).round() / 10.0);
        match judged.outcome {
            Outcome::Passed => {
                let age = table.age_hours.map(|hours| format!(", {hours} h old"));
                let detail =
                    format!("{name}: {}{}", newest.unwrap_or_default(), age.unwrap_or_default());
                findings.add(part, HealthStatus::Healthy, detail);
            }
            Outcome::Failed { why } | Outcome::Inconclusive { why } => {
                let bound = wanted.max_age.is_some();
                let status = if bound { HealthStatus::Error } else { HealthStatus::Warning };
                findings.add(part, status, format!("{name}: {why}"));
            }
        }
    }
}

fn imports(observed: &Observed, config: &HealthConfig, findings: &mut Findings, now: Timestamp) {
    let part = HealthPart::Import;
    let imports = match &observed.imports {
        Ok(imports) => imports,
        Err(why) => return findings.add(part, HealthStatus::Warning, why.clone()),
    };
    let bound = config.max_import_age.as_deref().and_then(duration);
    let Some(last) = imports.iter().max_by_key(|import| import.imported_at) else {
        if bound.is_some() {
            findings.add(part, HealthStatus::Error, "nothing was ever imported");
        }
        return;
    };
    let age = now.duration_since(last.imported_at);
    let detail = format!("{}, {} ago, {} rows read", last.name, hours(age), last.rows);
    if let Some(bound) = bound.filter(|bound| is_over(age, *bound)) {
        let detail = format!("{detail}; at most {} are allowed", hours(bound));
        return findings.add(part, HealthStatus::Error, detail);
    }
    findings.add(part, HealthStatus::Healthy, detail);
}

fn disk(observed: &Observed, config: &HealthConfig, findings: &mut Findings) {
    let Some(free) = observed.free else { return };
    let part = HealthPart::Disk;
    let set = config.min_free.as_deref().and_then(bytes);
    let (least, missed) = match set {
        Some(least) => (least, HealthStatus::Error),
        None => (observed.size.unwrap_or_default().saturating_mul(2), HealthStatus::Warning),
    };
    let shown = space::shown;
    if free < least {
        let detail = format!("{} free, at least {} are needed", shown(free), shown(least));
        return findings.add(part, missed, detail);
    }
    findings.add(part, HealthStatus::Healthy, format!("{} free", shown(free)));
}

fn backups(
    observed: &Observed,
    config: &HealthConfig,
    findings: &mut Findings,
    now: Timestamp,
) -> Option<LastBackup> {
    let part = HealthPart::Backup;
    let set = config.max_backup_age.as_deref().and_then(duration);
    let missed = if set.is_some() { HealthStatus::Error } else { HealthStatus::Warning };
    let expected = set.is_some() || observed.backups_expected;
    let backups = match &observed.backups {
        Ok(backups) => backups,
        Err(why) if expected => {
            findings.add(part, missed, format!("the backups cannot be read: {why}"));
            return None;
        }
        Err(_) => return None,
    };
    // The last one that can be restored counts, whatever came after it.
    for damaged in backups.iter().filter(|backup| !backup.is_unfinished()) {
        if let Some(why) = damaged.why_not_whole() {
            findings.add(part, HealthStatus::Warning, format!("{}: {why}", damaged.name));
        }
    }
    let whole = backups.iter().find(|backup| backup.is_whole());
    let Some((backup, known)) =
        whole.and_then(|backup| Some((backup, backup.description.as_ref()?)))
    else {
        if expected {
            findings.add(part, missed, "there is none that was verified");
        }
        return None;
    };
    let created = known.created;
    let age = now.duration_since(created);
    let detail = format!("{}, {} ago, verified by opening it", backup.name, hours(age));
    let bound = expected.then(|| set.unwrap_or(BACKUP_AGE));
    match bound.filter(|bound| is_over(age, *bound)) {
        Some(bound) => {
            let detail = format!("{detail}; at most {} are allowed", hours(bound));
            findings.add(part, missed, detail);
        }
        None => findings.add(part, HealthStatus::Healthy, detail),
    }
    Some(LastBackup { name: backup.name.clone(), created, size: known.size, rows: known.rows() })
}

fn urls(observed: &Observed, findings: &mut Findings, now: Timestamp) {
    let part = HealthPart::SignedUrl;
    for url in &observed.urls {
        let Some(expires) = url.expires else {
            findings.add(
                part,
                HealthStatus::Warning,
                format!("{} does not say when it ends", url.name),
            );
            continue;
        };
        let left = expires.duration_since(now);
        let (status, detail) = if !left.is_positive() {
            (HealthStatus::Error, format!("{} ran out on {expires}: run `tidegate sync`", url.name))
        } else if left < URL_ENDS {
            (HealthStatus::Warning, format!("{} runs out on {expires}", url.name))
        } else {
            (HealthStatus::Healthy, format!("{} is valid until {expires}", url.name))
        };
        findings.add(part, status, detail);
    }
}

fn is_over(age: SignedDuration, bound: Duration) -> bool {
    SignedDuration::try_from(bound).is_ok_and(|bound| age > bound)
}

/// Says a time in hours or minutes.
fn hours(age: impl TryInto<SignedDuration>) -> String {
    let age = age.try_into().unwrap_or(SignedDuration::MAX);
    match age.as_hours() {
        ..1 => format!("{} min", age.as_mins()),
        1..48 => format!("{} h", age.as_hours()),
        hours => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests;
