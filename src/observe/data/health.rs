//! Looks at a database as a whole: whether it opens, what it holds, its disk, its imports and backups.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::{kept, tables};
use crate::adapters::database::{self, Database, DatabaseError};
use crate::adapters::store::Container;
use crate::config::{DataConfig, HealthConfig};
use crate::data::Backup;
use crate::data::check::Dialect;
use crate::data::health::{
    BackupRead, BackupReading, Found, Observed, Opened, Readings, UrlHealth, newest_question,
};
use crate::data::import::ImportState;

/// How long a database is waited for that another process holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the store of the backups may take to list and describe them.
const LISTING: Duration = Duration::from_secs(10);

/// How long the last backups are read altogether.
const READING: Duration = Duration::from_secs(30);

/// What is looked at, and with what.
pub struct HealthQuery<'a> {
    /// The configuration.
    pub config: &'a DataConfig,
    /// What is expected.
    pub health: &'a HealthConfig,
    /// The folder that relative paths begin from.
    pub root: &'a Path,
    /// The database, from there.
    pub database: &'a str,
    /// Where backups are kept, or why nobody knows.
    pub backups: Result<&'a Container, String>,
    /// What is known of earlier checks, and is known after this one. `None` where backups lie on this
    /// machine: there the newest is read each time.
    pub readings: Option<&'a mut Readings>,
    /// Whether somebody has said where backups are kept.
    pub backups_expected: bool,
    /// The signed URLs that were handed out.
    pub urls: Vec<UrlHealth>,
    /// The time of the check.
    pub now: Timestamp,
    /// Looks variables of the environment up.
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
}

impl std::fmt::Debug for HealthQuery<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HealthQuery").field("database", &self.database).finish_non_exhaustive()
    }
}

/// What the database itself has shown.
struct Seen {
    engine: Option<String>,
    dialect: Dialect,
    opened: Opened,
    damage: Option<String>,
    tables: BTreeMap<String, u64>,
    newest: BTreeMap<String, Result<Vec<Vec<serde_json::Value>>, String>>,
    imports: Result<Vec<ImportState>, String>,
}

/// Looks. What cannot be looked at is part of what is seen.
pub async fn observe(mut query: HealthQuery<'_>) -> Observed {
    let seen = look(&query).await;
    let whole = query.root.join(query.database);
    // A link leads to the database: its backups have its name, and its disk is the one that fills.
    let file = whole.canonicalize().unwrap_or(whole);
    let (backups, backup_read) = match backups(&mut query, &file).await {
        Ok((backups, read)) => (Ok(backups), read),
        Err(why) => (Err(why), None),
    };
    Observed {
        database: query.database.to_owned(),
        engine: seen.engine,
        dialect: seen.dialect,
        opened: seen.opened,
        damage: seen.damage,
        size: file.metadata().ok().filter(std::fs::Metadata::is_file).map(|found| found.len()),
        free: free(file.parent().unwrap_or(query.root)),
        tables: seen.tables,
        newest: seen.newest,
        imports: seen.imports,
        backups,
        backup_read,
        backups_expected: query.backups_expected,
        urls: query.urls,
    }
}

async fn look(query: &HealthQuery<'_>) -> Seen {
    let mut seen = Seen {
        engine: None,
        dialect: Dialect::Sqlite,
        opened: Opened::Yes,
        damage: None,
        tables: BTreeMap::new(),
        newest: BTreeMap::new(),
        imports: Ok(Vec::new()),
    };
    let opened = database::open(query.config, query.root, query.database, query.environment);
    let mut database = match opened.await {
        Ok(database) => database,
        Err(error) => return Seen { opened: Opened::No(error.to_string()), ..seen },
    };
    database.set_patience(PATIENCE);
    seen.engine = Some(database.engine().to_owned());
    seen.dialect = database.dialect();
    match read(database.as_ref(), query, &mut seen).await {
        Ok(()) => seen,
        Err(DatabaseError::InUse { holder, .. }) => Seen { opened: Opened::InUse(holder), ..seen },
        Err(error) => Seen { opened: Opened::No(error.to_string()), ..seen },
    }
}

async fn read(
    database: &dyn Database,
    query: &HealthQuery<'_>,
    seen: &mut Seen,
) -> Result<(), DatabaseError> {
    seen.damage = tables::damage(database).await?;
    if seen.damage.is_some() {
        return Ok(());
    }
    seen.tables = tables::count(database).await?;
    // Another process may have taken it since: that is no fault of what it holds.
    seen.imports = match database.imports().await {
        Err(error @ DatabaseError::InUse { .. }) => return Err(error),
        imports => imports.map_err(|error| error.to_string()),
    };
    for (name, table) in &query.health.tables {
        let Some(question) = newest_question(name, table, seen.dialect) else { continue };
        let rows = database.query(&question.sql, &question.parameters, question.rows).await;
        let rows = match rows {
            Err(error @ DatabaseError::InUse { .. }) => return Err(error),
            rows => rows.map(|rows| rows.rows).map_err(|error| error.to_string()),
        };
        seen.newest.insert(name.clone(), rows);
    }
    Ok(())
}

async fn backups(
    query: &mut HealthQuery<'_>,
    file: &Path,
) -> Result<(Vec<Backup>, Option<BackupReading>), String> {
    let container = query.backups.clone()?;
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // A store that takes what is asked and says nothing must not keep from telling of the database.
    let found = tokio::time::timeout(LISTING, kept::kept(container, name)).await;
    let found = found
        .map_err(|_| format!("the store did not list them within {} seconds", LISTING.as_secs()))?;
    let found = found.map_err(|error| format!("{error:#}"))?;
    let mut backups = found.backups;
    // The size alone does not tell that a disk or a store has changed its bytes.
    let mut none = Readings::new("");
    let readings = query.readings.as_deref_mut().unwrap_or(&mut none);
    let read = prove(container, &mut backups, readings, query.now).await;
    readings.keep(&backups);
    Ok((backups, read))
}

/// Reads the newest backup, and where it is damaged the one before, until one is as it was made.
async fn prove(
    container: &Container,
    backups: &mut [Backup],
    readings: &mut Readings,
    now: Timestamp,
) -> Option<BackupReading> {
    let until = tokio::time::Instant::now() + READING;
    let mut had_all_the_time = true;
    for backup in backups.iter_mut().filter(|backup| backup.is_whole()) {
        let Some(described) = &backup.description else { continue };
        let (at, found) = if let Some(known) = readings.known(backup, now) {
            known
        } else {
            let changed = kept::changed(container, &backup.name, described);
            let found = match tokio::time::timeout_at(until, changed).await {
                Ok(Ok(None)) => Found::Whole,
                Ok(Ok(Some(problem))) => Found::Damaged(problem),
                // This may pass, so it is not noted.
                Ok(Err(error)) => {
                    backup.problem = Some(format!("it cannot be read: {error:#}"));
                    had_all_the_time = false;
                    continue;
                }
                Err(_) => Found::TooLarge,
            };
            // What got only the rest of the time gets all of it in the next check.
            if had_all_the_time || found != Found::TooLarge {
                readings.note(backup, now, found.clone());
            }
            had_all_the_time = false;
            (now, found)
        };
        match found {
            Found::Whole => return Some(BackupReading { at, found: BackupRead::Whole }),
            Found::TooLarge => return Some(BackupReading { at, found: BackupRead::TooLarge }),
            Found::Damaged(problem) => backup.problem = Some(problem),
        }
    }
    None
}

/// What a user may write to the disk of a folder, in bytes (statvfs(3), `f_bavail`).
#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
