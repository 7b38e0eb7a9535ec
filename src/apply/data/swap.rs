//! An import into a copy of a DuckDB file, which then takes the file's place.
//!
//! A process that has a DuckDB file open for reading keeps every writer out. It goes on beside this:
//! it has the old file until it opens the database anew.
//!
//! 1. The file is locked as DuckDB locks it for reading: readers go on, and no writer can begin.
//! 2. The engine copies what is in it, and in its `.wal`, to a folder beside it, and loads the copy.
//! 3. Where the file is what it was, the copy is renamed over it. What is left of the old `.wal` is
//!    removed.
//!
//! Killed at any point, the file is the old one or the new one, whole. A folder `.tidegate-swap-…` that
//! is left beside it is removed by the next import.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::adapters::database::{Database, DatabaseError, holder};
use crate::adapters::scratch::{self, Scratch};
use crate::data::check::Dialect;
use crate::data::import::{Load, LoadMode, Loaded};

/// How often it is tried where the file was changed meanwhile.
const TRIES: usize = 3;

/// How often it is looked whether a writer has gone.
const EVERY: Duration = Duration::from_millis(250);

/// Loads rows into a copy of the file, and puts that in its place. `shown` names the file in messages;
/// `patience` is how long a process is waited for that writes to it. Where there is no file yet, and
/// for SQLite, where readers go on beside an import, the rows are loaded as always.
///
/// # Errors
/// [`DatabaseError::InUse`] where another process writes to it, or has changed it each time, besides
/// those of [`Database::load`].
pub async fn load_and_swap(
    database: &dyn Database,
    file: &Path,
    shown: &str,
    patience: Duration,
    load: &Load<'_>,
) -> Result<Loaded, DatabaseError> {
    let io = |source| DatabaseError::Io { path: shown.to_owned(), source };
    let plain = match database.dialect() {
        Dialect::Sqlite => true,
        Dialect::DuckDb => load.mode == LoadMode::Plan || !file.exists(),
    };
    if plain {
        return database.load(load).await;
    }
    // A link goes on pointing to the file.
    let file = file.canonicalize().map_err(io)?;
    for _ in 0..TRIES {
        let original = lock(&file, shown, patience).await?;
        // Whoever opened the new file before the log of the old one is gone would read it into it.
        if wal(&file).metadata().is_ok_and(|wal| wal.len() > 0) {
            let reason = "rows wait in its log (.wal), so it is not swapped: open it once with the duckdb command, so that they are taken in";
            return Err(DatabaseError::Open { file: shown.to_owned(), reason: reason.to_owned() });
        }
        let before = State::of(&file).map_err(io)?;
        let folder = scratch(&file).map_err(|source| match source.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                let reason = "its folder cannot be written, which `--swap` needs for the copy";
                DatabaseError::Open { file: shown.to_owned(), reason: reason.to_owned() }
            }
            _ => io(source),
        })?;
        let copy = folder.path().join(file.file_name().unwrap_or_default());
        database.snapshot(&copy, database.storage(&original)?.as_deref()).await?;
        let loaded = database.at(&copy).load(load).await?;
        if !loaded.written {
            return Ok(loaded);
        }
        if wal(&copy).metadata().is_ok_and(|wal| wal.len() > 0) {
            return Err(io(std::io::Error::other("the copy was not finished")));
        }
        same_owner(&original, &copy).map_err(io)?;
        File::open(&copy).and_then(|copy| copy.sync_all()).map_err(io)?;
        if State::of(&file).map_err(io)? != before {
            continue;
        }
        std::fs::rename(&copy, &file).map_err(io)?;
        // It belongs to the old file: what it held is in the new one.
        match std::fs::remove_file(wal(&file)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            Ok(()) | Err(_) => {}
        }
        if let Some(parent) = file.parent() {
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(io)?;
        }
        drop(original);
        return Ok(loaded);
    }
    Err(DatabaseError::InUse {
        file: shown.to_owned(),
        holder: format!("another process, which changed it {TRIES} times meanwhile"),
    })
}

/// A folder on the file system of the file.
fn scratch(file: &Path) -> std::io::Result<Scratch> {
    Scratch::make(file.parent().unwrap_or_else(|| Path::new(".")), scratch::SWAP)
}

/// Gives the copy to the owner of the original, with the same rights: who could open the one can open
/// the other.
fn same_owner(original: &File, copy: &Path) -> std::io::Result<()> {
    let metadata = original.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt as _, chown};
        let own = copy.metadata()?;
        if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
            chown(copy, Some(metadata.uid()), Some(metadata.gid()))?;
        }
    }
    std::fs::set_permissions(copy, metadata.permissions())
}

fn wal(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".wal");
    PathBuf::from(name)
}

/// Opens the file, and locks it against writers. The lock goes with the first file that this process
/// closes of those it has open there, so nothing else opens it (fcntl(2), "advisory record locking").
async fn lock(file: &Path, shown: &str, patience: Duration) -> Result<File, DatabaseError> {
    let io = |source| DatabaseError::Io { path: shown.to_owned(), source };
    let begun = Instant::now();
    let original = File::open(file).map_err(io)?;
    loop {
        if try_lock(&original).map_err(io)? {
            return Ok(original);
        }
        if begun.elapsed() + EVERY > patience {
            // Nothing is locked here yet, so that looking gives nothing free.
            let who = holder(file).map_or("another process".to_owned(), |who| who.to_string());
            let holder = format!("{who}, which writes to it");
            return Err(DatabaseError::InUse { file: shown.to_owned(), holder });
        }
        tokio::time::sleep(EVERY).await;
    }
}

#[cfg(unix)]
fn try_lock(file: &File) -> std::io::Result<bool> {
    use rustix::fs::{FlockOperation, fcntl_lock};
    use rustix::io::Errno;

    match fcntl_lock(file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        // Some shares have no locks: what changed meanwhile is seen all the same.
        Ok(()) | Err(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
fn try_lock(_file: &File) -> std::io::Result<bool> {
    Ok(true)
}

/// What a change of the file changes.
#[derive(Debug, PartialEq, Eq)]
struct State {
    file: Stamp,
    wal: Option<Stamp>,
}

/// The size of a file, its time, and which file it is.
type Stamp = (u64, Option<std::time::SystemTime>, u64);

impl State {
    fn of(file: &Path) -> std::io::Result<Self> {
        let wal = match wal(file).metadata() {
            Ok(wal) => Some(stamp(&wal)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file: stamp(&file.metadata()?), wal })
    }
}

fn stamp(found: &std::fs::Metadata) -> Stamp {
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(found);
    #[cfg(not(unix))]
    let number = 0;
    (found.len(), found.modified().ok(), number)
}
