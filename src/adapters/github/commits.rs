//! Who wrote commits, by their names on GitHub.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{GitHub, GitHubError};
use crate::model::CommitSha;

#[derive(Deserialize)]
struct Commit {
    sha: CommitSha,
    #[serde(default)]
    author: Option<Author>,
}

/// `{}` where nobody on GitHub has the commit's e-mail address.
#[derive(Deserialize)]
struct Author {
    #[serde(default)]
    login: Option<String>,
}

impl GitHub {
    /// Returns the logins of the authors of `base..head`, by commit. Commits whose author has no
    /// account are absent.
    pub async fn commit_logins(
        &self,
        base: &CommitSha,
        head: &CommitSha,
    ) -> Result<BTreeMap<CommitSha, String>, GitHubError> {
        let path = self.path(&format!("compare/{base}...{head}"));
        let commits: Vec<Commit> = self.list(&path, &[], Some("commits"), |_| true).await?;
        Ok(commits
            .into_iter()
            .filter_map(|commit| Some((commit.sha, commit.author?.login?)))
            .collect())
    }
}
