//! A team that copied the example workflows.

use std::fs;
use std::ops::Deref;
use std::path::Path;

use crate::harness::act::ActRun;
use crate::harness::team::{REPOSITORY, Team};

const RETRY: &str = include_str!("../../../docs/examples/tidegate-retry.yml");
const EXAMPLE: &str = include_str!("../../../docs/examples/release-gate.yml");

/// The team's repository on a stand-in for GitHub.
pub struct Example {
    team: Team,
    /// How often the workflow ran, which gives each run its id.
    runs: u64,
}

impl Deref for Example {
    type Target = Team;

    fn deref(&self) -> &Team {
        &self.team
    }
}

impl Example {
    /// Makes the repository with the example workflow in it; nothing is committed yet.
    pub fn new() -> Self {
        let team = Team::new();
        team.repo.write(".github/workflows/release-gate.yml", EXAMPLE);
        team.repo.write(".github/workflows/tidegate-retry.yml", RETRY);
        team.repo.write(
            ".github/tidegate.yml",
            format!("version: 1\nimages:\n  - {}/{REPOSITORY}\n", team.registry().host()),
        );
        team.repo.write(
            "Dockerfile",
            "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY app /\n",
        );
        team.repo.write("Makefile", "test:\n\tgrep -qx works app\nlint:\n\ttest -s app\n");
        Self { team, runs: 0 }
    }

    /// The same with more lines of configuration, and a GitHub that knows the history.
    pub fn on_github(configuration: &str) -> Self {
        let example = Self::new();
        example.team.on_github();
        let file = ".github/tidegate.yml";
        let text = fs::read_to_string(example.repo.path().join(file)).expect("the configuration");
        example.repo.write(file, text + configuration);
        example
    }

    /// Commits an app, pushes it to main, and runs the workflow on it with `gate` as tidegate.
    pub fn push(&mut self, message: &str, app: &str, gate: &Path) -> (String, ActRun) {
        let commit = self.commit(message, &[("app", app)]);
        self.runs += 1;
        (commit, self.attempt(1000 + self.runs, 1, gate))
    }

    /// The bytes of the manifest or index under a tag, if the tag exists.
    pub fn manifest(&self, tag: &str) -> Option<Vec<u8>> {
        self.team.manifest(REPOSITORY, tag)
    }
}
