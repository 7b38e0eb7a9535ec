//! What health checks have read of backups in a bucket, in a hidden file beside the database.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use super::Kept;
use crate::data::health::{MAX_READINGS, Readings};
use crate::model::StoreUrl;

/// The readings, and where they are written.
pub(super) struct ReadingsFile {
    path: PathBuf,
    pub(super) readings: Readings,
    /// What is in the file.
    written: Readings,
}

impl ReadingsFile {
    /// Reads what there is of the backups of a database; `None` where they lie on this machine.
    pub(super) fn of(kept: &Kept) -> Option<Self> {
        match kept.place {
            StoreUrl::Folder { .. } => return None,
            StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. } => {}
        }
        let name = kept.file.file_name()?.to_str()?;
        let path = kept.file.with_file_name(format!(".tidegate-{name}.backup-readings"));
        let place = kept.shown_place();
        let readings = match read(&path) {
            Ok(bytes) => Readings::read(&bytes, &place),
            // Where nothing is known, the backup is read.
            Err(error) => {
                tracing::debug!("{} is not read: {error}", path.display());
                Readings::new(&place)
            }
        };
        Some(Self { path, written: readings.clone(), readings })
    }

    /// Writes what was read. Where that cannot be, the next check reads the backup again.
    pub(super) fn write(&mut self) {
        if self.readings == self.written {
            return;
        }
        match self.replace() {
            Ok(()) => self.written = self.readings.clone(),
            Err(error) => tracing::debug!("{} is not written: {error}", self.path.display()),
        }
    }

    fn replace(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let mut file = tempfile::Builder::new().prefix(".tidegate-").tempfile_in(folder)?;
        file.write_all(self.readings.text()?.as_bytes())?;
        file.persist(&self.path)?;
        Ok(())
    }
}

/// Reads a file of usual size that is no link.
fn read(path: &std::path::Path) -> io::Result<Vec<u8>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A pipe in its place must not keep the check waiting.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let mut bytes = Vec::new();
    options.open(path)?.take(MAX_READINGS).read_to_end(&mut bytes)?;
    Ok(bytes)
}
