//! A repository on a git server, images in a registry, and gates that see both through proxies.
//!
//! Every gate runs as a runner would start it: in a fresh clone that is gone afterwards.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::model::Digest;

use crate::harness::environment::isolated_command;
use crate::harness::fault_proxy::FaultProxy;
use crate::harness::git_server::GitServer;
use crate::harness::oci_registry::{Kind, OciRegistry, Pushed};
use crate::harness::repo::Repo;

pub const LEDGER: &str = "docs/ML_EXPERIMENT_RESULTS.md";
pub const REPOSITORY: &str = "acme/app";

/// How gates are told about one registry: waits of a test, not of a release.
const QUICK: &str = "timeout: 1s, patience: 1s";

/// Everything that a release touches.
pub struct World {
    pub registry: OciRegistry,
    pub registry_proxy: FaultProxy,
    pub git: GitServer,
    pub git_proxy: FaultProxy,
    /// A developer's clone, which speaks to the git server past the proxy.
    pub dev: Repo,
    runs: AtomicU64,
}

impl World {
    /// One image, and the tests as the only required job.
    pub fn new() -> Self {
        Self::with(&[REPOSITORY], "")
    }

    /// The release set, and further lines of the configuration.
    pub fn with(repositories: &[&str], configuration: &str) -> Self {
        Self::around(OciRegistry::start(), repositories, configuration)
    }

    /// One image, and another section `require`.
    pub fn with_require(require: &str) -> Self {
        Self::made(OciRegistry::start(), &[REPOSITORY], require, QUICK)
    }

    /// Like [`World::new`], with the waits of a release: a request may take long.
    pub fn patient() -> Self {
        Self::made(OciRegistry::start(), &[REPOSITORY], "require: { jobs: [tests] }\n", "")
    }

    pub fn around(registry: OciRegistry, repositories: &[&str], configuration: &str) -> Self {
        let configuration = format!("require: {{ jobs: [tests] }}\n{configuration}");
        Self::made(registry, repositories, &configuration, QUICK)
    }

    fn made(
        registry: OciRegistry,
        repositories: &[&str],
        configuration: &str,
        waits: &str,
    ) -> Self {
        let registry_proxy = FaultProxy::start(registry.host());
        let git = GitServer::start();
        git.create("app");
        let git_proxy = FaultProxy::start(&format!("127.0.0.1:{}", git.port()));
        let dev = Repo::init();
        dev.add_remote("origin", &git.url("app"));
        let host = registry_proxy.host();
        let images: Vec<String> =
            repositories.iter().map(|name| format!("{host}/{name}")).collect();
        let configuration = format!(
            "version: 1\nimages: [{}]\nregistries: {{ \"{host}\": {{ {waits} }} }}\n{configuration}",
            images.join(", ")
        );
        let world =
            Self { registry, registry_proxy, git, git_proxy, dev, runs: AtomicU64::new(100) };
        world
            .commit("Begin", &[(".github/tidegate.yml", &configuration), ("app.py", "print(0)\n")]);
        world
    }

