//! The repository itself, as GitHub describes it.

use serde::Deserialize;

use ::http::Method;

use super::{Call, GitHub, GitHubError, NOTHING};
use crate::http::Repeat;

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
    /// Whether pull requests may be squashed; shown only to who may change the settings.
    #[serde(default)]
    pub allow_squash_merge: Option<bool>,
    /// What the message of a squash is made from: `PR_BODY`, `COMMIT_MESSAGES` or `BLANK`; shown
    /// only to who may change the settings.
    #[serde(default)]
    pub squash_merge_commit_message: Option<String>,
    /// The scopes of a classic personal token (header `X-OAuth-Scopes`); other tokens have none.
    #[serde(skip)]
    pub scopes: Option<Vec<String>>,
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
        let call = Call { method: Method::GET, path, body: NOTHING, repeat: Repeat::Always };
        let answer = self.send(call).await?;
        if answer.parts.status == ::http::StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = answer.success(&self.redactor)?;
        let mut info: RepositoryInfo = answer.read()?;
        let scopes = answer.parts.headers.get("x-oauth-scopes");
        info.scopes = scopes.and_then(|value| value.to_str().ok()).map(|text| {
            let scopes = text.split(',').map(str::trim).filter(|scope| !scope.is_empty());
            scopes.map(str::to_owned).collect()
        });
        Ok(Some(info))
    }
}
