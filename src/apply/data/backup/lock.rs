//! One backup or restore of a database at a time on this machine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

use super::scratch;
use super::{BackupError, Backups};
use crate::apply::data::links::without_links;

/// How long another run is waited for.
const PATIENCE: Duration = Duration::from_mins(10);

/// How often it is looked whether it has ended.
const EVERY: Duration = Duration::from_millis(50);

/// The digits of an owner, in bytes.
const OWNER: usize = 16;

/// The lock of a database's backups. The system frees it with the process, however that ends. The
/// file stays: whoever removed it could remove the lock of somebody else.
#[derive(Debug)]
pub struct BackupLock {
    /// Stands in the notes of backups that are being made. Whoever holds the lock knows that each note
    /// with it is that of a run that has ended.
    pub(super) owner: String,
    _file: Option<File>,
}

/// Takes the lock, and removes what ended runs have left beside the database. Where nothing can be
/// written beside it, there is no lock: several runs then keep apart by their names.
///
/// # Errors
/// [`BackupError::Locked`] after ten minutes.
pub async fn lock(backups: &Backups<'_>) -> anyhow::Result<BackupLock> {
    let name = backups.name()?;
    let path = backups.folder().join(format!(".tidegate-{name}.backup-lock"));
    let io = |source| BackupError::Io { what: "lock", path: path.clone(), source };
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    without_links(&mut options);
    let mut file = match options.open(&path) {
        Ok(file) => file,
        Err(error) if is_closed(&error) => return Ok(BackupLock { owner: new()?, _file: None }),
        Err(error) => return Err(io(error).into()),
    };
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => {
                (backups.say)("waiting for another backup of this database");
                tokio::time::sleep(EVERY).await;
            }
            Err(TryLockError::WouldBlock) => {
                let minutes = PATIENCE.as_secs() / 60;
                let file = backups.shown.to_owned();
                return Err(BackupError::Locked { file, minutes }.into());
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                return Ok(BackupLock { owner: new()?, _file: None });
            }
            Err(TryLockError::Error(error)) => return Err(io(error).into()),
        }
    }
    scratch::sweep(backups.folder(), name);
    let mut owner = String::new();
    (&mut file).take(1024).read_to_string(&mut owner).map_err(io)?;
    if owner.len() != 2 * OWNER || !owner.bytes().all(|b| b.is_ascii_hexdigit()) {
        owner = new()?;
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(owner.as_bytes())
        };
        write(&mut file).map_err(io)?;
    }
    Ok(BackupLock { owner, _file: Some(file) })
}

fn new() -> anyhow::Result<String> {
    let mut bytes = [0; OWNER];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no random number: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Tells whether nothing can be written into a folder, so that nobody else does it either.
pub(super) fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotFound
    )
}
