//! Starting workflows, and running failed jobs again.

use ::http::Method;
use serde::Serialize;

use super::{Call, GitHub, GitHubError, segment};
use crate::http::Repeat;
use crate::model::BranchName;

/// What the retry workflow is told. Inputs of a dispatch are texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetryInputs {
    /// The id of the run whose failed jobs are to run again.
    pub run_id: String,
    /// The attempt that failed: a later one is left alone.
    pub attempt: String,
}

#[derive(Serialize)]
struct Dispatch<'a> {
    #[serde(rename = "ref")]
    branch: &'a str,
    inputs: &'a RetryInputs,
}

impl GitHub {
    /// Starts the retry workflow on a branch. `workflow` is the name of its file. Where it is
    /// started twice, the second run finds the later attempt and does nothing.
    pub async fn dispatch_retry(
        &self,
        workflow: &str,
        branch: &BranchName,
        inputs: &RetryInputs,
    ) -> Result<(), GitHubError> {
        let call = Call {
            method: Method::POST,
            path: self.path(&format!("actions/workflows/{}/dispatches", segment(workflow))),
            body: Some(&Dispatch { branch: branch.as_str(), inputs }),
            repeat: Repeat::Limited,
        };
        self.send(call).await?.success(&self.redactor).map(|_| ())
    }

    /// Runs the failed jobs of a run again. GitHub refuses it (403) while the run is in progress.
    pub async fn rerun_failed_jobs(&self, run: u64) -> Result<(), GitHubError> {
        let call = Call {
            method: Method::POST,
            path: self.path(&format!("actions/runs/{run}/rerun-failed-jobs")),
            body: Some(&serde_json::json!({})),
            repeat: Repeat::Limited,
        };
        self.send(call).await?.success(&self.redactor).map(|_| ())
    }
}
