//! Starts the workflow that runs the failed jobs of a run again.
//!
//! A gate cannot do it itself: GitHub refuses to rerun a run that is in progress (403), and the gate
//! is a job of that very run. The retry workflow waits for its end.

use serde::Serialize;

use super::{Applier, TRIES};
use crate::adapters::github::{GitHubError, RetryInputs};
use crate::adapters::state_branch::Observed;
use crate::model::{BranchName, RunIdentity};
use crate::observe::world::World;
use crate::state::{RetryNote, StateChange};

/// The start of a retry workflow, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dispatch {
    /// The name of the workflow's file.
    pub workflow: String,
    /// The id of the run whose failed jobs are to run again.
    pub run: u64,
    /// The attempt that failed.
    pub attempt: u32,
    /// Why it was not started; `None` where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Applier<'_> {
    /// Starts the workflow. What keeps it from starting is no error: the verdict stays a retry, and a
    /// person is told what to do.
    pub(super) async fn dispatch_retry(
        &self,
        workflow: &str,
        branch: &BranchName,
        run: &RunIdentity,
    ) -> Dispatch {
        let problem = match self.start(workflow, branch, run).await {
            Ok(()) => None,
            Err(why) => Some(why),
        };
        Dispatch { workflow: workflow.to_owned(), run: run.id, attempt: run.attempt, problem }
    }

    async fn start(
        &self,
        workflow: &str,
        branch: &BranchName,
        run: &RunIdentity,
    ) -> Result<(), String> {
        let Some(github) = self.github else {
            return Err("there is no token for GitHub's API, or no repository there".to_owned());
        };
        let inputs = RetryInputs { run_id: run.id.to_string(), attempt: run.attempt.to_string() };
        let mut sent = github.dispatch_retry(workflow, branch, &inputs).await;
        // The answer may be lost after the workflow was started. Starting it twice is harmless: each
        // of its runs leaves the run alone whose attempt is later than the one it was started for.
        if sent.as_ref().is_err_and(GitHubError::may_have_been_applied) {
            sent = github.dispatch_retry(workflow, branch, &inputs).await;
        }
        sent.map_err(|error| explain(&error, workflow, branch))
    }

    /// Notes on the state branch that the workflow was started, so that another gate of the same
    /// attempt does not start it again. Where that fails it would be started twice, which is
    /// harmless; so nothing comes of it.
    pub(super) fn note_dispatch(&self, observed: &Observed, run: &RunIdentity) {
        let mut observed = observed.clone();
        for _ in 0..TRIES {
            let of_run = |note: &&RetryNote| note.run == *run && !note.dispatched;
            let Some(note) = observed.state.retries.values().find(of_run).cloned() else { return };
            let note = RetryNote { dispatched: true, ..note };
            let change = StateChange { retry: Some(note), ..StateChange::default() };
            match self.write_state(&observed, &change) {
                Ok(Some(_)) => return,
                Ok(None) => match World::fetch(self.git, self.config) {
                    Ok(world) => observed = world.state,
                    Err(error) => return tracing::info!("the dispatch is not noted: {error:#}"),
                },
                Err(error) => return tracing::info!("the dispatch is not noted: {error:#}"),
            }
        }
    }
}

/// Says what keeps the workflow from starting, and what to do.
fn explain(error: &GitHubError, workflow: &str, branch: &BranchName) -> String {
    let file = format!(".github/workflows/{workflow}");
    let advice = match error {
        GitHubError::Forbidden { status: 404, .. } => {
            format!(
                "put {file} on {branch}, as the documentation shows it, or name another one in rollback.retry_workflow"
            )
        }
        GitHubError::Forbidden { .. } | GitHubError::Unauthorized { .. } => {
            "give the gate's job the permission `actions: write`".to_owned()
        }
        GitHubError::Refused { .. } => {
            format!("{file} needs `on: workflow_dispatch` with the inputs run_id and attempt")
        }
        GitHubError::Transport { .. }
        | GitHubError::RateLimit { .. }
        | GitHubError::Server { .. }
        | GitHubError::Unreadable { .. }
        | GitHubError::App { .. } => return error.to_string(),
    };
    format!("{error}; {advice}")
}
