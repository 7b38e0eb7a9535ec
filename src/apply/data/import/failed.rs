//! Why an import ends early.

use std::io;

use crate::adapters::database::DatabaseError;
use crate::adapters::scratch::nameless;
use crate::observe::data::rows::RowsError;

/// Why an import could not be carried out. Nothing was written to the database, except where
/// [`ImportFailed::Rejects`] says so.
#[derive(Debug, thiserror::Error)]
pub enum ImportFailed {
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A file of this run cannot be written.
    #[error("cannot write {what}: {source}")]
    Write {
        /// What it is.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The file of rejects that is named is another file.
    #[error("cannot write the bad rows to {file}: {problem}")]
    Target {
        /// The file.
        file: String,
        /// What it is.
        problem: String,
    },
    /// The good rows are written, and the bad ones could not be.
    #[error(
        "the good rows were imported{passwords}, and the bad ones cannot be written to {file}: {source}"
    )]
    Rejects {
        /// Where their new passwords stand, in brackets; empty without any.
        passwords: String,
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// It failed while it was written, and passwords had been made up.
    #[error("it is not known whether the rows were written, so the new passwords stay in {file}")]
    Unclear {
        /// The file.
        file: String,
        /// What happened.
        source: Box<ImportFailed>,
    },
    /// Passwords cannot be hashed.
    #[error("cannot hash a password: {0}")]
    Hash(String),
}

impl ImportFailed {
    /// Whether the database may have taken the rows all the same.
    pub(super) fn may_be_written(&self) -> bool {
        match self {
            Self::Database(
                DatabaseError::Ended { .. }
                | DatabaseError::TimedOut { .. }
                | DatabaseError::Io { .. },
            ) => true,
            // What an engine refuses, also when it commits, it takes back as a whole.
            Self::Database(
                DatabaseError::Sql { .. }
                | DatabaseError::Table { .. }
                | DatabaseError::Constraint { .. }
                | DatabaseError::Full { .. }
                | DatabaseError::InUse { .. }
                | DatabaseError::Open { .. }
                | DatabaseError::NoEngine { .. }
                | DatabaseError::Text { .. },
            )
            | Self::Rows(_)
            | Self::Write { .. }
            | Self::Target { .. }
            | Self::Rejects { .. }
            | Self::Unclear { .. }
            | Self::Hash(_) => false,
        }
    }

    pub(super) fn write(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Write { what, source: nameless(source) }
    }
}
