//! An answer of GitHub's, of any status.

use serde::Deserialize as _;
use serde::de::DeserializeOwned;

use super::GitHubError;
use crate::http;
use crate::secret::Redactor;

/// An answer that was read to its end.
pub(super) struct Answer {
    /// The method and path that were asked.
    pub(super) endpoint: String,
    /// The status and the headers.
    pub(super) parts: ::http::response::Parts,
    /// The body.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Returns the answer, where it says that the request succeeded.
    pub(super) fn success(self, redactor: &Redactor) -> Result<Self, GitHubError> {
        if self.parts.status.is_success() {
            return Ok(self);
        }
        let said = redactor.redact(&http::summary(&self.body)).into_owned();
        let header = |name: &str| {
            self.parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        Err(GitHubError::refused(
            self.endpoint,
            self.parts.status,
            said,
            header("x-ratelimit-remaining").as_deref() == Some("0"),
            header("x-ratelimit-reset").and_then(|text| text.parse().ok()),
        ))
    }

    /// Reads the body.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, GitHubError> {
        // A 204 has no body: it reads as `null`.
        let body = if self.body.is_empty() { b"null".as_slice() } else { &self.body };
        serde_json::from_slice(body).map_err(|cause| self.unreadable(&cause))
    }

    /// Reads the items of one page of a list.
    pub(super) fn items<T: DeserializeOwned>(
        &self,
        key: Option<&str>,
    ) -> Result<Vec<T>, GitHubError> {
        let Some(key) = key else { return self.read() };
        let mut page: serde_json::Map<String, serde_json::Value> = self.read()?;
        let items = page.remove(key).unwrap_or_default();
        Vec::<T>::deserialize(items).map_err(|cause| self.unreadable(&cause))
    }

    /// Whether the list goes on (RFC 8288, `rel="next"`). The address itself is not used: the next
    /// page is asked for by number, so that no answer can send the token elsewhere.
    pub(super) fn has_next_page(&self) -> bool {
        let links = self.parts.headers.get_all(::http::header::LINK);
        links.iter().filter_map(|value| value.to_str().ok()).any(|text| {
            text.split(',').any(|link| link.split(';').skip(1).any(|p| p.trim() == "rel=\"next\""))
        })
    }

    fn unreadable(&self, cause: &serde_json::Error) -> GitHubError {
        GitHubError::Unreadable {
            endpoint: self.endpoint.clone(),
            cause: http::one_line(&cause.to_string()),
        }
    }
}
