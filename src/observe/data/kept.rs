//! Reads the store of backups: which there are, and whether one can be restored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::stored::listed;
use super::tables;
use crate::adapters::database;
use crate::adapters::store::{Container, Object, StoreError};
use crate::config::DataConfig;
use crate::data::{
    Backup, BackupDescription, DESCRIPTION, MAX_DESCRIPTION, UNFINISHED, backup_time,
};

/// So many descriptions are read at once.
const AT_ONCE: usize = 16;

/// What the store has of the backups of one database.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The backups, newest first.
    pub backups: Vec<Backup>,
    /// The notes that a backup is being made: the name of the backup, and the note.
    pub unfinished: Vec<(String, Object)>,
}

/// Why a backup cannot be restored.
#[derive(Debug, thiserror::Error)]
#[error("backup {name} cannot be restored: {problem}")]
pub struct BackupDamaged {
    /// Its name.
    pub name: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Lists the backups of the database whose file is called `file`.
///
/// # Errors
/// Those of the store.
pub async fn kept(container: &Container, file: &str) -> anyhow::Result<Found> {
    let mut found: BTreeMap<String, (Option<Object>, Option<Object>)> = BTreeMap::new();
    let mut unfinished = Vec::new();
    for object in listed(container, "").await? {
        // What is not named like a backup of this database is not ours.
        let is_ours = |name: &str| backup_time(file, &format!("backups/{name}")).is_some();
        let path = object.path.clone();
        if is_ours(&path) {
            found.entry(path).or_default().0 = Some(object);
        } else if let Some(name) = path.strip_suffix(DESCRIPTION).filter(|name| is_ours(name)) {
            found.entry(name.to_owned()).or_default().1 = Some(object);
        } else if let Some(name) = path.strip_suffix(UNFINISHED).filter(|name| is_ours(name)) {
            unfinished.push((name.to_owned(), object));
        }
    }
    let noted: BTreeSet<&str> = unfinished.iter().map(|(name, _)| name.as_str()).collect();
    let noted = &noted;
    let described = stream::iter(found).map(|(name, (copy, description))| async move {
        let (description, problem) = match &description {
            Some(object) => read(container, object).await?,
            None => (None, None),
        };
        let stored = copy.as_ref().map(|copy| copy.modified);
        let created = backup_time(file, &format!("backups/{name}"));
        anyhow::Ok(Backup {
            noted: noted.contains(name.as_str()),
            name,
            created: created.unwrap_or_default(),
            size: copy.as_ref().map(|copy| copy.size),
            stored: stored.unwrap_or(Timestamp::MIN),
            etag: copy.map(|copy| copy.etag).unwrap_or_default(),
            description,
            problem,
        })
    });
    let mut backups: Vec<Backup> = described.buffered(AT_ONCE).try_collect().await?;
    Backup::sort(&mut backups);
    Ok(Found { backups, unfinished })
}

/// Reads a description. One that is damaged must not hide the others.
async fn read(
    container: &Container,
    object: &Object,
) -> anyhow::Result<(Option<BackupDescription>, Option<String>)> {
    match container.read(&object.path, MAX_DESCRIPTION).await {
        Ok(Some((bytes, _))) => Ok(match BackupDescription::read(&bytes) {
            Ok(description) => (Some(description), None),
            Err(problem) => (None, Some(problem.to_string())),
        }),
        // It was deleted since it was listed.
        Ok(None) => Ok((None, None)),
        Err(StoreError::TooLarge { size, .. }) => {
            Ok((None, Some(format!("its description has {size} bytes"))))
        }
        Err(error) => Err(error.into()),
    }
}

/// What a copy has to be.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Its SHA-256.
    pub sha256: &'a str,
    /// Its size, in bytes.
    pub size: u64,
    /// The rows of its tables, where they are known.
    pub tables: Option<&'a BTreeMap<String, u64>>,
}