    /// Commits to main on top of what the server has, and pushes.
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        if self.dev.ls_remote("origin").contains_key("refs/heads/main") {
            self.dev.git(&["fetch", "-q", "origin"]);
            self.dev.git(&["reset", "-q", "--hard", "origin/main"]);
        }
        let commit = self.dev.commit(message, files);
        self.dev.push("main");
        commit
    }

    /// Pushes the image of a commit as the build job does, and returns it.
    pub fn build(&self, commit: &str) -> Pushed {
        self.build_in(REPOSITORY, commit)
    }

    pub fn build_in(&self, repository: &str, commit: &str) -> Pushed {
        self.build_as(Kind::Oci, repository, commit)
    }

    pub fn build_as(&self, kind: Kind, repository: &str, commit: &str) -> Pushed {
        self.registry.push_as(kind, repository, &[commit, "main-candidate"], Some(commit))
    }

    /// A commit with its image.
    pub fn candidate(&self, message: &str, content: &str) -> (String, Pushed) {
        let commit = self.commit(message, &[("app.py", content)]);
        let image = self.build(&commit);
        (commit, image)
    }

    /// A commit that was released.
    pub fn released(&self, message: &str, content: &str) -> (String, Pushed) {
        let (commit, image) = self.candidate(message, content);
        self.gate(&commit).passed(&image).run().code(0);
        (commit, image)
    }

    /// A gate of the push run of `commit`.
    pub fn gate(&self, commit: &str) -> Gate<'_> {
        let id = self.runs.fetch_add(1, Ordering::Relaxed);
        Gate {
            world: self,
            commit: commit.to_owned(),
            arguments: vec!["gate".to_owned()],
            environment: BTreeMap::from([
                ("GITHUB_ACTIONS".to_owned(), "true".to_owned()),
                ("GITHUB_EVENT_NAME".to_owned(), "push".to_owned()),
                ("GITHUB_SHA".to_owned(), commit.to_owned()),
                ("GITHUB_REF".to_owned(), "refs/heads/main".to_owned()),
                ("GITHUB_RUN_ID".to_owned(), id.to_string()),
                ("GITHUB_RUN_ATTEMPT".to_owned(), "1".to_owned()),
                ("GITHUB_REPOSITORY".to_owned(), REPOSITORY.to_owned()),
            ]),
            files: Vec::new(),
            prepare: None,
        }
    }

    /// A command that a person gives in a fresh clone of main.
    pub fn by_hand(&self, arguments: &[&str]) -> Gate<'_> {
        let mut gate = self.gate("main");
        gate.arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        gate.environment = BTreeMap::from([("USER".to_owned(), "ada".to_owned())]);
        gate
    }

    /// The name of an image as the configuration has it.
    pub fn image(&self, repository: &str) -> String {
        format!("{}/{repository}", self.registry_proxy.host())
    }

    pub fn bare(&self) -> Bare {
        Bare { path: self.git.path("app") }
    }

    /// The digest that a tag stands for.
    pub fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        self.registry.read(repository, tag).map(|(_, bytes)| Digest::of(&bytes).to_string())
    }

    /// Asserts that a tag has these very bytes and this media type, and that every platform can be
    /// had.
    #[track_caller]
    pub fn assert_tag(&self, repository: &str, tag: &str, image: &Pushed) {
        let (media_type, bytes) = self.registry.read(repository, tag).expect(tag);
        assert_eq!(media_type, image.media_type, "{tag}");
        assert_eq!(bytes, image.bytes, "{repository}:{tag}");
        for child in &image.children {
            assert!(self.registry.read(repository, child.as_str()).is_some(), "{tag}: {child}");
        }
    }

    /// Asserts that users get this commit and image in every place, as release `number`.
    #[track_caller]
    pub fn assert_live(&self, number: u64, commit: &str, image: &Pushed) {
        self.assert_tag(REPOSITORY, "stable", image);
        self.assert_tag(REPOSITORY, "latest", image);
        let bare = self.bare();
        assert_eq!(bare.tree("stable"), bare.tree(commit), "the tree of branch stable");
        let newest = bare.newest_record();
        assert_eq!(
            (newest["number"].as_u64(), newest["commit"].as_str()),
            (Some(number), Some(commit))
        );
        assert_eq!(newest["images"][0]["digest"], image.digest.as_str());
    }

    /// Everything that a reader can see, as text: one line for each thing.
    pub fn view(&self) -> String {
        self.view_of(&[REPOSITORY])
    }

    pub fn view_of(&self, repositories: &[&str]) -> String {
        let mut lines = Vec::new();
        for repository in repositories {
            for tag in self.tags(repository) {
                let digest = self.tag(repository, &tag).unwrap_or_default();
                lines.push(format!("tag {repository}:{tag} {digest}"));
            }
        }
        let bare = self.bare();
        for (name, id) in bare.refs() {
            lines.push(format!("ref {name} {}", bare.describe(&id)));
            for path in bare.git(&["ls-tree", "-r", "--name-only", &id]).lines() {
                let text = without_times(&bare.show(&id, path));
                lines.push(format!("file {name}:{path} {text:?}"));
            }
        }
        lines.join("\n")
    }

    fn tags(&self, repository: &str) -> Vec<String> {
        let folder = self.registry.repository_folder(repository).join("_manifests/tags");
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let mut tags: Vec<String> = entries
            .map(|entry| entry.expect("a tag").file_name().into_string().expect("a name"))
            .collect();
        tags.sort();
        tags
    }

    /// Refs and tags exactly as they are, for "nothing has changed".
    pub fn fingerprint(&self) -> Vec<String> {
        self.fingerprint_of(&[REPOSITORY])
    }

    pub fn fingerprint_of(&self, repositories: &[&str]) -> Vec<String> {
        let tags = repositories.iter().flat_map(|repository| {
            self.tags(repository).into_iter().map(move |tag| {
                format!("{repository}:{tag} {}", self.tag(repository, &tag).unwrap_or_default())
            })
        });
        let refs = self.bare().refs().into_iter().map(|(name, id)| format!("{name} {id}"));
        tags.chain(refs).collect()
    }

    /// The fingerprint without the tags that nobody follows and the state branch.
    pub fn seen_by_users(&self) -> Vec<String> {
        let hidden = [":good-", "refs/heads/tidegate "];
        self.fingerprint()
            .into_iter()
            .filter(|line| !hidden.iter().any(|part| line.contains(part)))
            .collect()
    }

    /// Keeps the state of git and registry, to go back to it.
    pub fn save(&self) -> Saved {
        let folder = TempDir::new().expect("a temporary folder");
        copy(&self.git.path("app"), &folder.path().join("git"));
        copy(&self.registry.repository_folder(REPOSITORY), &folder.path().join("registry"));
        Saved { folder }
    }

    /// Goes back to a saved state, and forgets requests and rules.
    pub fn restore(&self, saved: &Saved) {
        for (part, place) in [
            ("git", self.git.path("app")),
            ("registry", self.registry.repository_folder(REPOSITORY)),
        ] {
            fs::remove_dir_all(&place).expect("remove what is there");
            copy(&saved.folder.path().join(part), &place);
        }
        self.registry_proxy.forget();
        self.git_proxy.forget();
    }
}

