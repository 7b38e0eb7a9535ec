//! Retry before revert: the gate starts the retry workflow, and the next attempt decides.

mod command;
mod gate;
mod stale;

use std::path::Path;

use serde_json::Value;

use crate::harness::github::GitHub;
use crate::harness::github::world::Run;
use crate::harness::project::{CONFIG, GREEN, NO_IMAGES, Project, RED};
use crate::harness::tidegate::Tidegate;

/// The retry workflow that the configuration names by default.
const WORKFLOW: &str = "tidegate-retry.yml";

const REPORT: &str = "reports/junit.xml";

const SLOW: &str = "tests.test_app::test_slow";

/// A report of two tests, of which these failed.
fn report(failed: &[&str]) -> String {
    let case = |name: &&str| {
        let failure = if failed.contains(name) { "<failure message=\"no\"/>" } else { "" };
        format!("<testcase classname=\"tests.test_app\" name=\"{name}\">{failure}</testcase>")
    };
    let cases: String = ["test_slow", "test_other"].iter().map(case).collect();
    format!("<testsuite name=\"pytest\">{cases}</testsuite>")
}

/// A project with a release, one retry, and a GitHub that knows the retry workflow.
struct Team {
    project: Project,
    github: GitHub,
}

impl Team {
    fn new() -> Self {
        Self::with(&format!("require: {{ reports: [{{ path: {REPORT}, job: tests }}] }}\n"))
    }

    /// The same, with these lines in the configuration.
    fn with(configuration: &str) -> Self {
        let (project, github) = (Project::on_disk(), GitHub::start());
        github.knows(project.bare());
        github.dispatchable(WORKFLOW, &["run_id", "attempt"]);
        let config = format!("{NO_IMAGES}rollback: {{ retries: 1 }}\n{configuration}");
        let good = project.push("Try again first", &[(CONFIG, &config)]);
        let team = Self { project, github };
        team.writes(&[]);
        let run =
            team.github.add(Run::push(&good).job("tests", "success").job("gate", "in_progress"));
        team.gate(run, GREEN).run().code(0);
        team.project.pull();
        team.github.forget();
        team
    }

    /// Writes the report of the tests, as the job's artifact would come.
    fn writes(&self, failed: &[&str]) {
        self.project.dev.write(REPORT, report(failed));
    }

    /// Pushes a commit whose tests fail at first; returns it and its run.
    fn pushes_red(&self) -> (String, u64) {
        let commit = self.project.push_bad();
        self.writes(&["test_slow"]);
        let run = Run::push(&commit).job("tests", "failure").job("gate", "in_progress");
        (commit, self.github.add(run))
    }

    /// The second attempt of a run has begun, with the tests in it.
    fn begins_again(&self, run: u64) {
        self.github.edit(run, |run| *run = run.clone().attempt(2).job("tests", "success"));
    }

    /// The gate of a run, in its present attempt.
    fn gate(&self, run: u64, needs: &str) -> Tidegate {
        self.project.gate(needs).envs(self.github.envs_of(run))
    }

    /// What the state branch has noted about a commit.
    fn note(&self, commit: &str) -> Value {
        let text = self.project.show("refs/heads/tidegate", &format!("retries/{commit}.json"));
        serde_json::from_str(&text).expect("JSON")
    }

    fn state_files(&self) -> String {
        self.project.remote_git(&["ls-tree", "-r", "--name-only", "refs/heads/tidegate"])
    }

    fn assert_nothing_is_quarantined(&self) {
        let files = self.state_files();
        assert!(!files.contains("quarantine/"), "{files}");
    }

    /// `tidegate retry` in the retry workflow of the protected branch.
    fn retry(&self, run: u64, attempt: u32) -> Tidegate {
        let head = self.project.branch("main");
        Tidegate::new()
            .args(["retry", "--json"])
            .envs(self.github.envs(&head))
            .env("GITHUB_EVENT_NAME", "workflow_dispatch")
            .env("GITHUB_RUN_ID", "99")
            .env("TIDEGATE_RUN_ID", run.to_string())
            .env("TIDEGATE_ATTEMPT", attempt.to_string())
            .current_dir(self.folder())
    }

    fn folder(&self) -> &Path {
        self.project.dev.path()
    }
}

/// The warnings that a gate printed.
fn warnings(json: &Value) -> String {
    let list = json["warnings"].as_array().expect("warnings").clone();
    list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

/// A second try with these results of jobs.
const AGAIN_GREEN: &str = GREEN;
const AGAIN_RED: &str = RED;
