//! From the ids of jobs, which `needs` and `require.jobs` have, to the names that the API shows.
//!
//! 1. A job is shown by its `name`, or by its id.
//! 2. A matrix job without expressions in its name gets ` (a, b)`.
//! 3. A job that calls a reusable workflow is shown as each job of it, `name / inner`.
//! 4. Expressions stand for any text. A name that is another job's own is not taken for it, and a
//!    name of nothing but expressions says nothing.

use super::workflow_file::{WorkflowFile, WorkflowJob};
use crate::adapters::github::{Job, RunStatus};

/// What the jobs of a run say about one required job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// All of it succeeded.
    Passed,
    /// This part of it has ended otherwise.
    Failed(&'a Job),
    /// This part of it has not ended.
    Unfinished(&'a Job),
    /// It did not succeed, and may count as success all the same (`continue-on-error`).
    MayFail(&'a Job),
    /// No job of the run has its name.
    NotThere,
}

/// Judges the job `id` by the jobs of a run, each in its latest attempt. `file` is the workflow file
/// of the run's commit; without it, names are taken to be ids.
pub fn judge<'a>(id: &str, file: Option<&WorkflowFile>, jobs: &'a [Job]) -> Found<'a> {
    let found = jobs_of(id, file, jobs);
    let own = file.and_then(|file| file.job(id));
    let (calls, may_fail) = own.map_or((true, false), |own| (own.calls, own.may_fail));
    let succeeded = |job: &&Job| job.conclusion.as_deref() == Some("success");
    if found.is_empty() {
        return Found::NotThere;
    }
    if let Some(unfinished) = found.iter().find(|job| job.status == RunStatus::Unfinished) {
        return Found::Unfinished(unfinished);
    }
    // A reusable workflow may skip jobs of its own and succeed.
    let may_skip = calls && found.iter().any(succeeded);
    let failed = found
        .iter()
        .find(|job| !(succeeded(job) || may_skip && job.conclusion.as_deref() == Some("skipped")));
    match failed {
        None => Found::Passed,
        Some(job) if may_fail => Found::MayFail(job),
        Some(job) => Found::Failed(job),
    }
}

/// Finds what a run shows of the job `id`: one job, or several for a matrix and a reusable workflow.
pub fn jobs_of<'a>(id: &str, file: Option<&WorkflowFile>, jobs: &'a [Job]) -> Vec<&'a Job> {
    let unknown = WorkflowJob { calls: true, matrix: true, ..WorkflowJob::default() };
    let own = file.and_then(|file| file.job(id)).unwrap_or(&unknown);
    let shown = Shown::of(id, own);
    let is_anothers = |name: &str| {
        let mut others = file.into_iter().flat_map(WorkflowFile::jobs);
        others.any(|(other, job)| other != id && Shown::of(other, job).is_exactly(name))
    };
    jobs.iter()
        .filter(|job| {
            shown.is_exactly(&job.name) || shown.fits(&job.name) && !is_anothers(&job.name)
        })
        .collect()
}

/// How the API shows a job.
struct Shown<'a> {
    /// The text between the expressions of its name.
    literals: Vec<&'a str>,
    matrix: bool,
    calls: bool,
}

impl<'a> Shown<'a> {
    fn of(id: &'a str, job: &'a WorkflowJob) -> Self {
        let name = job.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(id);
        Self { literals: literals(name), matrix: job.matrix, calls: job.calls }
    }

    /// Whether the name has no expressions, and this is it.
    fn is_exactly(&self, name: &str) -> bool {
        matches!(self.literals.as_slice(), [only] if *only == name)
    }

    fn fits(&self, name: &str) -> bool {
        if self.literals.iter().all(|literal| literal.trim().is_empty()) {
            return false;
        }
        if self.fits_without_inner(name) {
            return true;
        }
        self.calls && name.match_indices(" / ").any(|(at, _)| self.fits_without_inner(&name[..at]))
    }

    fn fits_without_inner(&self, name: &str) -> bool {
        if self.matches(name) {
            return true;
        }
        let without_values =
            name.strip_suffix(')').and_then(|name| name.rsplit_once(" (")).map(|(name, _)| name);
        self.matrix && without_values.is_some_and(|name| self.matches(name))
    }

    /// Whether the literals stand in `name` in this order, the first at its start and the last at
    /// its end.
    fn matches(&self, name: &str) -> bool {
        let [first, middle @ .., last] = self.literals.as_slice() else {
            return self.is_exactly(name);
        };
        let Some(mut rest) = name.strip_prefix(first).and_then(|rest| rest.strip_suffix(last))
        else {
            return false;
        };
        for literal in middle {
            let Some((_, after)) = rest.split_once(literal) else { return false };
            rest = after;
        }
        true
    }
}

