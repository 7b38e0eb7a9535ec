//! A team's repository and all that its workflows meet: a git server, a registry, GitHub's API, and
//! act with stand-ins for the actions of others.
//!
//! The runner's programs are real, but for those in `tests/fixtures/programs`, each of which says
//! what it stands in for.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::act::{Act, ActRun};
use super::environment::{isolated_command, require_program};
use super::git_server::GitServer;
use super::github::world::Run;
use super::github::{self, GitHub};
use super::oci_registry::{Auth, OciRegistry, PASSWORD, USER};
use super::repo::Repo;

/// The run's token, which git and the registry ask for alike, as GitHub's do.
pub const TOKEN: &str = PASSWORD;
/// The repository's name on GitHub.
pub const REPOSITORY: &str = "acme/app";

const ACTION: &str = include_str!("../../../action.yml");
const RETRY: &str = "tidegate-retry.yml";

/// The built tidegate.
pub fn tidegate() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_tidegate"))
}

/// The folder of this repository's fixtures.
pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A team's repository on a stand-in for GitHub.
pub struct Team {
    /// The developer's clone.
    pub repo: Repo,
    server: GitServer,
    registry: OciRegistry,
    /// What stands for GitHub's API; act would name the real one.
    github: GitHub,
    storage: TempDir,
    /// The file of the gate's workflow.
    gate: RefCell<String>,
}

impl Team {
    /// Makes an empty repository, and the servers.
    pub fn new() -> Self {
        let server = GitServer::start_with_basic_auth("x-access-token", TOKEN);
        server.create(REPOSITORY);
        let repo = Repo::init();
        // act reads the repository's name from a remote; it never contacts it.
        repo.add_remote("github", &format!("https://github.com/{REPOSITORY}.git"));
        let github = GitHub::start();
        // An API that knows the token of the run.
        let mut world = github.world();
        let token = world.tokens[github::TOKEN].clone();
        world.tokens.insert(TOKEN.to_owned(), token);
        drop(world);
        let storage = TempDir::new().expect("a temporary folder");
        let registry = OciRegistry::start_with(Auth::Basic);
        let gate = RefCell::new("release-gate.yml".to_owned());
        let team = Self { repo, server, registry, github, storage, gate };
        team.write_storage();
        team
    }

    /// Says which file of `.github/workflows` is the gate's.
    pub fn gated_by(&self, workflow: &str) {
        workflow.clone_into(&mut self.gate.borrow_mut());
    }

    /// Tells GitHub's API about the history, and about the retry workflow.
    pub fn on_github(&self) {
        self.github.knows(&self.bare());
        self.github.dispatchable(RETRY, &["run_id", "attempt"]);
    }

    /// GitHub's API.
    pub fn github(&self) -> &GitHub {
        &self.github
    }

    /// The git server.
    pub fn server(&self) -> &GitServer {
        &self.server
    }

    /// The registry.
    pub fn registry(&self) -> &OciRegistry {
        &self.registry
    }

