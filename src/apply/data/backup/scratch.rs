//! A folder for copies, beside the database: there is as much space as the database needs.

use std::path::Path;

use tempfile::TempDir;

use super::BackupError;
use super::lock::is_closed;

/// A folder that is removed with this value, or by the next run.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes one in `folder` for the database `name`; where that may not be written, in the folder for
    /// temporary files.
    ///
    /// # Errors
    /// [`BackupError::Io`]
    pub fn make(folder: &Path, name: &str) -> Result<Self, BackupError> {
        let io =
            |source| BackupError::Io { what: "make a folder in", path: folder.to_owned(), source };
        match tempfile::Builder::new().prefix(&prefix(name)).tempdir_in(folder) {
            Ok(made) => Ok(Self(made)),
            Err(error) if is_closed(&error) => tempfile::tempdir().map(Self).map_err(io),
            Err(error) => Err(io(error)),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Removes what ended runs have left; only under the lock.
pub(super) fn sweep(folder: &Path, name: &str) {
    let prefix = prefix(name);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix));
        // No link: `file_type` is that of the entry itself.
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            // Where it cannot be removed, it does no harm.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn prefix(name: &str) -> String {
    format!(".tidegate-{name}.backup-scratch-")
}
