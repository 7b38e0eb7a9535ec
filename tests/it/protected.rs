//! Protected branches: pull requests, pending ledgers, kept workflows, and GitHub Apps.

use serde_json::Value;

use crate::harness::github::GitHub;
use crate::harness::project::{CONFIG, LEDGER, Project, RED, gate_in, ledger_of};
use crate::harness::tidegate::Tidegate;

mod app;
mod ledger;
mod merged;
mod pull_request;
mod said;
mod stable;

/// What GitHub says of a ruleset.
const RULESET: &str = "#!/bin/sh
while read -r old new reference; do
    case $reference in
        refs/heads/main)
            echo 'error: GH013: Repository rule violations found for refs/heads/main.' >&2
            echo '- Changes must be made through a pull request.' >&2
            exit 1;;
    esac
done
";

/// A project whose main is protected from now on, a failed commit on it, and GitHub.
struct Protected {
    project: Project,
    github: GitHub,
    bad: String,
}

impl Protected {
    fn new() -> Self {
        Self::on(Project::on_http())
    }

    fn with_config(config: &str) -> Self {
        let project = Project::on_http();
        project.push("Configure", &[(CONFIG, config)]);
        // The configuration of the good commit counts.
        let good = project.dev.head();
        let ledger = ledger_of(&[&good]);
        project.push("Record [skip ci]", &[(LEDGER, &ledger)]);
        let mut protected = Self::on(project);
        protected.project.good = good;
        protected
    }

    fn on(project: Project) -> Self {
        let bad = project.push_bad();
        let github = GitHub::start();
        github.knows(project.bare());
        protect(&project);
        Self { project, github, bad }
    }

    /// A gate in the run of `commit`.
    fn gate(&self, commit: &str, needs: &str) -> Tidegate {
        gate_in(self.project.dev.path(), needs).envs(self.github.envs(commit))
    }

    /// Runs the gate of the failed commit, which ends with a pull request.
    #[track_caller]
    fn proposes(&self) -> Value {
        let main = self.project.branch("main");
        let run = self.gate(&self.bad, RED).run().code(3);
        assert_eq!(self.project.branch("main"), main);
        run.json()["pull_request"].clone()
    }

    /// Pushes a further commit of somebody who may.
    #[track_caller]
    fn push(&self, message: &str) -> String {
        self.project.server().protect("app", &[]);
        let commit = self.project.push(message, &[("app.py", message)]);
        protect(&self.project);
        commit
    }

    /// The branch of the pull request.
    fn branch(&self) -> String {
        format!("tidegate-rollback-{}", &self.bad[..12])
    }

    /// Ends the pull request on GitHub.
    fn close(&self, merged: bool) {
        let mut world = self.github.world();
        let issue = world.issues.iter_mut().find(|issue| issue.pull.is_some()).unwrap();
        "closed".clone_into(&mut issue.state);
        issue.pull.as_mut().unwrap().merged = merged;
    }

    /// Merges the pull request as GitHub does, on the server; returns the new head.
    fn merge(&self, how: Merge) -> String {
        let dev = &self.project.dev;
        let server = self.project.server();
        let branch = "FETCH_HEAD";
        server.protect("app", &[]);
        self.project.pull();
        dev.git(&["fetch", "-q", "origin", &self.branch()]);
        match how {
            Merge::Commit => {
                let title = format!("Merge pull request #1 from acme/{}", self.branch());
                dev.git(&["merge", "-q", "--no-ff", "-m", &title, branch]);
            }
            Merge::Squash(message) => {
                dev.git(&["merge", "-q", "--squash", branch]);
                dev.git(&["commit", "-q", "-m", message]);
            }
            Merge::Rebase => {
                dev.git(&["cherry-pick", branch]);
                dev.git(&["commit", "-q", "--amend", "--reset-author", "--no-edit"]);
            }
        }
        dev.push("main");
        self.close(true);
        protect(&self.project);
        dev.head()
    }
}

/// How a pull request is merged.
#[derive(Clone, Copy)]
enum Merge {
    Commit,
    /// With this message.
    Squash(&'static str),
    Rebase,
}

fn protect(project: &Project) {
    project.server().protect("app", &["refs/heads/main"]);
}

/// How often a pull request was asked for.
fn creates(github: &GitHub) -> usize {
    github.count("POST", "/repos/acme/app/pulls")
}
