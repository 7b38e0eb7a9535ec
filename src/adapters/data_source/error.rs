//! What can go wrong with a source. No message holds the query of a URL.

use std::path::PathBuf;

use crate::adapters::store::StoreError;
use crate::http::HttpError;

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The URL cannot be one of a published database.
    #[error("the URL of the data cannot be used: {problem}")]
    Url {
        /// Why not.
        problem: String,
    },
    /// There is no whole answer.
    #[error("{place}: {error}")]
    Http {
        /// Where.
        place: String,
        /// What happened.
        error: HttpError,
    },
    /// The server refuses the signature.
    #[error("{place}: the store refuses the signed URL ({said}){}", .problem.as_ref().map(|why| format!(": {why}")).unwrap_or_default())]
    Denied {
        /// Where.
        place: String,
        /// The status, and the code of the store.
        said: String,
        /// What is wrong with the signature, where its query tells.
        problem: Option<String>,
    },
    /// There is no such file.
    #[error("{place} is not there")]
    Missing {
        /// Where.
        place: String,
    },
    /// The file has another version than the one that was asked for.
    #[error("{place} was replaced while it was read")]
    Moved {
        /// Where.
        place: String,
    },
    /// The server answers with something else than the file.
    #[error("{place}: the server answers {said}")]
    Refused {
        /// Where.
        place: String,
        /// The status, and what it said.
        said: String,
        /// Whether waiting may help.
        transient: bool,
    },
    /// It is larger than it can be.
    #[error("{place} is larger than {limit} bytes")]
    TooLarge {
        /// Where.
        place: String,
        /// The bound.
        limit: usize,
    },
    /// A file of this machine.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SourceError {
    /// Whether asking again may help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Http { error, .. } => match error {
                // Waiting does not mend a certificate.
                HttpError::Connect { reason, .. } => !reason.contains("certificate"),
                HttpError::TimedOut { .. } | HttpError::Cut { .. } => true,
                HttpError::TooLarge { .. }
                | HttpError::Redirect { .. }
                | HttpError::Setup { .. } => false,
            },
            Self::Refused { transient, .. } => *transient,
            Self::Store(error) => match error {
                StoreError::Unreachable { .. } | StoreError::Busy { .. } => true,
                StoreError::Credentials { .. }
                | StoreError::Denied { .. }
                | StoreError::Missing { .. }
                | StoreError::Moved { .. }
                | StoreError::Damaged { .. }
                | StoreError::TooLarge { .. }
                | StoreError::Path { .. }
                | StoreError::File { .. }
                | StoreError::Clock { .. }
                | StoreError::Link { .. }
                | StoreError::Changed { .. }
                | StoreError::Unsupported { .. } => false,
            },
            Self::Url { .. }
            | Self::Denied { .. }
            | Self::Missing { .. }
            | Self::Moved { .. }
            | Self::TooLarge { .. }
            | Self::File { .. } => false,
        }
    }

    /// Whether the file is gone or is another one now: the pointer has to be read again.
    pub fn is_replaced(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::Moved { .. }
                | Self::Store(StoreError::Missing { .. } | StoreError::Moved { .. })
        )
    }
}
