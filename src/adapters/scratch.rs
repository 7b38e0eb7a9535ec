//! Folders for copies of data that are being made: only their owner can look into them, they go away
//! with the command, and what a command that was killed has left is removed by the next.
//!
//! In each is a file that its process holds locked (flock(2)). The system frees the lock with the
//! process, however that ends: so a folder whose file can be locked is nobody's any more.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use tempfile::TempDir;

mod stop;

pub use stop::{forget, note, remove_when_stopped};

/// Rows that wait for the database.
pub const IMPORT: &str = "tidegate-import-";

/// What an engine puts aside while it works.
pub const ENGINE: &str = "tidegate-engine-";

/// A copy that takes the place of a database.
pub const SWAP: &str = ".tidegate-swap-";

/// A database that is not there yet.
pub const NEW: &str = ".tidegate-new-";

/// The file that is held locked.
const LOCK: &str = ".tidegate-lock";

/// How often a folder is made anew that somebody who sweeps took for one of an ended process.
const TRIES: usize = 5;

/// A folder that is removed with this value, or by the next command that sweeps.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    /// Is freed after the folder was removed.
    _lock: Option<File>,
}

impl Scratch {
    /// Makes one in `parent`, with one of the prefixes of this module.
    ///
    /// # Errors
    /// What the system says where nothing can be written there.
    pub fn make(parent: &Path, prefix: &str) -> io::Result<Self> {
        for _ in 0..TRIES {
            let mut folder = tempfile::Builder::new();
            folder.prefix(prefix);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                folder.permissions(std::fs::Permissions::from_mode(0o700));
            }
            let folder = folder.tempdir_in(parent)?;
            match hold(folder.path()) {
                Ok(lock) => {
                    stop::note(folder.path());
                    return Ok(Self { folder, _lock: lock });
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("the new folder was removed again and again"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        stop::forget(self.path());
    }
}

/// Returns what the system says, without the name of a temporary file that nobody knows.
pub fn nameless(error: io::Error) -> io::Error {
    match error.to_string().split_once(" at path \"") {
        Some((said, _)) => io::Error::new(error.kind(), said.to_owned()),
        None => error,
    }
}

/// Makes the file and locks it; `None` where the file system has no locks. Where somebody who sweeps was
/// quicker, [`io::ErrorKind::NotFound`].
fn hold(folder: &Path) -> io::Result<Option<File>> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
    match file.try_lock() {
        Ok(()) if path.exists() => Ok(Some(file)),
        Ok(()) | Err(TryLockError::WouldBlock) => Err(io::ErrorKind::NotFound.into()),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Removes what ended processes of the same user have left in a folder. What cannot be removed stays.
pub fn sweep(parent: &Path, prefixes: &[&str]) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_named = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        // The metadata of an entry are its own, also where it is a link.
        let is_ours = name.to_str().is_some_and(is_named)
            && entry.metadata().is_ok_and(|found| found.is_dir() && is_own(&found));
        if is_ours {
            let _ = remove_ended(&entry.path());
        }
    }
}

#[cfg(unix)]
fn is_own(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.uid() == rustix::process::geteuid().as_raw()
}

#[cfg(not(unix))]
fn is_own(_found: &std::fs::Metadata) -> bool {
    true
}

/// Removes a folder if its process has ended.
fn remove_ended(folder: &Path) -> io::Result<()> {
    let path = folder.join(LOCK);
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    let lock = match options.open(&path) {
        Ok(lock) => lock,
        // Ended before it had its lock: nothing is in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return std::fs::remove_dir(folder);
        }
        Err(error) => return Err(error),
    };
    lock.try_lock().map_err(io::Error::from)?;
    // The lock goes last: were this run killed, the next one would go on.
    for entry in std::fs::read_dir(folder)?.flatten() {
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    std::fs::remove_file(path)?;
    std::fs::remove_dir(folder)
}

#[cfg(test)]
mod tests {
    use super::{IMPORT, LOCK, SWAP, Scratch, sweep};

    #[test]
    fn only_folders_of_ended_processes_are_removed() {
        let parent = tempfile::tempdir().unwrap();
        let living = Scratch::make(parent.path(), IMPORT).unwrap();
        std::fs::write(living.path().join("rows.csv"), "1").unwrap();
        let ended = parent.path().join(".tidegate-swap-ended");
        std::fs::create_dir_all(ended.join("deeper")).unwrap();
        std::fs::write(ended.join(LOCK), "").unwrap();
        std::fs::write(ended.join("app.db"), "1").unwrap();
        let foreign = parent.path().join("tidegate-import-notes");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("mine.txt"), "1").unwrap();
        sweep(parent.path(), &[IMPORT, SWAP]);
        assert!(living.path().join("rows.csv").exists() && foreign.join("mine.txt").exists());
        assert!(!ended.exists());
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }
}
