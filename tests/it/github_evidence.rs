//! GitHub's word about runs, jobs and checks, and what a gate makes of it.
//!
//! The runs are those of the fake GitHub; git is a real repository.

use crate::harness::github::GitHub;
use crate::harness::github::world::Run;
use crate::harness::project::{GREEN, LEDGER, Project, RED, entry, reasons};
use crate::harness::tidegate::{Run as Ended, Tidegate};

mod checks;
mod corroboration;
mod later_gate;
mod unfinished;

/// One try for each request: a server that is down answers at once.
pub const IMPATIENT: &str = "github: { timeout: 5s, patience: 1ms }\n";

/// A project and its GitHub.
pub struct World {
    pub project: Project,
    pub github: GitHub,
}

impl World {
    pub fn new() -> Self {
        Self { project: Project::on_disk(), github: GitHub::start() }
    }

    /// A commit with the ledger as it is, and its run.
    pub fn push(&self, message: &str, content: &str) -> String {
        self.project.push(message, &[("app.py", content)])
    }

    /// Adds the finished run of a commit, whose job `tests` ended like this.
    pub fn ran(&self, commit: &str, tests: &str) -> u64 {
        let end = if tests == "success" { "success" } else { "failure" };
        self.github.add(Run::push(commit).job("tests", tests).completed(end))
    }

    /// Puts entries for these commits into the ledger at the head, and breaks the app.
    pub fn push_bad_with(&self, praised: &[&str]) -> String {
        let mut text = self.project.show("main", LEDGER);
        for commit in praised {
            text += &entry(commit);
        }
        self.project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)])
    }

    /// The gate of run 17, which GitHub lists too, for the checked out commit.
    pub fn gate(&self, commit: &str, needs: &str) -> Tidegate {
        let listed = self.github.world().runs.iter().any(|run| run.id == 17);
        if !listed {
            self.github.add(Run::push(commit).id(17).job("gate", "in_progress"));
        }
        self.project.gate(needs).envs(self.github.envs(commit))
    }

    /// The gate of a run that is listed already.
    pub fn gate_of(&self, run: u64, needs: &str) -> Tidegate {
        let commit = self.github.run(run).head_sha;
        self.project.dev.checkout(&commit);
        self.project.gate(needs).envs(self.github.envs_of(run))
    }
}

/// What a run warned of, in one text.
pub fn warnings(run: &Ended) -> String {
    let json = run.json();
    let list = json["warnings"].as_array().expect("warnings").clone();
    list.iter().filter_map(|warning| warning.as_str()).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_promotion_asks_github_nothing_about_runs() {
    let world = World::new();
    let commit = world.push("Fine", "fine\n");
    let run = world.gate(&commit, GREEN).run().success();
    assert_eq!(run.json()["verdict"], "promote");
    assert_eq!(world.github.count("GET", ""), 0, "{:?}", world.github.lines());
    assert_eq!(warnings(&run), "");
}

#[test]
fn a_rollback_to_a_release_without_anything_in_between_asks_only_for_links() {
    let world = World::new();
    let good = world.push("Fine", "fine\n");
    world.gate(&good, GREEN).run().success();
    world.project.pull();
    let bad = world.push("Bad", "bad\n");
    let run = world.gate(&bad, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], good.as_str());
    // But for the page of the job that failed.
    assert_eq!(world.github.count("GET", "actions"), 1, "{:?}", world.github.lines());
    assert_eq!(world.github.count("GET", "actions/runs/17/jobs"), 1, "{:?}", world.github.lines());
}

#[test]
fn without_a_token_a_rollback_says_what_was_not_checked() {
    let world = World::new();
    let bad = world.push("Bad", "bad\n");
    let gate = world.gate(&bad, RED).env("GITHUB_TOKEN", "");
    let run = gate.run().code(3);
    assert!(warnings(&run).contains("no token"), "{}", run.stdout);
    assert!(warnings(&run).contains(&world.project.good[..7]), "{}", run.stdout);
    assert!(world.github.lines().is_empty());
}

#[test]
fn without_a_token_a_promotion_does_not_nag() {
    let world = World::new();
    let commit = world.push("Fine", "fine\n");
    let run = world.gate(&commit, GREEN).env("GITHUB_TOKEN", "").run().success();
    assert_eq!(warnings(&run), "");
    assert!(reasons(&run).is_empty());
}
