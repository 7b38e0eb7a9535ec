//! Check runs: what anybody with write access says about a commit.

use serde::Deserialize;

use super::{GitHub, GitHubError, RunStatus};
use crate::model::CommitSha;

/// A check run of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckRun {
    /// Its name.
    pub name: String,
    /// How far it is.
    pub status: RunStatus,
    /// How it ended.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// Its page.
    #[serde(default)]
    pub html_url: Option<String>,
}

impl GitHub {
    /// Lists the check runs of a commit, each in its latest version.
    pub async fn check_runs(&self, commit: &CommitSha) -> Result<Vec<CheckRun>, GitHubError> {
        let path = self.path(&format!("commits/{commit}/check-runs"));
        self.list(&path, &[("filter", "latest")], Some("check_runs"), |_| false).await
    }
}
