//! Of two syncs on one machine, one waits for the other.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::super::links::without_links;
use super::{ManifestFileError, beside, failed};

/// A file that is locked by the operating system as long as its process lives, and says which it is:
/// one that a killed process has left is nobody's.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes it, or says who has it.
    pub(super) fn take(manifest: &Path) -> Result<Result<Self, Option<u32>>, ManifestFileError> {
        let path = beside(manifest, ".lock");
        let mut options = OpenOptions::new();
        let options = options.create(true).read(true).write(true).truncate(false);
        let mut file = without_links(options).open(&path).map_err(failed("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = io::Read::take(&mut file, 20).read_to_string(&mut text);
                return Ok(Err(text.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path)(error)),
        }
        // Who had it may have removed it before it was locked here.
        if !is_at(&file, &path) {
            return Ok(Err(None));
        }
        let write = || {
            file.set_len(0)?;
            write!(&file, "{}", std::process::id())
        };
        write().map_err(failed("write", &path))?;
        Ok(Ok(Self { file, path }))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is held, so that nobody else's goes. It does no harm where it stays.
        if is_at(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(own), Ok(there)) = (file.metadata(), fs::metadata(path)) else { return false };
    (own.dev(), own.ino()) == (there.dev(), there.ino())
}

#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
