//! What failed in an earlier attempt of the run, and passes in this one on the same commit.

use super::Evidence;
use super::jobs::Conclusion;
use crate::config::Config;

/// Returns what is flaky: tests as `class::name` that failed before and passed now, and `job <id>`
/// for jobs whose failed tests nobody names. A test that was not run again is not in it.
pub fn flaky(evidence: &Evidence, config: &Config) -> Vec<String> {
    let note = evidence.state.retries.get(&evidence.tested);
    let Some(note) = note.filter(|note| note.is_before(&evidence.run)) else { return Vec::new() };
    let reports = &evidence.reports.reports;
    let passed = |name: &&String| reports.iter().any(|report| report.passed_again.contains(*name));
    let failed = |name: &&String| {
        let mut failures = reports.iter().flat_map(|report| &report.failures);
        failures.any(|failure| failure.full_name() == **name)
    };
    let tests: Vec<String> =
        note.failed_tests.iter().filter(|name| passed(name) && !failed(name)).cloned().collect();
    // Which report a job without a word about it has written, nobody knows: a named test counts for
    // every job then.
    let has_report = |id: &str| {
        let mut reports = config.require.reports.iter();
        !tests.is_empty() && reports.any(|report| report.job.as_deref().is_none_or(|job| job == id))
    };
    let passes = |id: &str| {
        let mut required = evidence.jobs.required.iter();
        required.any(|job| job.name == id && job.conclusion == Some(Conclusion::Success))
    };
    let jobs = note.failed_jobs.iter().filter(|id| passes(id) && !has_report(id));
    let jobs: Vec<String> = jobs.map(|id| format!("job {id}")).collect();
    tests.into_iter().chain(jobs).collect()
}
