//! What earlier attempts of this run have left: what failed in them, and when the jobs ran last.

use std::collections::BTreeSet;

use crate::commands::clients::Clients;
use crate::commands::session::Session;
use crate::evidence::jobs::{JobEvidence, JobResult};
use crate::evidence::reports::ReportEvidence;
use crate::model::CommitSha;
use crate::observe::attempts::JobStarts;
use crate::observe::reports::{self, Wanted};
use crate::observe::runs::workflow_file;
use crate::state::State;

/// What is known of earlier attempts.
#[derive(Default)]
pub(super) struct Earlier {
    /// When the jobs began; `None` in a first attempt, or where GitHub cannot be asked.
    starts: Option<JobStarts>,
    /// Tests that failed, as `class::name`.
    failed_tests: BTreeSet<String>,
    /// What could not be checked.
    warnings: Vec<String>,
}

/// Asks GitHub, in a later attempt with reports, when each job began; a first attempt has nothing
/// behind it.
pub(super) async fn observe(
    session: &Session,
    clients: &Clients,
    state: &State,
    tested: &CommitSha,
) -> Earlier {
    let run = session.identity();
    let mut earlier = Earlier::default();
    if run.attempt < 2 || run.id == 0 {
        return earlier;
    }
    if let Some(note) = state.retries.get(tested).filter(|note| note.is_before(&run)) {
        earlier.failed_tests = note.failed_tests.iter().cloned().collect();
    }
    if session.config.require.reports.is_empty() {
        return earlier;
    }
    let problem = match &clients.github {
        None => "there is no token for GitHub (set TIDEGATE_TOKEN)".to_owned(),
        Some(github) => match github.jobs(run.id).await {
            Ok(jobs) => {
                let path = session.run.as_ref().and_then(|run| run.workflow_path.as_deref());
                let file = path.and_then(|path| workflow_file(&session.git, tested, path));
                earlier.starts = Some(JobStarts::of(jobs, file));
                return earlier;
            }
            Err(error) => error.with_permission("actions: read"),
        },
    };
    earlier.warnings.push(format!(
        "whether a report comes from an earlier attempt could not be checked: {problem}"
    ));
    earlier
}

impl Earlier {
    /// Reads the required reports, and holds against them when their jobs began.
    pub(super) fn reports(
        &self,
        session: &Session,
        results: &[JobResult],
    ) -> anyhow::Result<(ReportEvidence, Vec<String>)> {
        let require = &session.config.require;
        let jobs = JobEvidence::new(results, require.jobs.as_deref());
        let required: Vec<&str> = jobs.required.iter().map(|job| job.name.as_str()).collect();
        let mut warnings = self.warnings.clone();
        let mut wanted = Vec::new();
        for report in &require.reports {
            let oldest = self.starts.as_ref().map(|starts| starts.oldest(report, &required));
            let began = match oldest {
                None => None,
                Some(Ok(began)) => began,
                Some(Err(job)) => {
                    warnings.push(format!(
                        "whether {} comes from an earlier attempt could not be checked: GitHub lists no job {job} in this run",
                        report.path
                    ));
                    None
                }
            };
            wanted.push(Wanted { pattern: &report.path, began });
        }
        let evidence = reports::collect(&session.root, &wanted, &self.failed_tests)?;
        Ok((evidence, warnings))
    }
}
