//! The repository itself, as GitHub describes it.

use serde::Deserialize;

use super::{GitHub, GitHubError};

/// A repository, and what the token may do in it (`GET /repos/{owner}/{repo}`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RepositoryInfo {
    /// Its name, `owner/name`.
    pub full_name: String,
    /// What the token may do; nothing where nobody is logged in.
    #[serde(default)]
    pub permissions: Option<RepositoryPermissions>,
    /// Whether it is archived: nothing can be changed then.
    #[serde(default)]
    pub archived: bool,
    /// Whether it has issues.
    #[serde(default)]
    pub has_issues: bool,
    /// The default branch.
    pub default_branch: String,
}

/// What a token may do in a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct RepositoryPermissions {
    /// Whether it may push.
    #[serde(default)]
    pub push: bool,
}

impl GitHub {
    /// Reads the repository; `None` where the token is shown none of that name.
    pub async fn repository_info(&self) -> Result<Option<RepositoryInfo>, GitHubError> {
        let path = format!("/repos/{}", self.repository);
        self.get(path).await
    }
}