/// Splits a name at its expressions, `${{ .. }}`. One that does not end goes to the end.
fn literals(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = name;
    while let Some((literal, after)) = rest.split_once("${{") {
        parts.push(literal);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    parts.push(rest);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str, result: &str) -> Job {
        let unfinished = ["queued", "in_progress"].contains(&result);
        Job {
            id: 1,
            name: name.to_owned(),
            status: if unfinished { RunStatus::Unfinished } else { RunStatus::Completed },
            conclusion: (!unfinished).then(|| result.to_owned()),
            started_at: None,
            run_attempt: 1,
            html_url: None,
        }
    }

    #[track_caller]
    fn judged(file: &str, jobs: &[(&str, &str)]) -> String {
        let file = WorkflowFile::parse(file.as_bytes()).expect("a workflow");
        said(Some(&file), jobs)
    }

    fn said(file: Option<&WorkflowFile>, jobs: &[(&str, &str)]) -> String {
        let jobs: Vec<Job> = jobs.iter().map(|(name, result)| job(name, result)).collect();
        match judge("tests", file, &jobs) {
            Found::Passed => "passed".to_owned(),
            Found::Failed(job) => format!("failed {}", job.name),
            Found::Unfinished(job) => format!("unfinished {}", job.name),
            Found::MayFail(job) => format!("may fail {}", job.name),
            Found::NotThere => "not there".to_owned(),
        }
    }

    #[test]
    fn a_job_is_shown_by_its_id_or_its_name() {
        let plain = "jobs: { tests: {}, lint: {} }";
        assert_eq!(judged(plain, &[("lint", "failure"), ("tests", "success")]), "passed");
        assert_eq!(judged(plain, &[("tests", "failure")]), "failed tests");
        assert_eq!(judged(plain, &[("tests (3.12)", "failure")]), "not there");
        let named = "jobs: { tests: { name: Unit tests }, other: { name: tests } }";
        let both = [("tests", "failure"), ("Unit tests", "success")];
        assert_eq!(judged(named, &both), "passed");
        assert_eq!(judged(named, &both[..1]), "not there");
    }

    #[test]
    fn every_part_of_a_matrix_has_to_succeed() {
        let matrix = "jobs: { tests: { strategy: { matrix: { a: [1, 2] } } } }";
        let parts = [("tests (1)", "success"), ("tests (2, x)", "cancelled")];
        assert_eq!(judged(matrix, &parts), "failed tests (2, x)");
        assert_eq!(judged(matrix, &parts[..1]), "passed");
        let named = "jobs: { tests: { name: 'Py ${{ matrix.a }} on ${{ matrix.b }}', \
                     strategy: { matrix: { a: [1] } } }, gate: { name: Py gate on call } }";
        let parts = [("Py 1 on linux", "success"), ("Py gate on call", "failure")];
        assert_eq!(judged(named, &parts), "passed");
        assert_eq!(judged(named, &[("Py 2 on mac", "failure")]), "failed Py 2 on mac");
        assert_eq!(judged(named, &[("Py 2", "failure")]), "not there");
    }

    #[test]
    fn a_called_workflow_is_shown_as_its_own_jobs() {
        let calls = "jobs: { tests: { uses: ./w.yml }, tests2: {} }";
        assert_eq!(judged(calls, &[("tests / unit", "success")]), "passed");
        let skipped = [("tests / unit", "success"), ("tests / docs", "skipped")];
        assert_eq!(judged(calls, &skipped), "passed");
        assert_eq!(judged(calls, &skipped[1..]), "failed tests / docs");
        assert_eq!(judged(calls, &[("tests / a / b", "failure")]), "failed tests / a / b");
        assert_eq!(judged(calls, &[("tests2 / a", "failure")]), "not there");
        let matrix = "jobs: { tests: { name: T, uses: ./w.yml, strategy: { matrix: {} } } }";
        assert_eq!(judged(matrix, &[("T (1, 2) / unit", "success")]), "passed");
    }

    #[test]
    fn skipped_and_unfinished_are_no_success() {
        let plain = "jobs: { tests: {} }";
        assert_eq!(judged(plain, &[("tests", "skipped")]), "failed tests");
        assert_eq!(judged(plain, &[("tests", "queued")]), "unfinished tests");
    }

    #[test]
    fn a_job_that_may_fail_refutes_nothing() {
        let may = "jobs: { tests: { continue-on-error: true } }";
        assert_eq!(judged(may, &[("tests", "failure")]), "may fail tests");
        assert_eq!(judged(may, &[("tests", "success")]), "passed");
        let must = "jobs: { tests: { continue-on-error: false } }";
        assert_eq!(judged(must, &[("tests", "failure")]), "failed tests");
    }

    #[test]
    fn a_name_of_nothing_but_expressions_says_nothing() {
        let any = "jobs: { tests: { name: '${{ matrix.a }}${{ x }}' }, gate: {} }";
        assert_eq!(judged(any, &[("linux", "failure"), ("gate", "failure")]), "not there");
        let open = "jobs: { tests: { name: 'T ${{ oops' } }";
        assert_eq!(judged(open, &[("T 1", "success")]), "passed");
    }

    #[test]
    fn without_the_file_names_are_taken_to_be_ids() {
        assert_eq!(
            said(None, &[("tests", "success"), ("tests (1)", "failure")]),
            "failed tests (1)"
        );
        assert_eq!(said(None, &[("tests / unit", "success")]), "passed");
        assert_eq!(said(None, &[("Tests", "failure")]), "not there");
    }
}
