//! When the jobs of a run began, each in its latest attempt. Jobs that were green are not run again:
//! they keep their results, and their reports, from an earlier attempt.

use jiff::Timestamp;

use crate::adapters::github::Job;
use crate::config::ReportConfig;

/// When the jobs of a run began, by the names that GitHub shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobStarts(Vec<(String, Timestamp)>);

impl JobStarts {
    /// Takes them from what GitHub says of the jobs.
    pub fn of(jobs: &[Job]) -> Self {
        Self(jobs.iter().filter_map(|job| Some((job.name.clone(), job.started_at?))).collect())
    }

    /// Returns when a job began. Of a matrix, the earliest of its jobs counts: one of them may have
    /// been green and was not run again.
    pub fn of_job(&self, id: &str) -> Option<Timestamp> {
        self.0.iter().filter(|(shown, _)| is_job(shown, id)).map(|(_, began)| *began).min()
    }

    /// Returns the time before which a report of this kind comes from an earlier attempt: the start
    /// of its job, or the earliest start of the required jobs where nobody says which job writes it.
    ///
    /// # Errors
    /// The name of the job that GitHub does not list.
    pub fn oldest(
        &self,
        report: &ReportConfig,
        required: &[&str],
    ) -> Result<Option<Timestamp>, String> {
        let of_job = |id: &str| self.of_job(id).ok_or_else(|| id.to_owned());
        if let Some(job) = &report.job {
            return of_job(job).map(Some);
        }
        let starts: Vec<Timestamp> =
            required.iter().map(|id| of_job(id)).collect::<Result<_, _>>()?;
        Ok(starts.into_iter().min())
    }
}

/// Whether GitHub shows this name for a job with this id: the id itself where the job has no name of
/// its own, followed by the values of a matrix or by the job of a called workflow.
fn is_job(shown: &str, id: &str) -> bool {
    shown
        .strip_prefix(id)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(" (") || rest.starts_with(" / "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn starts() -> JobStarts {
        let jobs =
            [("tests (3.12)", 50), ("tests (3.13)", 10), ("lint", 20), ("build / image", 30)];
        JobStarts(jobs.map(|(name, second)| (name.to_owned(), at(second))).to_vec())
    }

    #[test]
    fn the_earliest_job_of_a_matrix_counts() {
        assert_eq!(starts().of_job("tests"), Some(at(10)));
        assert_eq!(starts().of_job("build"), Some(at(30)));
        assert_eq!(starts().of_job("test"), None, "another job");
    }

    #[test]
    fn a_report_is_held_against_its_own_job_else_against_the_earliest() {
        let of = |job: Option<&str>| ReportConfig {
            path: "r.xml".to_owned(),
            job: job.map(str::to_owned),
        };
        let starts = starts();
        assert_eq!(starts.oldest(&of(Some("lint")), &["tests"]), Ok(Some(at(20))));
        assert_eq!(starts.oldest(&of(None), &["lint", "build"]), Ok(Some(at(20))));
        assert_eq!(starts.oldest(&of(None), &[]), Ok(None));
        assert_eq!(starts.oldest(&of(None), &["lint", "deploy"]), Err("deploy".to_owned()));
    }
}
