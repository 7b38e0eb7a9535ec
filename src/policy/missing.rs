//! Rule: evidence that is missing, cancelled, skipped or unreadable holds; it is never a pass.

use super::Reason;
use super::metrics::{MetricVerdict, judge};
use crate::evidence::Evidence;
use crate::evidence::jobs::JobsOutcome;
use crate::evidence::reports::ReportsOutcome;

pub(super) fn evidence(evidence: &Evidence) -> Vec<Reason> {
    let mut missing = Vec::new();
    let mut lacks = |what: String| missing.push(Reason::EvidenceMissing { what });
    match evidence.jobs.outcome() {
        JobsOutcome::Passed | JobsOutcome::Failed(_) => {}
        JobsOutcome::Missing(jobs) => {
            for job in jobs {
                lacks(match job.conclusion {
                    Some(conclusion) => format!("required job {:?} was {conclusion}", job.name),
                    None => format!("required job {:?} is not among the gate's needs", job.name),
                });
            }
        }
        JobsOutcome::NothingRequired => {
            lacks("no required job has reported a result".to_owned());
        }
    }
    match evidence.reports.outcome() {
        ReportsOutcome::NothingRequired | ReportsOutcome::Passed | ReportsOutcome::Failed => {}
        ReportsOutcome::Missing => {
            if evidence.reports.inconclusive.is_empty() {
                lacks("no test ran in any report".to_owned());
            }
            for problem in &evidence.reports.inconclusive {
                lacks(problem.to_string());
            }
        }
    }
    for metric in &evidence.metrics {
        match judge(metric) {
            MetricVerdict::Missing { why } => lacks(why.to_string()),
            MetricVerdict::Pass | MetricVerdict::Fail { .. } => {}
        }
    }
    missing
}
