//! The steps of a retry: a note of what failed, and the start of the workflow that tries it again.

use crate::commands::session::Session;
use crate::evidence::Evidence;
use crate::evidence::reports::FailedTest;
use crate::plan::Step;
use crate::state::{FORMAT, RetryNote, StateChange};

/// Returns nothing where the workflow was started for this attempt already, by another gate of it,
/// and outside GitHub Actions, where no run is there to be tried again.
pub(super) fn retry_steps(session: &Session, evidence: &Evidence) -> Vec<Step> {
    let run = &evidence.run;
    if run.id == 0 {
        return Vec::new();
    }
    let failed = evidence.failure.as_ref().map(|failure| &failure.commit);
    let above = failed.filter(|failed| evidence.above.iter().any(|own| own.commit == **failed));
    // What failed in this run is not what failed in that of a commit above.
    let (mut failed_jobs, mut failed_tests) = (Vec::new(), Vec::new());
    if above.is_none() {
        let failures = evidence.reports.reports.iter().flat_map(|report| &report.failures);
        failed_jobs = evidence.jobs.failures().iter().map(|job| job.name.clone()).collect();
        failed_tests = failures.map(FailedTest::full_name).collect();
    }
    let commit = above.unwrap_or(&evidence.tested);
    let known = evidence.state.retries.get(commit);
    let note = RetryNote {
        version: FORMAT,
        commit: commit.clone(),
        run: run.clone(),
        workflow: session.run.as_ref().and_then(|run| run.workflow_path.clone()),
        failed_jobs,
        failed_tests,
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