/// A state of git and registry.
pub struct Saved {
    folder: TempDir,
}

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("start cp");
    assert!(status.success(), "cp failed");
}

/// The repository on the server, looked at past the code under test.
pub struct Bare {
    path: PathBuf,
}

impl Bare {
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = isolated_command("git", Path::new("/nonexistent"))
            .arg("--git-dir")
            .arg(&self.path)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("start git");
        let text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }

    pub fn refs(&self) -> BTreeMap<String, String> {
        self.git(&["for-each-ref", "--format=%(refname) %(objectname)"])
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, id)| (name.to_owned(), id.to_owned()))
            .collect()
    }

    pub fn branch(&self, name: &str) -> Option<String> {
        self.refs().remove(&format!("refs/heads/{name}"))
    }

    /// The tree of a branch or commit.
    #[track_caller]
    pub fn tree(&self, revision: &str) -> String {
        let full = format!("refs/heads/{revision}");
        let name = if self.refs().contains_key(&full) { &full } else { revision };
        self.git(&["rev-parse", "--verify", &format!("{name}^{{tree}}")])
    }

    pub fn parents(&self, revision: &str) -> Vec<String> {
        let line = self.git(&["log", "-1", "--format=%P", revision]);
        line.split_whitespace().map(str::to_owned).collect()
    }

    pub fn show(&self, revision: &str, path: &str) -> String {
        self.git(&["cat-file", "blob", &format!("{revision}:{path}")])
    }

    pub fn ledger(&self) -> String {
        let there = self.git(&["ls-tree", "-r", "--name-only", "refs/heads/main"]);
        if there.lines().any(|path| path == LEDGER) {
            self.show("refs/heads/main", LEDGER)
        } else {
            String::new()
        }
    }

    /// Whether the ledger has an entry that says a commit passed.
    pub fn ledger_names(&self, commit: &str) -> bool {
        self.ledger().contains(commit)
    }

    pub fn index(&self) -> Value {
        if self.branch("tidegate").is_none() {
            return json!({"newest": 0, "records": []});
        }
        serde_json::from_str(&self.show("refs/heads/tidegate", "index.json")).expect("JSON")
    }

    pub fn newest_number(&self) -> u64 {
        self.index()["newest"].as_u64().expect("a number")
    }

    pub fn newest_record(&self) -> Value {
        let path = format!("records/{:06}.json", self.newest_number());
        serde_json::from_str(&self.show("refs/heads/tidegate", &path)).expect("JSON")
    }

    /// Files of a folder of the state branch.
    pub fn state_folder(&self, folder: &str) -> Vec<String> {
        if self.branch("tidegate").is_none() {
            return Vec::new();
        }
        let all = self.git(&["ls-tree", "-r", "--name-only", "refs/heads/tidegate"]);
        all.lines()
            .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'))
            .map(str::to_owned)
            .collect()
    }

    /// A commit without what depends on its date: its subject, and those of its parents.
    fn describe(&self, id: &str) -> String {
        let subjects = |revision: &str| self.git(&["log", "-1", "--format=%s", revision]);
        let parents: Vec<String> =
            self.parents(id).iter().map(|parent| format!("{:?}", subjects(parent))).collect();
        let count = self.git(&["rev-list", "--count", id]);
        format!("{:?} of {count} commits, parents [{}]", subjects(id), parents.join(", "))
    }
}

