//! Rule: a required job's failure, a failed test in a report, a missed bound or a failed probe is
//! conclusive, also where an earlier gate has found it.

use super::Reason;
use super::metrics::{MetricVerdict, judge};
use crate::evidence::Evidence;

pub(super) fn conclusive(evidence: &Evidence) -> Vec<Reason> {
    let jobs =
        evidence.jobs.failures().into_iter().map(|job| Reason::JobFailed { job: job.name.clone() });
    let tests = evidence.reports.failed().map(|report| Reason::TestsFailed {
        report: report.path.clone(),
        count: report.failed + report.errors,
        first: report.failures.first().map(|test| format!("{}::{}", test.class, test.name)),
    });
    let metrics = evidence.metrics.iter().filter_map(|metric| match judge(metric) {
        MetricVerdict::Fail { why } => {
            Some(Reason::MetricFailed { metric: metric.config.name.clone(), why: why.to_string() })
        }
        MetricVerdict::Pass | MetricVerdict::Missing { .. } => None,
    });
    let earlier = evidence.stored_failure.iter().map(|failure| Reason::FailedEarlier {
        commit: failure.commit.clone(),
        run: failure.run.id,
        why: failure.reasons.join("; "),
    });
    let probes = super::probes::failures(&evidence.probes);
    jobs.chain(tests).chain(metrics).chain(probes).chain(earlier).collect()
}
