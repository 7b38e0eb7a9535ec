//! Results of the workflow's jobs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// How a job ended: the four values of `needs.<job>.result` in GitHub Actions ("Contexts
/// reference", `needs` context).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Conclusion {
    /// All its steps passed.
    Success,
    /// A step failed: a conclusive failure.
    Failure,
    /// A person, a time-out or a concurrency group stopped it: says nothing about the code.
    Cancelled,
    /// It never ran: says nothing about the code.
    Skipped,
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        })
    }
}

/// One job of the `needs` context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JobResult {
    /// The id of the job in the workflow file.
    pub name: String,
    /// How it ended.
    pub conclusion: Conclusion,
    /// Its outputs, as text. Hostile: a job that runs a pull request's code wrote them.
    pub outputs: BTreeMap<String, String>,
}

/// A job that has to pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequiredJob {
    /// The id of the job in the workflow file.
    pub name: String,
    /// How it ended; `None` where `needs` does not name it.
    pub conclusion: Option<Conclusion>,
}

/// A job that is reported and never decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AdvisoryJob {
    /// The id of the job in the workflow file.
    pub name: String,
    /// How it ended.
    pub conclusion: Conclusion,
}

/// What the jobs of the run say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobEvidence {
    /// The jobs that have to pass, in the order of the configuration (of the name where the
    /// configuration names none).
    pub required: Vec<RequiredJob>,
    /// The others, by name.
    pub advisory: Vec<AdvisoryJob>,
}

/// What the required jobs say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobsOutcome<'a> {
    /// There is at least one required job, and each succeeded.
    Passed,
    /// These failed conclusively; it outweighs whatever is missing.
    Failed(Vec<&'a RequiredJob>),
    /// None failed, and these were cancelled, skipped or are not in `needs`.
    Missing(Vec<&'a RequiredJob>),
    /// No job is required: `require.jobs` is an empty list, or it is absent and so are the jobs.
    /// Whether that is enough depends on the other evidence; by itself it is not a pass.
    NothingRequired,
}

impl JobEvidence {
    /// Sorts `results` into required and advisory jobs. `required` is `require.jobs` of the
    /// configuration; `None` makes every job in `results` required. A name that stands twice
    /// counts once.
    pub fn new(results: &[JobResult], required: Option<&[String]>) -> Self {
        let found: BTreeMap<&str, Conclusion> =
            results.iter().map(|job| (job.name.as_str(), job.conclusion)).collect();
        let mut names: Vec<&str> = Vec::new();
        let wanted: Vec<&str> = match required {
            Some(list) => list.iter().map(String::as_str).collect(),
            None => found.keys().copied().collect(),
        };
        for name in wanted {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let advisory = found
            .iter()
            .filter(|(name, _)| !names.contains(*name))
            .map(|(name, conclusion)| AdvisoryJob {
                name: (*name).to_owned(),
                conclusion: *conclusion,
            })
            .collect();
        let required = names
            .into_iter()
            .map(|name| RequiredJob { name: name.to_owned(), conclusion: found.get(name).copied() })
            .collect();
        Self { required, advisory }
    }

    /// Returns the required jobs that failed conclusively.
    pub fn failures(&self) -> Vec<&RequiredJob> {
        self.required.iter().filter(|job| job.conclusion == Some(Conclusion::Failure)).collect()
    }

    /// Returns the required jobs that say nothing: cancelled, skipped, or not in `needs`.
    pub fn missing(&self) -> Vec<&RequiredJob> {
        self.required
            .iter()
            .filter(|job| match job.conclusion {
                None | Some(Conclusion::Cancelled | Conclusion::Skipped) => true,
                Some(Conclusion::Success | Conclusion::Failure) => false,
            })
            .collect()
    }

    /// Says what the required jobs come to.
    pub fn outcome(&self) -> JobsOutcome<'_> {
        if self.required.is_empty() {
            return JobsOutcome::NothingRequired;
        }
        let failures = self.failures();
        if !failures.is_empty() {
            return JobsOutcome::Failed(failures);
        }
        let missing = self.missing();
        if missing.is_empty() { JobsOutcome::Passed } else { JobsOutcome::Missing(missing) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, conclusion: Conclusion) -> JobResult {
        JobResult { name: name.to_owned(), conclusion, outputs: BTreeMap::new() }
    }

    fn names(jobs: &[&RequiredJob]) -> Vec<String> {
        jobs.iter().map(|job| job.name.clone()).collect()
    }

    #[test]
    fn every_job_is_required_without_a_list() {
        let results = [job("b", Conclusion::Success), job("a", Conclusion::Skipped)];
        let evidence = JobEvidence::new(&results, None);
        assert_eq!(names(&evidence.missing()), ["a"]);
        assert!(evidence.advisory.is_empty());
        assert!(matches!(evidence.outcome(), JobsOutcome::Missing(_)));
    }

    #[test]
    fn nothing_at_all_is_not_a_pass() {
        assert_eq!(JobEvidence::new(&[], None).outcome(), JobsOutcome::NothingRequired);
        let only_advisory = JobEvidence::new(&[job("lint", Conclusion::Success)], Some(&[]));
        assert_eq!(only_advisory.outcome(), JobsOutcome::NothingRequired);
        assert_eq!(only_advisory.advisory.len(), 1);
    }

    #[test]
    fn a_required_job_that_needs_does_not_name_is_missing() {
        let required = ["tests".to_owned(), "tests".to_owned()];
        let evidence = JobEvidence::new(&[job("Tests", Conclusion::Success)], Some(&required));
        assert_eq!(names(&evidence.missing()), ["tests"]);
        assert_eq!(evidence.required.len(), 1);
    }

    #[test]
    fn a_failure_outweighs_what_is_missing_and_advisory_jobs_never_decide() {
        let required = ["tests".to_owned(), "build".to_owned()];
        let results = [
            job("tests", Conclusion::Failure),
            job("build", Conclusion::Skipped),
            job("lint", Conclusion::Failure),
        ];
        let evidence = JobEvidence::new(&results, Some(&required));
        assert_eq!(names(&evidence.failures()), ["tests"]);
        assert!(matches!(evidence.outcome(), JobsOutcome::Failed(jobs) if jobs.len() == 1));
        let evidence = JobEvidence::new(&results[2..], Some(&[]));
        assert_eq!(evidence.outcome(), JobsOutcome::NothingRequired);
    }

    #[test]
    fn cancelled_is_not_a_failure() {
        let evidence = JobEvidence::new(&[job("tests", Conclusion::Cancelled)], None);
        assert!(evidence.failures().is_empty());
        assert!(matches!(evidence.outcome(), JobsOutcome::Missing(_)));
    }
}
