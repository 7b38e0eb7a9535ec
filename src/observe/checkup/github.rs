//! What GitHub says about the repository and the token.

use crate::adapters::github::{GitHub, GitHubError};
use crate::doctor::{GitHubSeen, RepositorySeen, Seen};

/// Asks, with one request.
pub async fn look(github: &GitHub) -> Seen<GitHubSeen> {
    match github.repository_info().await {
        Ok(Some(info)) => Seen::Known(GitHubSeen::Found(RepositorySeen {
            name: info.full_name,
            may_push: info.permissions.map(|permissions| permissions.push),
            archived: info.archived,
            has_issues: info.has_issues,
            default_branch: info.default_branch,
        })),
        Ok(None) => {
            let repository = github.repository().to_owned();
            Seen::Known(GitHubSeen::NotFound { repository })
        }
        Err(GitHubError::Unauthorized { said, .. }) => Seen::Known(GitHubSeen::TokenRefused(said)),
        Err(error) => Seen::Unknown(error.to_string()),
    }
}
