//! Backs a database up, and brings a backup back.
//!
//! A backup, in this order:
//! 1. The lock of the database's backups on this machine. What ended runs have left is removed.
//! 2. A consistent copy, by the engine, into a scratch folder beside the database.
//! 3. A name that nobody has: its note `<name>.unfinished` is written where there is none.
//! 4. The upload. It is read back, compared, opened, and its tables are read.
//! 5. The description, `<name>.json`: from here on it is a backup. Then the note goes.
//!
//! Killed anywhere before 5, there is a file that nobody counts on and that the next run removes.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::adapters::database;
use crate::adapters::store::{Container, Expect, StoreError, Written};
use crate::config::DataConfig;
use crate::data::check::Dialect;
use crate::data::reader::{EngineVersion, HEADERS, oldest_reader, storage_version};
use crate::data::{Backup, BackupDescription, DESCRIPTION, UNFINISHED, backup_name};
use crate::observe::data::kept::{self, Expected};

mod lock;
mod restore;
mod scratch;
mod verify;

pub use lock::{BackupLock, lock};
pub use restore::{Replaced, Restore, install, look_up};
pub use scratch::Scratch;
pub use verify::verify;

/// So many names are tried, each a second later than the one before.
const NAMES: i64 = 60;

/// After which time, by the store's clock, what another machine has not finished is left.
const LEFT: SignedDuration = SignedDuration::from_hours(24);

/// Why there is no backup, or none was brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Another run works on the backups of the same database.
    #[error("another backup or restore of {file} has run for over {minutes} minutes")]
    Locked {
        /// The database.
        file: String,
        /// How long it was waited for.
        minutes: u64,
    },
    /// A process has the database open.
    #[error("{file} is in use by {holder}; nothing was changed")]
    InUse {
        /// The database.
        file: String,
        /// The process.
        holder: String,
    },
    /// Every name is taken.
    #[error("{place} has a backup of each of the next {NAMES} seconds already")]
    NoName {
        /// The container.
        place: String,
    },
    /// A file of this machine.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A database and where its backups are kept.
pub struct Backups<'a> {
    /// The configuration: which engine is used.
    pub config: &'a DataConfig,
    /// The folder that relative paths begin from.
    pub root: &'a Path,
    /// The database.
    pub file: &'a Path,
    /// What people call it: its path from the root.
    pub shown: &'a str,
    /// Where backups are kept.
    pub container: &'a Container,
    /// Looks variables of the environment up.
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// The time of this run.
    pub now: Timestamp,
    /// How long a database is waited for that another process holds; `None` for what is usual.
    pub wait: Option<Duration>,
    /// Is told what happens, for people who wait.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
}

impl std::fmt::Debug for Backups<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backups").field("file", &self.file).finish_non_exhaustive()
    }
}

impl Backups<'_> {
    /// The name of the database's file, which begins those of its backups.
    pub fn name(&self) -> anyhow::Result<&str> {
        let name = self.file.file_name().and_then(|name| name.to_str());
        name.with_context(|| format!("{} is no name of a file", self.file.display()))
    }

    /// The folder of the database.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(self.root)
    }
}

/// Makes a backup.
///
/// # Errors
/// Those of the database, the store and this machine; [`kept::BackupDamaged`] where what was sent is
/// not what comes back. Nothing that is finished is ever changed.
pub async fn back_up(backups: &Backups<'_>, lock: &BackupLock) -> anyhow::Result<Backup> {
    let name = backups.name()?;
    let scratch = Scratch::make(backups.folder(), name)?;
    let copy = scratch.path().join(name);
    let mut database =
        database::open(backups.config, backups.root, backups.shown, backups.environment).await?;
    if let Some(wait) = backups.wait {
        database.set_patience(wait);
    }
    (backups.say)(&format!("copying {} by {}", backups.shown, database.engine()));
    let storage = storage(database.as_ref(), backups.file);
    let storage_format = database.snapshot(&copy, storage.as_deref()).await?;
    let wal = match database.dialect() {
        Dialect::Sqlite => database::is_wal(backups.file).ok(),
        Dialect::DuckDb => None,
    };
    let hashed = copy.clone();
    let (sha256, size) = tokio::task::spawn_blocking(move || digest(&hashed))
        .await?
        .map_err(|source| BackupError::Io { what: "read", path: copy.clone(), source })?;
    backups.container.create_if_missing().await?;
    let found = kept::kept(backups.container, name).await?;
    let number =
        found.backups.iter().filter_map(|one| Some(one.description.as_ref()?.number)).max();
    let (taken, created) = take_name(backups, name, lock, &found).await?;
    let described = BackupDescription {
        format: BackupDescription::FORMAT,
        number: number.unwrap_or_default().saturating_add(1),
        sha256,
        size,
        engine: database.engine().to_owned(),
        storage_format,
        wal,
        permissions: permissions(backups.file),
        created,
        tables: BTreeMap::new(),
    };
    let sent = send(backups, &taken, &copy, &scratch, described).await;
    let description = match sent {
        Ok(description) => description,
        Err(error) => {
            // What cannot be removed now is removed by the next run.
            let _ = remove(backups.container, &taken).await;
            return Err(error);
        }
    };
    // Where this fails, the next run does it.
    let _ = backups.container.delete(&format!("{taken}{UNFINISHED}")).await;
    Ok(Backup {
        name: taken,
        created,
        size: Some(description.size),
        stored: created,
        etag: String::new(),
        description: Some(description),
        problem: None,
        noted: false,
    })
}

