//! What can go wrong while a database is fetched. The file that was there is kept each time.

use std::io;
use std::path::{Path, PathBuf};

use crate::adapters::data_source::SourceError;
use crate::data::PointerError;

/// Why a database could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum PullError {
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// What is served cannot be read off `latest.json`.
    #[error("{place}: {error}")]
    Pointer {
        /// The pointer.
        place: String,
        /// Why not.
        error: PointerError,
    },
    /// The file is not what `latest.json` says, each time that both were read.
    #[error("{place} is not what latest.json says: {problem}")]
    Mismatch {
        /// The file.
        place: String,
        /// What differs.
        problem: String,
    },
    /// The one file that the URL names is no database.
    #[error("{place} is no database of DuckDB or SQLite")]
    NoDatabase {
        /// The file.
        place: String,
    },
    /// The target is a folder, or has no name.
    #[error("{} is no file that a database could be written to", path.display())]
    Target {
        /// The target.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space is left in {} for {size} bytes; the file that is there was kept", folder.display())]
    Full {
        /// The folder of the target.
        folder: PathBuf,
        /// The size of the database.
        size: u64,
    },
    /// A file of this machine.
    #[error("cannot {doing} {}: {source}", path.display())]
    File {
        /// What was tried: `write`, `rename`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has fetched the same file for the whole time.
    #[error("another process has held {} for {seconds} s", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// It took too long.
    #[error("{place}: not done after {seconds} s")]
    TimedOut {
        /// The source.
        place: String,
        /// The time that was given.
        seconds: u64,
    },
}

impl PullError {
    /// Whether a publication may be under way, so that it helps to read the pointer again.
    pub(super) fn is_publication(&self) -> bool {
        match self {
            Self::Source(error) => error.is_replaced(),
            Self::Mismatch { .. } => true,
            Self::Pointer { .. }
            | Self::NoDatabase { .. }
            | Self::Target { .. }
            | Self::Full { .. }
            | Self::File { .. }
            | Self::Locked { .. }
            | Self::TimedOut { .. } => false,
        }
    }
}

pub(super) fn file(doing: &'static str, path: &Path, source: io::Error) -> PullError {
    PullError::File { doing, path: path.to_owned(), source }
}
