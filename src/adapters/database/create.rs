//! A database file that is not there yet: made whole in a folder beside its place, then put there.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::DatabaseError;
use crate::adapters::scratch::{self, Scratch};

/// How often a load begins anew where the file, or the table, was made meanwhile.
pub(super) const TRIES: usize = 5;

/// Says that it was made anew each time.
pub(super) fn unsettled(shown: &str) -> DatabaseError {
    DatabaseError::InUse {
        file: shown.to_owned(),
        holder: format!("other processes, which made or changed it {TRIES} times meanwhile"),
    }
}

/// A place for a file that is being made.
pub(super) struct Creation {
    folder: Scratch,
    target: PathBuf,
}

impl Creation {
    /// Makes the place. The folder of the database has to be there.
    pub(super) fn begin(target: &Path, shown: &str) -> Result<Self, DatabaseError> {
        let open = |reason: String| DatabaseError::Open { file: shown.to_owned(), reason };
        let parent = target.parent().filter(|parent| parent.is_dir());
        let parent =
            parent.ok_or_else(|| open("its folder does not exist; make it first".to_owned()))?;
        let folder = Scratch::make(parent, scratch::NEW).map_err(|error| {
            let folder = Path::new(shown).parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).display();
            let said = scratch::nameless(error);
            open(match said.kind() {
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => format!(
                    "its folder {folder} cannot be written ({said}): let this user write there, \
                     or choose another with --database"
                ),
                _ => format!("nothing can be made in its folder {folder}: {said}"),
            })
        })?;
        Ok(Self { folder, target: target.to_owned() })
    }

    /// The file to make.
    pub(super) fn file(&self) -> PathBuf {
        self.folder.path().join(self.target.file_name().unwrap_or_default())
    }

    /// Puts the file into its place. Returns `false` where somebody else made one meanwhile: that is never
    /// replaced, and this one is gone.
    pub(super) fn end(self) -> Result<bool, DatabaseError> {
        let io = |source| DatabaseError::Io { path: self.target.display().to_string(), source };
        let file = self.file();
        // On a disk that is full an engine may end well with rows in its log only.
        for log in [".wal", "-wal", "-journal"] {
            let mut name = file.clone().into_os_string();
            name.push(log);
            if std::fs::metadata(name).is_ok_and(|log| log.len() > 0) {
                let reason = "its log was not taken into the new file; is the disk full?";
                return Err(io(std::io::Error::other(reason)));
            }
        }
        File::open(&file).and_then(|file| file.sync_all()).map_err(io)?;
        match std::fs::hard_link(&file, &self.target) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(false),
            Err(error) => return Err(io(error)),
        }
        if let Some(parent) = self.target.parent() {
            File::open(parent).and_then(|parent| parent.sync_all()).map_err(io)?;
        }
        Ok(true)
    }
}
