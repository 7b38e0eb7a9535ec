//! A project that uses tidegate: a work tree with a good commit in its ledger, and its remote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault_proxy::{Fault, FaultProxy, Rule};
use super::git_server::GitServer;
use super::repo::Repo;
use super::tidegate::{Run, Tidegate};

/// The results of a workflow whose tests failed.
pub const RED: &str = r#"{"tests":{"result":"failure","outputs":{}}}"#;

/// The results of a workflow whose tests passed.
pub const GREEN: &str = r#"{"tests":{"result":"success","outputs":{}}}"#;

/// Where the ledger is.
pub const LEDGER: &str = "docs/ML_EXPERIMENT_RESULTS.md";

/// Where the configuration is.
pub const CONFIG: &str = ".github/tidegate.yml";

/// A configuration that needs no registry.
pub const NO_IMAGES: &str = "version: 1\nimages: []\n";

/// The first lines of a ledger.
pub const TITLE: &str = "# ML experiment results\n\nProse.\n";

/// A ledger entry as the field writes it.
pub fn entry(commit: &str) -> String {
    entry_with(commit, "main", "✅ Tests Passed")
}

/// A ledger entry about a branch, with a status.
pub fn entry_with(commit: &str, branch: &str, status: &str) -> String {
    format!(
        "\n---\n\n## CI/CD Test Execution Log\n\n**Date**: 2026-01-01 00:00:00 UTC\n\
         **Branch**: {branch}\n**Commit**: {commit}\n**Status**: {status}\n\n\
         ### Automated Tests Executed:\n- ✅ unit tests\n\n\
         **Deployment**: Ready for production\n"
    )
}

/// A ledger with these commits in it.
pub fn ledger_of(commits: &[&str]) -> String {
    commits.iter().fold(TITLE.to_owned(), |text, commit| text + &entry(commit))
}

/// A work tree on `main` and the remote that it pushes to.
pub struct Project {
    /// The developer's clone.
    pub dev: Repo,
    /// The git server, where the remote is one.
    pub server: Option<GitServer>,
    /// The good commit, which the ledger praises.
    pub good: String,
    bare: PathBuf,
    url: String,
    _local: Option<Repo>,
}

impl Project {
    /// A project whose remote is a bare repository on this machine.
    pub fn on_disk() -> Self {
        Self::on_disk_with(&[("app.py", "print('good')\n")])
    }

    /// The same, with these files in the good commit.
    pub fn on_disk_with(files: &[(&str, &str)]) -> Self {
        let local = Repo::init_bare();
        let (bare, url) = (local.path().to_owned(), local.file_url());
        Self::build(bare, url, None, Some(local), files)
    }

    /// A project whose remote is a git server.
    pub fn on_http() -> Self {
        Self::on_server(GitServer::start())
    }

    /// A project on a server that a test has set up.
    pub fn on_server(server: GitServer) -> Self {
        server.create("app");
        let (bare, url) = (server.path("app"), server.url("app"));
        Self::build(bare, url, Some(server), None, &[("app.py", "print('good')\n")])
    }

    fn build(
        bare: PathBuf,
        url: String,
        server: Option<GitServer>,
        local: Option<Repo>,
        files: &[(&str, &str)],
    ) -> Self {
        let dev = Repo::init();
        dev.add_remote("origin", &url);
        // Straight to the folder: what a project looks like at first is not what is tested.
        dev.git(&["config", "remote.origin.pushurl", &bare.display().to_string()]);
        let good = dev.commit("Good", &[files, &[(CONFIG, NO_IMAGES)]].concat());
        dev.commit("Record the good commit [skip ci]", &[(LEDGER, &ledger_of(&[&good]))]);
        dev.push("main");
        Self { dev, server, good, bare, url, _local: local }
    }

    /// The server.
    pub fn server(&self) -> &GitServer {
        self.server.as_ref().expect("a project on a server")
    }

    /// A proxy between the work tree and the server, which spoils the `number`th push (from 1).
    #[track_caller]
    pub fn spoil_push(&self, number: usize, fault: Fault) -> FaultProxy {
        let proxy = FaultProxy::start(&format!("127.0.0.1:{}", self.server().port()));
        let url = format!("http://{}/app.git", proxy.host());
        self.dev.git(&["remote", "set-url", "origin", &url]);
        proxy.add(Rule::on("POST", "git-receive-pack").skip(number - 1).times(1).fault(fault));
        proxy
    }

    /// The URL of the remote.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bare repository of the remote.
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// Commits these files and pushes `main`; returns the commit.
    #[track_caller]
    pub fn push(&self, message: &str, files: &[(&str, &str)]) -> String {
        let commit = self.dev.commit(message, files);
        self.dev.push("main");
        commit
    }

    /// Pushes a commit whose tests are going to fail.
    #[track_caller]
    pub fn push_bad(&self) -> String {
        self.push("Bad", &[("app.py", "print('bad')\n")])
    }

