//! The steps of a retry: a note of what failed, and the start of the workflow that tries it again.

use crate::commands::session::Session;
use crate::evidence::Evidence;
use crate::plan::Step;
use crate::state::{FORMAT, RetryNote, StateChange};

/// Returns nothing where the workflow was started for this attempt already, by another gate of it,
/// and outside GitHub Actions, where no run is there to be tried again.
pub(super) fn retry_steps(session: &Session, evidence: &Evidence) -> Vec<Step> {
    let run = &evidence.run;
    if run.id == 0 {
        return Vec::new();
    }
    let failures = evidence.reports.reports.iter().flat_map(|report| &report.failures);
    let known = evidence.state.retries.get(&evidence.tested);
    let note = RetryNote {
        version: FORMAT,
        commit: evidence.tested.clone(),
        run: run.clone(),
        workflow: session.run.as_ref().and_then(|run| run.workflow_path.clone()),
        failed_jobs: evidence.jobs.failures().iter().map(|job| job.name.clone()).collect(),
        failed_tests: failures.map(crate::evidence::reports::FailedTest::full_name).collect(),
        dispatched: false,
        created: session.now,
    }
    .after(known);
    if note.dispatched {
        return Vec::new();
    }
    let dispatch = Step::DispatchRetry {
        workflow: session.config.rollback.retry_workflow.clone(),
        branch: session.config.branch.clone(),
        run: run.id,
        attempt: run.attempt,
    };
    if known == Some(&note) {
        return vec![dispatch];
    }
    let change = StateChange { retry: Some(note), ..StateChange::default() };
    vec![Step::WriteState { change }, dispatch]
}
