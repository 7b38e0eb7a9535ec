//! Workflow runs and their jobs, which nobody can forge: what GitHub itself saw.

use jiff::Timestamp;
use serde::Deserialize;

use super::{GitHub, GitHubError, segment};
use crate::model::{BranchName, CommitSha};

/// How far a run or a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum RunStatus {
    /// It has ended; its conclusion says how.
    Completed,
    /// It waits, is queued or is in progress.
    Unfinished,
}

impl From<String> for RunStatus {
    fn from(text: String) -> Self {
        // Every other word that GitHub has now or will have is some kind of waiting.
        if text == "completed" { Self::Completed } else { Self::Unfinished }
    }
}

/// A repository, as runs name it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Repository {
    /// Its id.
    pub id: u64,
}

/// A run of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Run {
    /// The id, which reruns keep.
    pub id: u64,
    /// The path of the workflow's file.
    pub path: String,
    /// The event that started it.
    pub event: String,
    /// The commit.
    pub head_sha: String,
    /// The branch; `None` for tags.
    #[serde(default)]
    pub head_branch: Option<String>,
    /// Where the commit comes from; `None` where that repository is gone.
    #[serde(default)]
    pub head_repository: Option<Repository>,
    /// The repository of the run.
    pub repository: Repository,
    /// How far it is.
    pub status: RunStatus,
    /// How it ended.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// The latest attempt, from 1.
    #[serde(default = "first")]
    pub run_attempt: u32,
    /// Its page.
    #[serde(default)]
    pub html_url: String,
}

fn first() -> u32 {
    1
}

impl Run {
    /// Returns the workflow's path without the ref that GitHub sometimes puts after it.
    pub fn workflow(&self) -> &str {
        self.path.split('@').next().unwrap_or(&self.path)
    }

    /// Whether this is the push run of `workflow` on `branch` of this very repository (promise 6).
    /// A fork may name its branch `main` too.
    pub fn is_push_of(&self, workflow: &str, branch: &BranchName) -> bool {
        self.event == "push"
            && self.workflow() == workflow
            && self.head_branch.as_deref() == Some(branch.as_str())
            && self.head_repository.as_ref() == Some(&self.repository)
    }
}

/// A job of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Job {
    /// The id.
    pub id: u64,
    /// The name that is shown: not the id in the workflow's file.
    pub name: String,
    /// How far it is.
    pub status: RunStatus,
    /// How it ended.
    #[serde(default)]
    pub conclusion: Option<String>,
    /// When this attempt of it began.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// The attempt of the run that it ran in.
    #[serde(default = "first")]
    pub run_attempt: u32,
    /// Its page.
    #[serde(default)]
    pub html_url: Option<String>,
}

impl GitHub {
    /// Lists the push runs of a workflow on a branch, newest first, until `enough` says so.
    /// `workflow` is the name of its file (`release-gate.yml`).
    pub async fn push_runs(
        &self,
        workflow: &str,
        branch: &BranchName,
        enough: impl FnMut(&[Run]) -> bool,
    ) -> Result<Vec<Run>, GitHubError> {
        let path = self.path(&format!("actions/workflows/{}/runs", segment(workflow)));
        let query =
            [("branch", branch.as_str()), ("event", "push"), ("exclude_pull_requests", "true")];
        self.list(&path, &query, Some("workflow_runs"), enough).await
    }

    /// Lists the push runs of a commit on a branch, newest first, of every workflow.
    pub async fn push_runs_of(
        &self,
        commit: &CommitSha,
        branch: &BranchName,
    ) -> Result<Vec<Run>, GitHubError> {
        let path = self.path("actions/runs");
        let query = [
            ("branch", branch.as_str()),
            ("event", "push"),
            ("exclude_pull_requests", "true"),
            ("head_sha", commit.as_str()),
        ];
        self.list(&path, &query, Some("workflow_runs"), |_| false).await
    }

    /// Reads a run; `None` where there is none any more.
    pub async fn run(&self, id: u64) -> Result<Option<Run>, GitHubError> {
        self.get(self.path(&format!("actions/runs/{id}?exclude_pull_requests=true"))).await
    }

    /// Lists the jobs of a run, each in its latest attempt.
    pub async fn jobs(&self, run: u64) -> Result<Vec<Job>, GitHubError> {
        let path = self.path(&format!("actions/runs/{run}/jobs"));
        self.list(&path, &[("filter", "latest")], Some("jobs"), |_| false).await
    }
}
