//! What can go wrong with a request to GitHub.

use std::error::Error as StdError;

use http::StatusCode;
use jiff::Timestamp;

use crate::http::{HttpError, one_line};
use crate::secret::Redactor;

/// Why GitHub did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitHubError {
    /// There is no answer.
    #[error("{endpoint} on GitHub: {cause}")]
    Transport {
        /// The method and path.
        endpoint: String,
        /// The cause.
        cause: HttpError,
    },
    /// The token is not valid (401).
    #[error("{endpoint}: GitHub does not know the token: {said}")]
    Unauthorized {
        /// The method and path.
        endpoint: String,
        /// What GitHub says.
        said: String,
    },
    /// The token may not do this (403), or may not even see it (404).
    #[error("{endpoint}: GitHub does not allow it ({status}): {said}")]
    Forbidden {
        /// The method and path.
        endpoint: String,
        /// The status.
        status: u16,
        /// What GitHub says.
        said: String,
    },
    /// Too many requests.
    #[error("{endpoint}: GitHub's rate limit is used up{}: {said}", until(*.resets))]
    RateLimit {
        /// The method and path.
        endpoint: String,
        /// When it is reset, where GitHub says so.
        resets: Option<Timestamp>,
        /// What GitHub says.
        said: String,
    },
    /// GitHub has trouble of its own (5xx).
    #[error("{endpoint}: GitHub answered {status}: {said}")]
    Server {
        /// The method and path.
        endpoint: String,
        /// The status.
        status: u16,
        /// What GitHub says.
        said: String,
    },
    /// The request makes no sense to GitHub (other 4xx, such as 422).
    #[error("{endpoint}: GitHub refused the request ({status}): {said}")]
    Refused {
        /// The method and path.
        endpoint: String,
        /// The status.
        status: u16,
        /// What GitHub says.
        said: String,
    },
    /// The answer is not what GitHub documents.
    #[error("{endpoint}: cannot read the answer of GitHub: {cause}")]
    Unreadable {
        /// The method and path.
        endpoint: String,
        /// What is wrong.
        cause: String,
    },
    /// The credentials of the App cannot be used.
    #[error("the GitHub App cannot sign: {cause}")]
    App {
        /// What is wrong.
        cause: String,
    },
}

fn until(resets: Option<Timestamp>) -> String {
    resets.map_or_else(String::new, |time| format!(" until {}", time.strftime("%H:%M UTC")))
}

impl GitHubError {
    /// Takes an answer that is no success.
    pub(super) fn refused(
        endpoint: String,
        status: StatusCode,
        said: String,
        none_left: bool,
        resets: Option<i64>,
    ) -> Self {
        let resets = resets.and_then(|second| Timestamp::from_second(second).ok());
        let limited = said.to_ascii_lowercase().contains("rate limit")
            || said.to_ascii_lowercase().contains("abuse detection");
        match status.as_u16() {
            429 => Self::RateLimit { endpoint, resets, said },
            403 if none_left || limited => Self::RateLimit { endpoint, resets, said },
            401 => Self::Unauthorized { endpoint, said },
            status @ (403 | 404) => Self::Forbidden { endpoint, status, said },
            status @ 500.. => Self::Server { endpoint, status, said },
            status => Self::Refused { endpoint, status, said },
        }
    }

    /// Takes what octocrab says about a request without an answer.
    pub(super) fn sending(endpoint: &str, error: &octocrab::Error, redactor: &Redactor) -> Self {
        let endpoint = endpoint.to_owned();
        let mut inner: Option<&(dyn StdError + 'static)> = Some(error);
        let mut text = error.to_string();
        while let Some(error) = inner {
            if let Some(cause) = error.downcast_ref::<HttpError>() {
                return Self::Transport { endpoint, cause: cause.clone() };
            }
            text = error.to_string();
            inner = error.source();
        }
        let reason = one_line(&redactor.redact(&text));
        Self::Transport { endpoint, cause: HttpError::Setup { reason } }
    }

    /// Whether asking again later may help: nothing was said about the matter itself.
    pub fn is_transient(&self) -> bool {
        match self {
            // Half an answer is trouble of the network too.
            Self::Transport { .. }
            | Self::RateLimit { .. }
            | Self::Server { .. }
            | Self::Unreadable { .. } => true,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::App { .. } => false,
        }
    }

    /// Says what went wrong, and which permission of the job would help where one is missing:
    /// `actions: read`.
    pub fn with_permission(&self, permission: &str) -> String {
        match self {
            Self::Forbidden { .. } => {
                format!("{self}; give the gate's job the permission `{permission}`")
            }
            Self::Transport { .. }
            | Self::Unauthorized { .. }
            | Self::RateLimit { .. }
            | Self::Server { .. }
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::App { .. } => self.to_string(),
        }
    }

    /// Whether GitHub may have done what was asked all the same.
    pub fn may_have_been_applied(&self) -> bool {
        match self {
            Self::Transport { cause, .. } => cause.may_have_been_applied(),
            Self::Server { .. } | Self::Unreadable { .. } => true,
            Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::RateLimit { .. }
            | Self::Refused { .. }
            | Self::App { .. } => false,
        }
    }
}