/// Removes what ended runs have left in the store: of this machine at once, because the lock is held;
/// of others after a day. Returns the names.
///
/// # Errors
/// Those of the store.
pub async fn sweep(backups: &Backups<'_>, lock: &BackupLock) -> anyhow::Result<Vec<String>> {
    let name = backups.name()?;
    let mut removed = Vec::new();
    let found = kept::kept(backups.container, name).await?;
    if found.unfinished.is_empty() {
        return Ok(removed);
    }
    for (backup, note) in &found.unfinished {
        let is_described =
            found.backups.iter().any(|one| one.name == *backup && !one.is_unfinished());
        let read = backups.container.read(&note.path, 1024).await;
        let is_own = match &read {
            Ok(Some((bytes, _))) => bytes.as_ref() == lock.owner.as_bytes(),
            Ok(None) | Err(_) => false,
        };
        if !is_own && backups.now.duration_since(note.modified) < LEFT {
            continue;
        }
        if is_described {
            backups.container.delete(&note.path).await?;
        } else {
            remove(backups.container, backup).await?;
            removed.push(backup.clone());
        }
    }
    Ok(removed)
}

/// Writes beside each backup that is to be deleted that it is one of this machine's: whatever stops the
/// deletion, the next run knows the rest, which then looks like the file of somebody else.
///
/// # Errors
/// Those of the store.
pub async fn mark(backups: &Backups<'_>, lock: &BackupLock, names: &[&str]) -> anyhow::Result<()> {
    for name in names {
        let note = Bytes::from(lock.owner.clone());
        // Where there is one already, that serves.
        backups.container.write(&format!("{name}{UNFINISHED}"), note, Expect::Missing).await?;
    }
    Ok(())
}

/// Removes a backup that was not finished: the note last, so that it can be found until then. The
/// description first: a store that gave no answer may have taken it, and it must not stand alone.
async fn remove(container: &Container, name: &str) -> Result<(), StoreError> {
    container.delete(&format!("{name}{DESCRIPTION}")).await?;
    container.delete(name).await?;
    container.delete(&format!("{name}{UNFINISHED}")).await
}

/// Returns the permissions of a file, in octal.
#[cfg(unix)]
fn permissions(file: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let found = file.metadata().ok()?;
    Some(format!("{:04o}", found.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> Option<String> {
    None
}

/// Finds a name that nobody has, from now on, and takes it.
async fn take_name(
    backups: &Backups<'_>,
    file: &str,
    lock: &BackupLock,
    found: &kept::Found,
) -> anyhow::Result<(String, Timestamp)> {
    let now = Timestamp::from_second(backups.now.as_second())?;
    for later in 0..NAMES {
        let time = now.checked_add(SignedDuration::from_secs(later))?;
        let name = backup_name(file, time);
        if found.backups.iter().any(|backup| backup.name == name) {
            continue;
        }
        let note = Bytes::from(lock.owner.clone());
        let path = format!("{name}{UNFINISHED}");
        match backups.container.write(&path, note, Expect::Missing).await? {
            // Another run may have come and gone since they were listed.
            Written::Done(_) if backups.container.head(&name).await?.is_some() => {
                backups.container.delete(&path).await?;
            }
            Written::Done(_) => return Ok((name, time)),
            Written::Moved => {}
        }
    }
    Err(BackupError::NoName { place: backups.container.place() }.into())
}

/// Sends the copy, proves it, and describes it.
async fn send(
    backups: &Backups<'_>,
    name: &str,
    copy: &Path,
    scratch: &Scratch,
    mut described: BackupDescription,
) -> anyhow::Result<BackupDescription> {
    let container = backups.container;
    (backups.say)(&format!("sending {name} to {}", container.place()));
    container.upload(name, copy, &|_| {}).await?;
    // Two copies at a time would need the space of both.
    std::fs::remove_file(copy).map_err(|source| BackupError::Io {
        what: "remove",
        path: copy.to_owned(),
        source,
    })?;
    (backups.say)(&format!("reading {name} back"));
    let expected = Expected { sha256: &described.sha256, size: described.size, tables: None };
    let engine = (backups.config, backups.root, backups.environment);
    let back = scratch.path().join(format!("back-{}", backups.name()?));
    described.tables = kept::prove(container, name, expected, &back, engine, &|_| {}).await?;
    let text = Bytes::from(described.text()?);
    let path = format!("{name}{DESCRIPTION}");
    match container.write(&path, text, Expect::Missing).await? {
        Written::Done(_) => Ok(described),
        Written::Moved => {
            Err(StoreError::Moved { place: format!("{}/{path}", container.place()) }.into())
        }
    }
}

/// The storage version of the copy: whoever opens the database opens what is restored.
fn storage(database: &dyn database::Database, file: &Path) -> Option<String> {
    match database.dialect() {
        Dialect::Sqlite => return None,
        Dialect::DuckDb => {}
    }
    let engine: EngineVersion = database.engine().trim_start_matches("DuckDB ").parse().ok()?;
    let mut headers = Vec::with_capacity(HEADERS);
    let open = std::fs::File::open(file).ok()?;
    open.take(HEADERS as u64).read_to_end(&mut headers).ok()?;
    let oldest = oldest_reader(&headers)?;
    // Engines before it know no storage versions.
    (engine >= EngineVersion::new(1, 2, 0)).then(|| storage_version(oldest, engine)).flatten()
}

fn digest(file: &Path) -> std::io::Result<(String, u64)> {
    let mut file = std::fs::File::open(file)?;
    let (mut hash, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1024 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
        hash.update(piece);
        size += count as u64;
    }
    Ok((format!("{:x}", hash.finalize()), size))
}