/// Takes out dates, run attempts and whatever else differs between two runs that did the same.
fn without_times(text: &str) -> String {
    let dates = regex::Regex::new(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( UTC|Z)?").unwrap();
    let runs = regex::Regex::new(r#""(id|attempt)": \d+"#).unwrap();
    let text = dates.replace_all(text, "DATE");
    runs.replace_all(&text, "\"$1\": N").into_owned()
}

/// One run of the built program in a fresh clone, put together before it starts.
pub struct Gate<'a> {
    world: &'a World,
    commit: String,
    pub arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    files: Vec<(String, String)>,
    prepare: Option<Box<dyn FnOnce(&Path) + 'a>>,
}

impl<'a> Gate<'a> {
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Another command than `gate`.
    pub fn command(mut self, command: &str) -> Self {
        command.clone_into(&mut self.arguments[0]);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A file that an earlier job left in the work tree.
    pub fn file(mut self, path: &str, content: &str) -> Self {
        self.files.push((path.to_owned(), content.to_owned()));
        self
    }

    /// What earlier steps of the job do in the work tree.
    pub fn prepared(mut self, steps: impl FnOnce(&Path) + 'a) -> Self {
        self.prepare = Some(Box::new(steps));
        self
    }

    pub fn run_id(self, id: u64, attempt: u32) -> Self {
        self.env("GITHUB_RUN_ID", &id.to_string()).env("GITHUB_RUN_ATTEMPT", &attempt.to_string())
    }

    pub fn attempt(self, attempt: u32) -> Self {
        self.env("GITHUB_RUN_ATTEMPT", &attempt.to_string())
    }

    /// The tests passed, and the build job names this digest.
    pub fn passed(self, image: &Pushed) -> Self {
        self.needs(&json!({
            "tests": {"result": "success", "outputs": {}},
            "build-docker": {"result": "success", "outputs": {"digest": image.digest}},
        }))
    }

    /// The tests passed, and the build job names a digest for each repository.
    pub fn passed_set(self, images: &[(&str, &Pushed)]) -> Self {
        let digests: serde_json::Map<String, Value> = images
            .iter()
            .map(|(repository, image)| (self.world.image(repository), image.digest.as_str().into()))
            .collect();
        let digests = Value::from(digests).to_string();
        self.needs(&json!({
            "tests": {"result": "success", "outputs": {}},
            "build-docker": {"result": "success", "outputs": {"digests": digests}},
        }))
    }

    /// The tests failed, so nothing was built.
    pub fn failed(self) -> Self {
        self.needs(&json!({
            "tests": {"result": "failure", "outputs": {}},
            "build-docker": {"result": "skipped", "outputs": {}},
        }))
    }

    pub fn needs(self, needs: &Value) -> Self {
        self.arguments(&["--needs", &needs.to_string()])
    }

    /// Runs it to its end.
    pub fn run(self) -> Finished {
        self.start().finish()
    }

    /// Starts it in a clone of its own.
    pub fn start(self) -> Running {
        let url = format!("http://{}/app.git", self.world.git_proxy.host());
        // Copied from the folder, which is faster; everything after it goes over http.
        let clone = Repo::clone_of(&self.world.git.path("app").to_string_lossy());
        clone.git(&["remote", "set-url", "origin", &url]);
        if self.commit != "main" {
            clone.checkout(&self.commit);
        }
        for (path, content) in &self.files {
            clone.write(path, content);
        }
        if let Some(steps) = self.prepare {
            steps(clone.path());
        }
        let folder = TempDir::new().expect("a temporary folder");
        let file = |name: &str| File::create(folder.path().join(name)).expect("a file");
        let mut command = isolated_command(env!("CARGO_BIN_EXE_tidegate"), folder.path());
        command
            .args(&self.arguments)
            .envs(&self.environment)
            .current_dir(clone.path())
            .stdin(Stdio::null())
            .stdout(file("stdout"))
            .stderr(file("stderr"));
        let child = command.spawn().expect("start tidegate");
        let line = self.arguments.join(" ");
        Running { child: Arc::new(Mutex::new(child)), line, folder, clone }
    }
}

/// A run that has not ended.
pub struct Running {
    child: Arc<Mutex<Child>>,
    line: String,
    folder: TempDir,
    pub clone: Repo,
}

impl Running {
    /// What kills this run, from any thread.
    pub fn killer(&self) -> Arc<Mutex<Child>> {
        Arc::clone(&self.child)
    }

    pub fn finish(self) -> Finished {
        // Not `wait`: whoever kills it needs the lock in the meantime.
        let status = loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().expect("the state") {
                break status;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        let read = |name: &str| {
            let bytes = fs::read(self.folder.path().join(name)).expect("the output");
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Finished {
            status: status.code(),
            stdout: read("stdout"),
            stderr: read("stderr"),
            line: self.line,
            clone: self.clone,
        }
    }
}

/// What a run left behind.
pub struct Finished {
    /// `None` when it was killed.
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    line: String,
    pub clone: Repo,
}

impl Finished {
    #[track_caller]
    pub fn code(self, expected: i32) -> Self {
        assert!(
            self.status == Some(expected),
            "tidegate {} ended with {:?}, not {expected}\n--- stdout\n{}\n--- stderr\n{}",
            self.line,
            self.status,
            self.stdout,
            self.stderr,
        );
        self
    }

    /// Asserts that standard output or standard error says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "nothing says {text:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr,
        );
        self
    }
}
