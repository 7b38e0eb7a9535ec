//! A repository that copied the example workflow, with a git server and a registry behind it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::harness::act::{Act, ActRun};
use crate::harness::environment::require_program;
use crate::harness::git_server::GitServer;
use crate::harness::github::{self, GitHub};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER};
use crate::harness::repo::Repo;

/// The built tidegate.
pub fn tidegate() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tidegate"))
}

const RETRY: &str = include_str!("../../../docs/examples/tidegate-retry.yml");
const RETRY_FILE: &str = ".github/workflows/tidegate-retry.yml";
const WORKFLOW_REF: &str = "acme/app/.github/workflows/release-gate.yml@refs/heads/main";
const EXAMPLE: &str = include_str!("../../../docs/examples/release-gate.yml");
/// The run's token, which git and the registry ask for alike, as GitHub's do.
const TOKEN: &str = PASSWORD;
const REPOSITORY: &str = "acme/app";

/// An API that knows the token of the run.
fn github() -> GitHub {
    let github = GitHub::start();
    let mut world = github.world();
    let token = world.tokens[github::TOKEN].clone();
    world.tokens.insert(TOKEN.to_owned(), token);
    drop(world);
    github
}

/// A team's repository on a stand-in for GitHub.
pub struct Example {
    /// The developer's clone.
    pub repo: Repo,
    server: GitServer,
    registry: OciRegistry,
    storage: TempDir,
    /// What stands for GitHub's API; act would name the real one.
    github: GitHub,
    /// How often the workflow ran, which gives each run its id.
    runs: u64,
}

impl Example {
    /// Makes the repository with the example workflow in it; nothing is committed yet.
    pub fn new() -> Self {
        let server = GitServer::start_with_basic_auth("x-access-token", TOKEN);
        server.create(REPOSITORY);
        let registry = OciRegistry::start_with(Auth::Basic);
        let repo = Repo::init();
        // act reads the repository's name from a remote; it never contacts it.
        repo.add_remote("github", &format!("https://github.com/{REPOSITORY}.git"));
        repo.write(".github/workflows/release-gate.yml", without_queue(EXAMPLE));
        repo.write(RETRY_FILE, RETRY);
        repo.write(
            ".github/tidegate.yml",
            format!("version: 1\nimages:\n  - {}/{REPOSITORY}\n", registry.host()),
        );
        repo.write(
            "Dockerfile",
            "FROM scratch\nARG TARGETARCH\nLABEL arch=$TARGETARCH\nCOPY app /\n",
        );
        repo.write("Makefile", "test:\n\tgrep -qx works app\nlint:\n\ttest -s app\n");
        let example = Self { repo, server, registry, storage: folder(), github: github(), runs: 0 };
        example.write_configuration();
        example
    }

    /// The same with more lines of configuration, and a GitHub that knows the history.
    pub fn on_github(configuration: &str) -> Self {
        let example = Self::new();
        example.github.knows(&example.bare());
        example.github.dispatchable("tidegate-retry.yml", &["run_id", "attempt"]);
        let file = ".github/tidegate.yml";
        let text = fs::read_to_string(example.repo.path().join(file)).expect("the configuration");
        example.repo.write(file, text + configuration);
        example
    }

    /// GitHub's API.
    pub fn github(&self) -> &GitHub {
        &self.github
    }

    /// The git server.
    pub fn server(&self) -> &GitServer {
        &self.server
    }

    /// Brings the developer's clone to what main shows.
    pub fn pull(&self) {
        let bare = self.bare();
        self.repo.git(&["pull", "-q", "--ff-only", &bare.to_string_lossy(), "main"]);
    }