    /// Where the git server has the repository; it asks for [`TOKEN`].
    pub fn url(&self) -> String {
        self.server.url(REPOSITORY)
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

    /// The bytes of the manifest or index under a tag of a repository, if the tag exists.
    pub fn manifest(&self, repository: &str, tag: &str) -> Option<Vec<u8>> {
        self.registry.read(repository, tag).map(|(_media_type, bytes)| bytes)
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

    /// Runs the workflows of a push at HEAD as an attempt of a run, with `gate` as tidegate.
    pub fn attempt(&self, run: u64, attempt: u32, gate: &Path) -> ActRun {
        let act = Act::push(self.repo.path(), REPOSITORY).workflows(&self.workflows());
        self.act(act, run, gate).env("GITHUB_RUN_ATTEMPT", &attempt.to_string()).run()
    }

    /// Runs one workflow as it is dispatched with these inputs.
    pub fn dispatch(&self, workflow: &str, run: u64, inputs: &[(&str, &str)]) -> ActRun {
        let file = self.workflows().join(workflow);
        let act = Act::dispatch(self.repo.path(), REPOSITORY, &file, inputs);
        self.act(act, run, tidegate()).run()
    }

    /// A run of the gate's workflow as GitHub has it while the gate decides.
    pub fn deciding(&self, commit: &str, id: u64, jobs: &[(&str, &str)]) -> Run {
        let run = Run::push(commit).id(id).workflow(&self.gate.borrow());
        jobs.iter()
            .fold(run, |run, (name, result)| run.job(name, result))
            .job("Gate", "in_progress")
    }

    /// Runs an attempt, and tells GitHub what the gate said.
    pub fn decides(&self, id: u64, attempt: u32) -> ActRun {
        let run = self.attempt(id, attempt, tidegate());
        let gate = run.jobs.get("Gate").copied().unwrap_or_else(|| panic!("no gate: {}", run.log));
        self.github.finish(id, &[("Gate", if gate { "success" } else { "failure" })], "failure");
        run
    }

    /// Runs the retry workflow as it was dispatched last, then the second attempt of the run.
    pub fn second_try(&self, id: u64, jobs: &[(&str, &str)]) -> ActRun {
        let dispatch = self.github.dispatches().pop().expect("a dispatch");
        let inputs: Vec<(&str, &str)> =
            dispatch.inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let retried = self.dispatch(RETRY, id + 500, &inputs);
        retried.expect_jobs(&[("Retry", true)]);
        assert_eq!(self.github.reruns().last(), Some(&id), "the run was not started again");
        self.github.edit(id, |run| "in_progress".clone_into(&mut run.status));
        for (name, result) in jobs {
            let now = jiff::Timestamp::now();
            self.github.edit(id, |run| {
                let attempt = run.attempt;
                let again = run.jobs.iter_mut().find(|j| j.name == *name && j.attempt == attempt);
                if let Some(job) = again {
                    job.set(result, now);
                }
            });
        }
        self.decides(id, 2)
    }

    /// The workflows of the work tree as act gets them: without the one line that it does not know
    /// (`queue`, act 0.2.89). What is committed keeps it.
    fn workflows(&self) -> PathBuf {
        let folder = self.storage.path().join("workflows");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("remove the workflows");
        }
        fs::create_dir(&folder).expect("make a folder");
        let mut removed = 0;
        for (name, text) in self.workflow_files() {
            let known: Vec<&str> =
                text.lines().filter(|line| line.trim() != "queue: max").collect();
            removed += text.lines().count() - known.len();
            fs::write(folder.join(name), known.join("\n") + "\n").expect("write a workflow");
        }
        assert_eq!(removed, 1, "one line is removed, in the gate's workflow");
        folder
    }

    fn workflow_files(&self) -> Vec<(String, String)> {
        let folder = self.repo.path().join(".github/workflows");
        let files = fs::read_dir(folder).expect("the workflows").map(|entry| {
            let entry = entry.expect("a workflow");
            let text = fs::read_to_string(entry.path()).expect("a workflow in UTF-8");
            (entry.file_name().into_string().expect("a name in UTF-8"), text)
        });
        files.collect()
    }

    /// Gives a run its actions, servers and programs.
    fn act(&self, mut act: Act, run: u64, gate: &Path) -> Act {
        let storage = |file: &str| self.storage.path().join(file).display().to_string();
        let texts = self.workflow_files().into_iter().map(|(_, text)| text);
        let all: Vec<String> = texts.chain([ACTION.to_owned()]).collect();
        let uses: BTreeSet<&str> = all.iter().flat_map(|text| used_actions(text)).collect();
        for uses in uses {
            act = act.action(uses, &self.stand_in(uses));
        }
        let workflow = self.gate.borrow();
        let workflow = format!("{REPOSITORY}/.github/workflows/{workflow}@refs/heads/main");
        // Links lead out of the environment in which pytest lies beside its python.
        let pytest = require_program("pytest").canonicalize().expect("where pytest is");
        act.actor(USER)
            .token(TOKEN)
            .variable("REGISTRY", self.registry.host())
            .env("TEST_ARTIFACTS", &storage("artifacts"))
            .env("TEST_ASKED", &storage("asked"))
            .env("TEST_PYTHON", &pytest.with_file_name("python").display().to_string())
            .env("TEST_REMOTE", &self.url())
            .env("TIDEGATE_GITHUB_API_URL", &self.github.url())
            .env("TIDEGATE_BIN", &gate.display().to_string())
            .env("GITHUB_RUN_ID", &run.to_string())
            .env("GITHUB_WORKFLOW_REF", &workflow)
            .env("CONTAINERS_STORAGE_CONF", &storage("storage.conf"))
            .programs(&self.storage.path().join("bin"))
            // Read by buildah and not by tidegate, which gets its credentials from the action.
            .env("REGISTRY_AUTH_FILE", &storage("auth.json"))
            // No namespace of its own, which a container of a test may not make.
            .env("BUILDAH_ISOLATION", "chroot")
    }

    fn stand_in(&self, uses: &str) -> PathBuf {
        let actions = fixtures().join("actions");
        match uses.split_once('@').map_or(uses, |(name, _)| name) {
            "actions/checkout" => actions.join("checkout"),
            "actions/upload-artifact" => actions.join("upload"),
            "actions/download-artifact" => actions.join("download"),
            "actions/setup-python" => actions.join("setup-python"),
            "actions/setup-node" => actions.join("setup-node"),
            "docker/login-action" => actions.join("login"),
            "docker/build-push-action" => actions.join("build-push"),
            // Only for building tidegate, which the test brings built.
            "actions/cache" => actions.join("not-run"),
            // As it is; alone, because act copies the whole folder.
            "tidegate/tidegate" => self.storage.path().join("action"),
            other => panic!("no stand-in for {other}, and there shall be none"),
        }
    }

    /// What `program` of `tests/fixtures/programs` was asked for, one call a line.
    pub fn asked(&self, program: &str) -> Vec<String> {
        let file = self.storage.path().join("asked").join(program);
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Puts an image for `FROM` into the registry, which also stands for Docker Hub: a shell, and
    /// package managers that install nothing.
    pub fn base_images(&self, names: &[&str]) {
        let root = self.storage.path().join("base");
        let shell = Path::new("/bin/sh").canonicalize().expect("a shell");
        let ldd = Command::new("ldd").arg(&shell).stdin(Stdio::null()).output().expect("start ldd");
        let listing = String::from_utf8(ldd.stdout).expect("UTF-8");
        let libraries = listing.split_whitespace().filter(|word| word.starts_with('/'));
        for file in libraries {
            copy(Path::new(file), &root.join(&file[1..]));
        }
        copy(&shell, &root.join("bin/sh"));
        fs::create_dir_all(root.join("tmp")).expect("make a folder");
        for program in ["pip", "npm"] {
            let says =
                format!("#!/bin/sh\necho \"{program} (stand-in): nothing is installed: $*\"\n");
            write_program(&root.join("usr/local/bin").join(program), &says);
        }
        let file = self.storage.path().join("Dockerfile.base");
        fs::write(&file, "FROM scratch\nCOPY . /\n").expect("write a Dockerfile");
        let file = file.display().to_string();
        self.buildah(&["build", "-q", "-f", &file, "-t", "base", &root.display().to_string()]);
        let login = format!("{USER}:{PASSWORD}");
        for name in names {
            let to = format!("docker://{}/library/{name}", self.registry.host());
            self.buildah(&["push", "-q", "--creds", &login, "base", &to]);
        }
    }

    fn buildah(&self, args: &[&str]) {
        let program = self.storage.path().join("bin/buildah");
        let output = isolated_command(program, self.storage.path())
            .env("CONTAINERS_STORAGE_CONF", self.storage.path().join("storage.conf"))
            .env("BUILDAH_ISOLATION", "chroot")
            .args(args)
            .stdin(Stdio::null())
            .output()
            .expect("start buildah");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "buildah {args:?}: {error}");
    }

    fn write_storage(&self) {
        let path = |name: &str| self.storage.path().join(name);
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
            path("graph").display(),
            path("run").display()
        );
        fs::write(path("storage.conf"), storage).expect("write storage.conf");
        let host = self.registry.host();
        let registries = format!(
            "unqualified-search-registries = [\"docker.io\"]\n\
             [[registry]]\nlocation = \"{host}\"\ninsecure = true\n\
             [[registry]]\nprefix = \"docker.io\"\nlocation = \"{host}\"\ninsecure = true\n"
        );
        fs::write(path("registries.conf"), registries).expect("write registries.conf");
        // Debian's buildah has no environment variable that allows plain http, only this option.
        let script = format!(
            "#!/bin/sh\nexec {} --registries-conf {} \"$@\"\n",
            require_program("buildah").display(),
            path("registries.conf").display()
        );
        fs::create_dir(path("action")).expect("make the action's folder");
        fs::write(path("action/action.yml"), ACTION).expect("write the action");
        fs::create_dir(path("asked")).expect("make a folder");
        write_program(&path("bin/buildah"), &script);
        for entry in fs::read_dir(fixtures().join("programs")).expect("the programs") {
            let entry = entry.expect("a program");
            let text = fs::read_to_string(entry.path()).expect("a script");
            write_program(&path("bin").join(entry.file_name()), &text);
        }
    }
}

/// The `name@ref` of every `uses:` in a workflow or action.
pub fn used_actions(yaml: &str) -> impl Iterator<Item = &str> {
    let after = yaml.lines().filter_map(|line| line.trim().split_once("uses: "));
    after.filter_map(|(_, rest)| rest.split_whitespace().next())
}

fn write_program(path: &Path, text: &str) {
    let parent = path.parent().expect("a path with a folder");
    fs::create_dir_all(parent).expect("make the folder of programs");
    fs::write(path, text).expect("write the script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("make it executable");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().expect("a path with a folder")).expect("make a folder");
    fs::copy(from, to).expect("copy a file");
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
