//! Why the manifest on this machine cannot be used.

use std::io;

use crate::data::manifest::ManifestError;

/// Why the manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestFileError {
    /// Another sync holds it.
    #[error("{path} is held by another sync{}", holder.map(|id| format!(", process {id}")).unwrap_or_default())]
    Held {
        /// The manifest.
        path: String,
        /// The process.
        holder: Option<u32>,
    },
    /// It, its folder, or a file beside it is a link that may lead out of the repository.
    #[error("{path} leads out of the repository; the manifest has to be in it")]
    Outside {
        /// The manifest.
        path: String,
    },
    /// It is too large.
    #[error("{path}: {source}")]
    TooLarge {
        /// The manifest.
        path: String,
        /// By how much.
        source: ManifestError,
    },
    /// The operating system says no.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
}
