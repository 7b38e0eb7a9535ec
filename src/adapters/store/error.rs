//! What can go wrong with a store.

use std::path::PathBuf;

/// Why a store could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is nothing to log in with, or it makes no sense.
    #[error("{place}: {problem}")]
    Credentials {
        /// The store.
        place: String,
        /// What is missing or wrong.
        problem: String,
    },
    /// The store knows us, or does not, and says no.
    #[error("{place}: the store does not allow it: {reason}")]
    Denied {
        /// Where.
        place: String,
        /// What it said.
        reason: String,
    },
    /// It did not answer, or not in time.
    #[error("{place}: {reason}")]
    Unreachable {
        /// Where.
        place: String,
        /// What happened.
        reason: String,
    },
    /// It asks for fewer requests.
    #[error("{place}: the store asks for fewer requests: {reason}")]
    Busy {
        /// Where.
        place: String,
        /// What it said.
        reason: String,
    },
    /// An object, or the container, is not there.
    #[error("{place} is not there")]
    Missing {
        /// Where.
        place: String,
    },
    /// The object has another version than the one that was asked for.
    #[error("{place} was replaced while it was read")]
    Moved {
        /// Where.
        place: String,
    },
    /// What arrived is not what was sent.
    #[error("{place}: {problem}")]
    Damaged {
        /// Where.
        place: String,
        /// What differs.
        problem: String,
    },
    /// An object is larger than what it can be.
    #[error("{place} has {size} bytes, and at most {limit} are read")]
    TooLarge {
        /// Where.
        place: String,
        /// Its size.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// A path that no store can have.
    #[error("{path:?} is no path of an object")]
    Path {
        /// The path.
        path: String,
    },
    /// A file of this machine.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The store cannot do it at all.
    #[error("{place}: {problem}")]
    Unsupported {
        /// Where.
        place: String,
        /// What it cannot do.
        problem: String,
    },
}

impl StoreError {
    /// Says what an error of the library means.
    pub(super) fn of(place: String, error: object_store::Error) -> Self {
        use object_store::Error;
        match error {
            Error::NotFound { .. } => Self::Missing { place },
            Error::Precondition { .. } => Self::Moved { place },
            Error::PermissionDenied { source, .. } | Error::Unauthenticated { source, .. } => {
                Self::Denied { place, reason: source.to_string() }
            }
            Error::NotSupported { source } => {
                Self::Unsupported { place, problem: source.to_string() }
            }
            other => Self::Unreachable { place, reason: other.to_string() },
        }
    }
}