/// What opens a copy: the configuration, the folder that relative paths begin from, and how variables
/// of the environment are looked up.
pub type Engine<'a> =
    (&'a DataConfig, &'a Path, &'a (dyn Fn(&str) -> Option<String> + Send + Sync));

/// Reads a backup into the new file `target`, compares it, opens it, reads its tables, and returns
/// their rows. `say` is told how many bytes are here.
///
/// # Errors
/// [`BackupDamaged`], besides those of the store and of this machine.
pub async fn prove(
    container: &Container,
    name: &str,
    expected: Expected<'_>,
    target: &Path,
    engine: Engine<'_>,
    say: &(dyn Fn(u64) + Send + Sync),
) -> anyhow::Result<BTreeMap<String, u64>> {
    let damaged = |problem: String| BackupDamaged { name: name.to_owned(), problem };
    fetch(container, name, expected, target, say).await?;
    let (config, root, environment) = engine;
    let path = target.to_str().context("the folder's path is not UTF-8")?;
    let database = database::open(config, root, path, environment).await?;
    let opened = async {
        match tables::damage(database.as_ref()).await? {
            Some(damage) => Ok(Err(damage)),
            None => tables::count(database.as_ref()).await.map(Ok),
        }
    };
    // What is said of a file in a scratch folder is said of the backup.
    let plain = |text: String| text.replace(path, name);
    let counted = opened.await.map_err(|error: database::DatabaseError| match error {
        database::DatabaseError::Open { .. }
        | database::DatabaseError::Sql { .. }
        | database::DatabaseError::Ended { .. }
        | database::DatabaseError::Text { .. }
        | database::DatabaseError::Table { .. } => {
            let problem = format!("its engine cannot use it: {}", plain(error.to_string()));
            anyhow::Error::from(damaged(problem))
        }
        database::DatabaseError::NoEngine { .. }
        | database::DatabaseError::InUse { .. }
        | database::DatabaseError::TimedOut { .. }
        | database::DatabaseError::Constraint { .. }
        | database::DatabaseError::Full { .. }
        | database::DatabaseError::Io { .. } => error.into(),
    })?;
    let counted = counted.map_err(|damage| damaged(format!("it is damaged: {damage}")))?;
    if let Some(tables) = expected.tables.filter(|tables| **tables != counted) {
        let (found, made) = (counted.len(), tables.len());
        let problem = format!(
            "it holds other tables or rows than its description says ({found} and {made} tables)"
        );
        return Err(damaged(problem).into());
    }
    Ok(counted)
}

/// Reads a backup, and says what is wrong with its bytes. Nothing is kept of them.
///
/// # Errors
/// Those of the store.
pub async fn changed(
    container: &Container,
    name: &str,
    described: &BackupDescription,
) -> anyhow::Result<Option<String>> {
    let expected = Expected { sha256: &described.sha256, size: described.size, tables: None };
    match compare(container, name, expected, &mut std::io::sink(), &|_| {}).await {
        Ok(()) => Ok(None),
        Err(error) => match error.downcast::<BackupDamaged>() {
            Ok(damaged) => Ok(Some(damaged.problem)),
            Err(error) => Err(error),
        },
    }
}

async fn fetch(
    container: &Container,
    name: &str,
    expected: Expected<'_>,
    target: &Path,
    say: &(dyn Fn(u64) + Send + Sync),
) -> anyhow::Result<()> {
    let io = |source| StoreError::File { path: target.to_owned(), source };
    let mut file = std::fs::File::create_new(target).map_err(io)?;
    compare(container, name, expected, &mut file, say).await.map_err(|error| match error
        .downcast::<std::io::Error>(
    ) {
        Ok(source) => io(source).into(),
        Err(error) => error,
    })?;
    file.sync_all().map_err(io)?;
    Ok(())
}

/// Copies a backup, and compares it with what it has to be. An error of `target` is that of
/// [`std::io`].
async fn compare(
    container: &Container,
    name: &str,
    expected: Expected<'_>,
    target: &mut (dyn std::io::Write + Send),
    say: &(dyn Fn(u64) + Send + Sync),
) -> anyhow::Result<()> {
    let damaged = |problem: String| BackupDamaged { name: name.to_owned(), problem };
    let mut body = match container.stream(name, 0, None).await {
        Err(StoreError::Missing { .. }) => {
            return Err(damaged("its file is gone".to_owned()).into());
        }
        body => body?,
    };
    let (mut hash, mut size) = (Sha256::new(), 0_u64);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        size += piece.len() as u64;
        if size > expected.size {
            return Err(damaged(format!("it has more than {} bytes", expected.size)).into());
        }
        hash.update(&piece);
        target.write_all(&piece)?;
        say(size);
    }
    if size != expected.size {
        let problem = format!("it has {size} bytes, and was made with {}", expected.size);
        return Err(damaged(problem).into());
    }
    let found = format!("{:x}", hash.finalize());
    if found != expected.sha256 {
        return Err(damaged(format!("its SHA-256 is {found}, not {}", expected.sha256)).into());
    }
    Ok(())
}
