//! The gate runs what it is about to promote: the built program, a real registry, a real Docker
//! engine.

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::engine::{Built, Image, TestEngine};
use crate::harness::oci_registry::OciRegistry;
use crate::harness::project::{CONFIG, Project, actions, reasons};
use crate::harness::tidegate::{Run, Tidegate};

mod busybox;
mod by_hand;
mod streamlit;

/// The repository in the registry.
const REPOSITORY: &str = "acme/app";

/// A project, the registry that has its candidates, and the engine that they are run in.
struct World {
    project: Project,
    registry: OciRegistry,
    engine: TestEngine,
    /// What a step of GitHub Actions writes to.
    files: TempDir,
}

impl World {
    /// A project whose good commit has a ledger entry, with these probes in its configuration.
    fn new(probes: &str) -> Self {
        let world = Self {
            project: Project::on_disk(),
            registry: OciRegistry::start(),
            engine: TestEngine::start(),
            files: TempDir::new().expect("a folder"),
        };
        let configuration =
            format!("version: 1\nimages: [{}]\n{probes}", world.registry.image(REPOSITORY));
        world.project.push("Probe the candidate", &[(CONFIG, &configuration)]);
        world
    }

    /// Pushes a commit, and its image.
    fn candidate(&self, message: &str, image: &Image) -> (String, Built) {
        let commit = self.project.push(message, &[("app.py", &format!("# {message}\n"))]);
        (commit, image.push(&self.registry, REPOSITORY))
    }

    /// The results of the jobs, and the digest that the build job names.
    fn needs(built: &Built) -> String {
        format!(
            r#"{{"tests":{{"result":"success","outputs":{{}}}},"build":{{"result":"success","outputs":{{"digest":"{}"}}}}}}"#,
            built.digest
        )
    }

    /// A command on a laptop, where the engine is.
    fn command(&self, args: &[&str]) -> Tidegate {
        Tidegate::new()
            .args(args)
            .current_dir(self.project.dev.path())
            .env("DOCKER_HOST", self.engine.host())
    }

    fn gate(&self, built: &Built) -> Tidegate {
        self.command(&["gate", "--json", "--needs", &Self::needs(built)])
    }

    /// The gate as a step of GitHub Actions.
    fn step(&self, commit: &str, built: &Built) -> Tidegate {
        let file = |name: &str| self.files.path().join(name);
        self.command(&["gate", "--needs", &Self::needs(built)])
            .envs(actions(commit))
            .env("GITHUB_STEP_SUMMARY", file("summary"))
            .env("GITHUB_OUTPUT", file("output"))
    }

    /// The job summary that a step has written.
    fn summary(&self) -> String {
        std::fs::read_to_string(self.files.path().join("summary")).expect("a job summary")
    }

    /// What users pull.
    fn stable(&self) -> Option<Vec<u8>> {
        self.registry.read(REPOSITORY, "stable").map(|(_, bytes)| bytes)
    }

    /// The record of a release.
    fn record(&self, number: u64) -> Value {
        let path = format!("records/{number:06}.json");
        let text = self.project.show("refs/heads/tidegate", &path);
        serde_json::from_str(&text).expect("a record")
    }

    /// Fails where the probes left anything behind.
    fn nothing_left(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(self.engine.assert_nothing_left());
    }
}

/// What the first probe found.
fn first_probe(run: &Run) -> Value {
    run.json()["probes"][0].clone()
}
