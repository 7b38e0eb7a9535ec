//! Reads the content of files that are synced, and notices when they change meanwhile.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::scan::mtime;
use crate::data::sync::LocalFile;

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;
/// A change so soon after another may have the same time: clocks of file systems are coarse.
const COARSE: Duration = Duration::from_millis(50);

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The operating system says no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is another file, or another content, than when the folder was walked.
    #[error("it changed while it was read; the next sync sends it")]
    Changed,
}

/// A file that is held open, so that all is read from the same one.
#[derive(Debug)]
pub struct Content {
    file: File,
    size: u64,
    mtime: i64,
}

impl Content {
    /// Opens a file as it was when the folder was walked.
    pub fn open(root: &Path, expected: &LocalFile) -> Result<Self, ContentError> {
        let path = root.join(&expected.path);
        // A link may have come in its place since.
        if !path.symlink_metadata()?.is_file() {
            return Err(ContentError::Changed);
        }
        let file = File::open(&path)?;
        let content = Self { file, size: expected.size, mtime: expected.mtime };
        content.check()?;
        Ok(content)
    }

    /// Checks that nobody wrote to it since the folder was walked.
    pub fn check(&self) -> Result<(), ContentError> {
        let metadata: Metadata = self.file.metadata()?;
        let same =
            metadata.is_file() && metadata.len() == self.size && mtime(&metadata) == self.mtime;
        if same { Ok(()) } else { Err(ContentError::Changed) }
    }

    /// Reads it whole. Only for small files.
    pub fn read(&self) -> Result<(Vec<u8>, [u8; 32]), ContentError> {
        let mut bytes = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        (&self.file).take(self.size + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != self.size {
            return Err(ContentError::Changed);
        }
        self.check()?;
        let digest = Sha256::digest(&bytes).into();
        Ok((bytes, digest))
    }

    /// Reads it to its end for its digest.
    pub fn digest(&self) -> Result<[u8; 32], ContentError> {
        let (mut hash, mut block, mut read) = (Sha256::new(), vec![0; BLOCK], 0_u64);
        loop {
            match (&self.file).read(&mut block) {
                Ok(0) => break,
                Ok(count) => {
                    hash.update(&block[..count]);
                    read += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if read != self.size {
            return Err(ContentError::Changed);
        }
        self.check()?;
        Ok(hash.finalize().into())
    }

    /// Returns its time where it may be noted: a change that comes so soon after the last one that
    /// both have the same time would not be seen.
    pub fn lasting_mtime(&self) -> Option<i64> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let coarse = i64::try_from(COARSE.as_micros()).unwrap_or(i64::MAX);
        (now.abs_diff(self.mtime) > coarse.unsigned_abs()).then_some(self.mtime)
    }
}