    /// Brings the work tree to what the remote's `main` shows.
    #[track_caller]
    pub fn pull(&self) {
        self.dev.git(&["fetch", "-q", "origin", "main"]);
        self.dev.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
    }

    /// All refs of the remote.
    #[track_caller]
    pub fn refs(&self) -> BTreeMap<String, String> {
        let text = self.remote_git(&["for-each-ref", "--format=%(refname) %(objectname)"]);
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        pairs.map(|(name, id)| (name.to_owned(), id.to_owned())).collect()
    }

    /// What a branch of the remote points at.
    #[track_caller]
    pub fn branch(&self, name: &str) -> String {
        self.refs()[&format!("refs/heads/{name}")].clone()
    }

    /// Runs git in the remote's repository.
    #[track_caller]
    pub fn remote_git(&self, args: &[&str]) -> String {
        let folder = format!("--git-dir={}", self.bare.display());
        self.dev.git(&[&[folder.as_str()], args].concat())
    }

    /// The tree of a revision of the remote.
    #[track_caller]
    pub fn tree(&self, revision: &str) -> String {
        self.remote_git(&["rev-parse", "--verify", &format!("{revision}^{{tree}}")])
    }

    /// The message of a revision of the remote.
    #[track_caller]
    pub fn message(&self, revision: &str) -> String {
        self.remote_git(&["log", "-1", "--format=%B", revision])
    }

    /// A file of a revision of the remote.
    #[track_caller]
    pub fn show(&self, revision: &str, path: &str) -> String {
        self.remote_git(&["show", &format!("{revision}:{path}")])
    }

    /// `path` lines of `git ls-tree -r`, with modes, without the ledger.
    #[track_caller]
    pub fn listing(&self, revision: &str) -> String {
        let all = self.remote_git(&["-c", "core.quotePath=true", "ls-tree", "-r", "-t", revision]);
        // The folder of the ledger differs as the ledger does.
        let other = |line: &&str| !line.ends_with(LEDGER) && !line.ends_with("\tdocs");
        all.lines().filter(other).collect::<Vec<_>>().join("\n")
    }

    /// `gate` with these results of jobs, in the work tree; prints JSON.
    pub fn gate(&self, needs: &str) -> Tidegate {
        gate_in(self.dev.path(), needs)
    }

    /// Runs a gate that must roll back, and returns the new head of `main`.
    #[track_caller]
    pub fn rolls_back(&self) -> String {
        let run = self.gate(RED).run().code(3);
        assert_eq!(run.json()["rolled_back"]["to"], self.good.as_str(), "{}", run.stdout);
        self.assert_rolled_back_to(&self.good)
    }

    /// Asserts that the remote's `main` shows the tree of `good` but for the ledger, by one new
    /// commit; returns that commit.
    #[track_caller]
    pub fn assert_rolled_back_to(&self, good: &str) -> String {
        let head = self.branch("main");
        assert_eq!(self.listing(&head), self.listing(good));
        assert!(self.message(&head).contains("Auto-rollback"), "{}", self.message(&head));
        head
    }

    /// Asserts that the gate with these results fails and changes nothing at all at the remote.
    #[track_caller]
    pub fn refuses(&self, gate: Tidegate, code: i32) -> Run {
        let before = self.refs();
        let run = gate.run().code(code);
        assert_eq!(self.refs(), before, "{run:?}");
        run
    }

    /// Asserts that the gate holds for this reason, and that nothing but its verdict is noted.
    #[track_caller]
    pub fn holds(&self, gate: Tidegate, reason: &str) -> Run {
        let before = self.refs_but_state();
        let run = gate.run().code(4);
        assert_eq!(self.refs_but_state(), before, "{run:?}");
        assert!(reasons(&run).iter().any(|name| name == reason), "no {reason}: {}", run.stdout);
        run
    }

    /// All refs of the remote but the state branch.
    #[track_caller]
    pub fn refs_but_state(&self) -> BTreeMap<String, String> {
        let mut refs = self.refs();
        refs.remove("refs/heads/tidegate");
        refs
    }
}

/// `gate` in a folder, with these results of jobs; prints JSON.
pub fn gate_in(folder: &Path, needs: &str) -> Tidegate {
    Tidegate::new().args(["gate", "--json", "--needs", needs]).current_dir(folder)
}

/// The names of the reasons that a gate gave.
#[track_caller]
pub fn reasons(run: &Run) -> Vec<String> {
    let json = run.json();
    let list = json["reasons"].as_array().expect("reasons").clone();
    list.iter().map(|reason| reason["reason"].as_str().expect("a name").to_owned()).collect()
}

/// The environment of a push's run in GitHub Actions.
pub fn actions(commit: &str) -> Vec<(String, String)> {
    [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_EVENT_NAME", "push"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REPOSITORY", "acme/app"),
        ("GITHUB_RUN_ID", "17"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_ACTOR", "octocat"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_SHA", commit),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
