//! What a verdict "retry" says happens next.

use serde::Serialize;

use crate::apply::Applied;
use crate::commands::situation::Situation;
use crate::model::RunIdentity;
use crate::plan::Step;
use crate::policy::Verdict;

/// A retry that was asked for.
#[derive(Debug, Clone, Serialize)]
pub(in crate::commands) struct RetryText {
    /// The run and the attempt that failed; absent outside GitHub Actions.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunIdentity>,
    /// The name of the retry workflow's file, where it was started now or by another gate of this
    /// attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow: Option<String>,
    /// Whether it was started, now or by another gate of this attempt.
    dispatched: bool,
    /// Why it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl RetryText {
    /// `None` for every other verdict, and where nothing is carried out.
    pub(super) fn of(found: &Situation, applied: &Applied) -> Option<Self> {
        if found.decision.verdict != Verdict::Retry || !found.decision.binding {
            return None;
        }
        if let Some(dispatch) = &applied.retry {
            return Some(Self {
                run: Some(RunIdentity { id: dispatch.run, attempt: dispatch.attempt }),
                workflow: Some(dispatch.workflow.clone()),
                dispatched: dispatch.problem.is_none(),
                problem: dispatch.problem.clone(),
            });
        }
        if !found.plan.is_empty() {
            let wanted = found.plan.steps.iter().find_map(|step| match step {
                Step::DispatchRetry { run, attempt, .. } => {
                    Some(RunIdentity { id: *run, attempt: *attempt })
                }
                Step::CheckImage { .. }
                | Step::KeepDigest { .. }
                | Step::UploadData { .. }
                | Step::CheckData { .. }
                | Step::MoveData { .. }
                | Step::RunLive(_)
                | Step::WriteState { .. }
                | Step::MoveTag { .. }
                | Step::MoveStable { .. }
                | Step::AppendLedger(_)
                | Step::Notify { .. }
                | Step::RollBack(_) => None,
            });
            let problem = Some("it could not be noted on the state branch".to_owned());
            return Some(Self { run: wanted, workflow: None, dispatched: false, problem });
        }
        let retries = &found.world.state.state.retries;
        let noted = found.run.id != 0
            && retries.values().any(|note| note.run == found.run && note.dispatched);
        Some(Self {
            run: (found.run.id != 0).then(|| found.run.clone()),
            workflow: None,
            dispatched: noted,
            problem: (!noted).then(|| "this is no run of GitHub Actions".to_owned()),
        })
    }

    /// Says what happens next.
    pub(super) fn next(&self) -> Option<String> {
        let run = self.run.as_ref().filter(|_| self.dispatched)?;
        let who = match &self.workflow {
            Some(workflow) => format!("workflow {workflow} was started; it"),
            None => "the retry workflow was started before; it".to_owned(),
        };
        Some(format!(
            "{who} runs the failed jobs again once this run has ended, and the gate of attempt {} decides again",
            run.attempt + 1
        ))
    }

    /// Says what a person has to do where the workflow was not started.
    pub(super) fn warning(&self) -> Option<String> {
        let problem = self.problem.as_ref()?;
        Some(format!(
            "the failed jobs are not tried again by themselves: {problem}; open the run's page and choose \"Re-run failed jobs\", which counts as the next attempt"
        ))
    }
}
