//! When the jobs of a run began, each in its latest attempt. Jobs that were green are not run again:
//! they keep their results, and their reports, from an earlier attempt.

use jiff::Timestamp;

use crate::adapters::github::Job;
use crate::config::ReportConfig;
use crate::observe::runs::names;
use crate::observe::runs::workflow_file::WorkflowFile;

/// When the jobs of a run began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobStarts {
    jobs: Vec<Job>,
    file: Option<WorkflowFile>,
}

impl JobStarts {
    /// Takes them from what GitHub says of the jobs. `file` is the workflow file of the run's commit,
    /// which says under which names jobs are shown; without it, names are taken to be ids.
    pub fn of(jobs: Vec<Job>, file: Option<WorkflowFile>) -> Self {
        Self { jobs, file }
    }

    /// Returns when a job began. Of a matrix, the earliest of its jobs counts: one of them may have
    /// been green and was not run again.
    pub fn of_job(&self, id: &str) -> Option<Timestamp> {
        let jobs = names::jobs_of(id, self.file.as_ref(), &self.jobs);
        jobs.iter().filter_map(|job| job.started_at).min()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::github::RunStatus;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn starts() -> JobStarts {
        let jobs =
            [("Tests (3.12)", 50), ("Tests (3.13)", 10), ("lint", 20), ("build / image", 30)];
        let job = |(name, second): (&str, i64)| Job {
            id: 1,
            name: name.to_owned(),
            status: RunStatus::Completed,
            conclusion: None,
            started_at: Some(at(second)),
            run_attempt: 2,
            html_url: None,
        };
        let file = b"jobs:\n  tests: { name: Tests, strategy: { matrix: {} } }\n  lint: {}\n  build: { uses: x }\n";
        JobStarts::of(jobs.map(job).to_vec(), WorkflowFile::parse(file))
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