    /// Commits files and pushes them to main.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        let commit = self.repo.commit(message, files);
        let bare = self.bare();
        self.repo.git(&["push", "-q", &bare.to_string_lossy(), "main"]);
        commit
    }

    /// Runs the gate's workflow at HEAD as an attempt of a run.
    pub fn attempt(&self, run: u64, attempt: u32) -> ActRun {
        let act = self.act(Act::push(self.repo.path(), REPOSITORY), EXAMPLE, run, tidegate());
        act.env("GITHUB_RUN_ATTEMPT", &attempt.to_string()).run()
    }

    /// Runs the retry workflow with these inputs.
    pub fn retry(&self, run: u64, inputs: &[(&str, &str)]) -> ActRun {
        let act = Act::dispatch(self.repo.path(), REPOSITORY, RETRY_FILE, inputs);
        self.act(act, RETRY, run, tidegate()).run()
    }

    /// Runs another workflow of the repository, whose text this is.
    pub fn dispatch(&self, file: &str, text: &str, run: u64) -> ActRun {
        let act = Act::dispatch(self.repo.path(), REPOSITORY, file, &[]);
        self.act(act, text, run, tidegate()).run()
    }

    /// Commits an app, pushes it to main, and runs the workflow on it with `gate` as tidegate.
    pub fn push(&mut self, message: &str, app: &str, gate: &Path) -> (String, ActRun) {
        let commit = self.repo.commit(message, &[("app", app)]);
        let bare = self.bare();
        self.repo.git(&["push", "-q", &bare.to_string_lossy(), "main"]);
        (commit, self.run_workflow(gate))
    }

    fn run_workflow(&mut self, gate: &Path) -> ActRun {
        self.runs += 1;
        let act = Act::push(self.repo.path(), REPOSITORY);
        self.act(act, EXAMPLE, 1000 + self.runs, gate).run()
    }

    /// Gives a run of `workflow` its actions, servers and programs.
    fn act(&self, mut act: Act, workflow: &str, run: u64, gate: &Path) -> Act {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/actions");
        let storage = |file: &str| self.storage.path().join(file).display().to_string();
        for uses in used_actions(workflow).chain(used_actions(ACTION)) {
            let folder = match uses.split_once('@').map_or(uses, |(name, _)| name) {
                "actions/checkout" => fixtures.join("checkout"),
                "actions/upload-artifact" => fixtures.join("upload"),
                "actions/download-artifact" => fixtures.join("download"),
                "docker/login-action" => fixtures.join("login"),
                // Only for building tidegate, which the test brings built.
                "actions/cache" => fixtures.join("not-run"),
                // As it is; alone, because act copies the whole folder.
                "tidegate/tidegate" => self.storage.path().join("action"),
                other => panic!("no stand-in for {other}, and there shall be none"),
            };
            act = act.action(uses, &folder);
        }
        act.actor(USER)
            .token(TOKEN)
            .variable("REGISTRY", self.registry.host())
            .env("TEST_ARTIFACTS", &storage("artifacts"))
            .env("TEST_REMOTE", &self.server.url(REPOSITORY))
            .env("TIDEGATE_GITHUB_API_URL", &self.github.url())
            .env("TIDEGATE_BIN", &gate.display().to_string())
            .env("GITHUB_RUN_ID", &run.to_string())
            .env("GITHUB_WORKFLOW_REF", WORKFLOW_REF)
            .env("CONTAINERS_STORAGE_CONF", &storage("storage.conf"))
            .programs(&self.storage.path().join("bin"))
            // Read by buildah and not by tidegate, which gets its credentials from the action.
            .env("REGISTRY_AUTH_FILE", &storage("auth.json"))
            // Nothing is run inside the image, so nothing needs a namespace.
            .env("BUILDAH_ISOLATION", "chroot")
    }

    /// The bare repository that stands for GitHub's.
    pub fn bare(&self) -> PathBuf {
        self.server.path(REPOSITORY)
    }

    /// Runs git in the bare repository and returns its output, which must be text.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let bare = self.bare();
        let mut all = vec!["--git-dir", bare.to_str().expect("a path in UTF-8")];
        all.extend(args);
        self.repo.git(&all)
    }

    /// The bytes of the manifest or index under a tag, if the tag exists.
    pub fn manifest(&self, tag: &str) -> Option<Vec<u8>> {
        self.registry.read(REPOSITORY, tag).map(|(_media_type, bytes)| bytes)
    }

    fn write_configuration(&self) {
        let path = |name: &str| self.storage.path().join(name);
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            path("graph").display(),
            path("run").display()
        );
        fs::write(path("storage.conf"), storage).expect("write storage.conf");
        let registries =
            format!("[[registry]]\nlocation = \"{}\"\ninsecure = true\n", self.registry.host());
        fs::write(path("registries.conf"), registries).expect("write registries.conf");
        // Debian's buildah has no environment variable that allows plain http, only this option.
        let script = format!(
            "#!/bin/sh\nexec {} --registries-conf {} \"$@\"\n",
            require_program("buildah").display(),
            path("registries.conf").display()
        );
        fs::create_dir(path("action")).expect("make the action's folder");
        fs::write(path("action/action.yml"), ACTION).expect("write the action");
        fs::create_dir(path("bin")).expect("make the folder of programs");
        fs::write(path("bin/buildah"), script).expect("write the script");
        fs::set_permissions(path("bin/buildah"), fs::Permissions::from_mode(0o755))
            .expect("make it executable");
    }
}

const ACTION: &str = include_str!("../../../action.yml");

/// The example without its one line that act 0.2.89 does not know.
fn without_queue(workflow: &str) -> String {
    let kept: Vec<&str> = workflow.lines().filter(|line| line.trim() != "queue: max").collect();
    assert_eq!(kept.len() + 1, workflow.lines().count(), "one line is removed");
    kept.join("\n") + "\n"
}

/// The `name@ref` of every `uses:` in a workflow or action.
fn used_actions(yaml: &str) -> impl Iterator<Item = &str> {
    let after = yaml.lines().filter_map(|line| line.trim().split_once("uses: "));
    after.filter_map(|(_, rest)| rest.split_whitespace().next())
}

/// The digest of manifest bytes, as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("write to a string");
    }
    text
}

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}
