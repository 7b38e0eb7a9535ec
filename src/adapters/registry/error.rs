//! What can go wrong with an image, and what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::HttpError;
use crate::model::Digest;

/// What was being done, with what, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    action: &'static str,
    /// Boxed, so that results stay small.
    subject: Box<Subject>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    image: String,
    reference: String,
    endpoint: String,
}

impl Place {
    /// `action` is the verb, as in "could not … it"; `reference` is a tag, a digest or empty;
    /// `endpoint` is the address of the server, empty for a layout.
    pub(super) fn new(
        action: &'static str,
        image: String,
        reference: &str,
        endpoint: &str,
    ) -> Self {
        let (reference, endpoint) = (reference.to_owned(), endpoint.to_owned());
        Self { action, subject: Box::new(Subject { image, reference, endpoint }) }
    }

    /// The same subject under another verb.
    pub(super) fn doing(&self, action: &'static str) -> Self {
        Self { action, ..self.clone() }
    }

    /// The same subject at another server.
    pub(super) fn at(mut self, endpoint: String) -> Self {
        self.subject.endpoint = endpoint;
        self
    }

    /// Whether something was to be changed.
    pub(super) fn writes(&self) -> bool {
        self.action == WRITE
    }
}

/// The verb of requests that change something.
pub(super) const WRITE: &str = "write";

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Subject { image, reference, endpoint } = &*self.subject;
        let separator = match reference.as_str() {
            "" => "",
            digest if digest.contains(':') => "@",
            _ => ":",
        };
        write!(f, "could not {} {image}{separator}{reference}", self.action)?;
        if !endpoint.is_empty() {
            write!(f, " at {endpoint}")?;
        }
        Ok(())
    }
}

/// Says why an image could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// 401: no credentials, or the wrong ones.
    #[error("{place}: 401 unauthorized with {tried}{}; {hint}", colon(detail))]
    Unauthorized {
        /// What was being done.
        place: Place,
        /// Which credentials were sent, and where they came from; never the password.
        tried: String,
        /// What the registry said.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// 403: the credentials are known and not enough.
    #[error("{place}: 403 forbidden with {tried}{}; {hint}", colon(detail))]
    Forbidden {
        /// What was being done.
        place: Place,
        /// Which credentials were sent, and where they came from; never the password.
        tried: String,
        /// What the registry said.
        detail: String,
        /// What to do.
        hint: String,
    },
    /// 404 where something had to be there: the registry, a blob, the repository of a push.
    #[error("{place}: 404 not found{}; {hint}", colon(detail))]
    NotFound {
        /// What was being done.
        place: Place,
        /// What the registry said.
        detail: String,
        /// What to do.
        hint: &'static str,
    },
    /// Any other status that is not a success, after all attempts.
    #[error(
        "{place}: the registry answered {status} (attempts: {attempts}){}; {hint}",
        colon(detail)
    )]
    Status {
        /// What was being done.
        place: Place,
        /// The status.
        status: u16,
        /// How often it was tried.
        attempts: u32,
        /// What the registry said.
        detail: String,
        /// What to do.
        hint: &'static str,
    },
    /// No answer, after all attempts.
    #[error("{place}: {source}; check the address of the registry and the network")]
    Transport {
        /// What was being done.
        place: Place,
        /// Why there is none.
        source: HttpError,
    },
    /// The content is not what its digest says.
    #[error(
        "{place}: {what} says {expected}, but the content is {found}; something between here and the registry changes content"
    )]
    DigestMismatch {
        /// What was being done.
        place: Place,
        /// Who promised the digest.
        what: &'static str,
        /// The promised digest.
        expected: Digest,
        /// The digest of what was received.
        found: Digest,
    },
    /// The tag does not name the digest that was just put there.
    #[error(
        "{place}: the tag was put to {expected}, but after {waited:?} it reads {}; \
         something else may have moved it: run again",
        found.as_ref().map_or("as absent".to_owned(), ToString::to_string)
    )]
    ReadBack {
        /// What was being done.
        place: Place,
        /// What was put.
        expected: Digest,
        /// What the tag names.
        found: Option<Digest>,
        /// How long the registry was given.
        waited: Duration,
    },
    /// A digest that has to be there did not appear.
    #[error(
        "{place}: not there after {waited:?}; check that the build job pushed it to this repository"
    )]
    Absent {
        /// What was being done.
        place: Place,
        /// How long the registry was given.
        waited: Duration,
    },
    /// The token server is another host, and credentials would have gone there.
    #[error(
        "{place}: the registry sends credentials on to {realm}, another host, and nothing was sent \
         there; if that is right, set registries.\"{host}\".token_host in the configuration"
    )]
    ForeignRealm {
        /// What was being done.
        place: Place,
        /// The host as the configuration names it.
        host: String,
        /// Where the credentials would have gone.
        realm: String,
    },
    /// The challenge of the registry cannot be answered.
    #[error(
        "{place}: the registry asks for authentication in a way that is not understood ({reason})"
    )]
    Challenge {
        /// What was being done.
        place: Place,
        /// What is wrong with it.
        reason: String,
    },
    /// Credentials exist, but cannot be read.
    #[error(
        "credentials for {host} cannot be read: {reason}; log in again with docker login {host}"
    )]
    Credentials {
        /// The host of the registry.
        host: String,
        /// What is wrong; never the credentials.
        reason: String,
    },
    /// What was received is not a manifest that tidegate promotes.
    #[error("{place}: {reason}")]
    Invalid {
        /// What was being done.
        place: Place,
        /// What was expected and what was found.
        reason: String,
    },
    /// The OCI image layout cannot be read or written.
    #[error("OCI image layout {}: {reason}", .path.display())]
    Layout {
        /// The folder, or the file in it.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl RegistryError {
    /// Whether a later run may well succeed without anybody mending anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::ReadBack { .. } | Self::Absent { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::DigestMismatch { .. }
            | Self::ForeignRealm { .. }
            | Self::Challenge { .. }
            | Self::Credentials { .. }
            | Self::Invalid { .. }
            | Self::Layout { .. } => false,
        }
    }
}

fn colon(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" ({detail})") }
}
