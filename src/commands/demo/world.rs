//! The world of the demo: a bare remote, a clone, an image registry in a folder, and the people
//! and the CI that work on them.
//!
//! ```text
//! <folder>/remote.git           the git remote
//! <folder>/app                  a developer's clone
//! <folder>/registry             an OCI image layout; outside of the clone, so nobody commits it
//! <folder>/needs-passed.json    what CI hands to the gate: the tests passed, and the digest
//! <folder>/needs-failed.json    the same for failed tests
//! ```
//!
//! Everything is made through libgit2, so that git itself need not be installed. The clone's own
//! configuration settles whatever the user's could change: names, signing, hooks, line endings.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use git2::build::TreeUpdateBuilder;
use git2::{FileMode, Oid, Repository, RepositoryInitOptions, ResetType, Signature, Time};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::tar;
use crate::adapters::registry::layout::Builder;
use crate::config::{CONFIG_PATH, Config};
use crate::model::{BranchName, CommitSha};

const APP: &str = include_str!("files/app.py");
const CONFIG: &str = include_str!("files/tidegate.yml");
const LEDGER: &str = include_str!("files/ledger.md");
const LEDGER_PATH: &str = "docs/ML_EXPERIMENT_RESULTS.md";
const MAIN: &str = "refs/heads/main";

/// What the user's own git configuration may not decide in the clone.
const SETTINGS: [(&str, &str); 9] = [
    ("user.name", "Dana"),
    ("user.email", "dana@acme.example"),
    ("commit.gpgSign", "false"),
    ("push.gpgSign", "false"),
    ("core.hooksPath", ".git/hooks"),
    ("core.autocrlf", "false"),
    ("core.excludesFile", ""),
    ("branch.main.remote", "origin"),
    ("branch.main.merge", MAIN),
];

/// A commit of the story.
#[derive(Debug, Clone)]
pub(super) struct Pushed {
    /// Its id.
    pub(super) commit: CommitSha,
    /// The first line of its message.
    pub(super) subject: &'static str,
    app: String,
}

/// The folder of a demo, and the clone in it.
pub(super) struct World {
    folder: PathBuf,
    clone: Repository,
    now: Timestamp,
}

impl World {
    /// Makes the remote and the clone, with a first commit that passed a week ago and has its
    /// ledger entry.
    pub(super) fn make(folder: &Path, now: Timestamp) -> anyhow::Result<Self> {
        let init = |name: &str, bare| {
            let mut options = RepositoryInitOptions::new();
            options.bare(bare).initial_head("main").external_template(false).no_reinit(true);
            let path = folder.join(name);
            Repository::init_opts(&path, &options)
                .with_context(|| format!("cannot make the repository {}", path.display()))
        };
        init("remote.git", true)?;
        let clone = init("app", false)?;
        let remote = folder.join("remote.git");
        clone.remote("origin", remote.to_str().context("the folder's name is not UTF-8")?)?;
        let mut config = clone.config()?;
        for (key, value) in SETTINGS {
            config.set_str(key, value)?;
        }
        let world = Self { folder: folder.to_owned(), clone, now };
        world.write_json(
            "needs-failed.json",
            &json!({
                "tests": {"result": "failure", "outputs": {}},
                "build-docker": {"result": "skipped", "outputs": {}},
            }),
        )?;
        world.write_history()?;
        Ok(world)
    }

    fn write_history(&self) -> anyhow::Result<()> {
        let then = self.now - SignedDuration::from_hours(24 * 7);
        let files = [("app.py", APP), ("requirements.txt", "streamlit\n"), (CONFIG_PATH, CONFIG)];
        let first = self.commit(None, &files, "Show the highest level", then)?;
        let ledger = LEDGER
            .replace("{date}", &then.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
            .replace("{commit}", &first.to_string());
        let message = "Record the tested commit in the ledger [skip ci]";
        let entry = self.commit(Some(first), &[(LEDGER_PATH, &ledger)], message, then)?;
        self.push(entry)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn clone_folder(&self) -> PathBuf {
        self.folder.join("app")
    }

    /// Plays a developer who pushes a commit whose tests pass.
    pub(super) fn push_good(&self) -> anyhow::Result<Pushed> {
        let app = APP.replace("st.line_chart", "st.bar_chart");
        self.push_app("Show the levels as bars", app)
    }

    /// Plays a developer who pushes a commit whose tests fail.
    pub(super) fn push_bad(&self) -> anyhow::Result<Pushed> {
        let app = APP.replace("st.line_chart", "st.bar_chart").replace(
            "return max(levels)",
            "return sorted(levels)[len(levels)]  # one beyond the last",
        );
        self.push_app("Find the highest level faster", app)
    }

    /// Leaves a commit with an image on the branch `next`, on top of main's head, not pushed.
    pub(super) fn prepare_next(&self) -> anyhow::Result<Pushed> {
        let app = APP
            .replace("st.line_chart", "st.bar_chart")
            .replace("st.title(\"Tide table\")", "st.title(\"Tide table of today\")");
        let head = self.pull()?;
        let subject = "Say which day the table is of";
        let commit = self.commit(Some(head), &[("app.py", &app)], subject, self.now)?;
        self.clone.branch("next", &self.clone.find_commit(commit)?, false)?;
        Ok(Pushed { commit: commit.to_string().parse()?, subject, app })
    }

    fn push_app(&self, subject: &'static str, app: String) -> anyhow::Result<Pushed> {
        let head = self.pull()?;
        let commit = self.commit(Some(head), &[("app.py", &app)], subject, self.now)?;
        self.push(commit)?;
        Ok(Pushed { commit: commit.to_string().parse()?, subject, app })
    }

    /// Plays CI: pushes an image of two platforms under the tags of a candidate, and writes what
    /// the jobs hand to the gate.
    pub(super) async fn build_image(&self, pushed: &Pushed) -> anyhow::Result<()> {
        let (tags, branch) = (Config::default().tags, "main".parse::<BranchName>()?);
        let tags = [
            tags.commit_tag(&branch, &pushed.commit)?,
            tags.candidate_tag(&branch, &pushed.commit)?,
        ];
        let layer = tar::archive("app.py", pushed.app.as_bytes());
        let image = Builder::new(pushed.commit.clone(), self.now)
            .two_platforms(&[layer])
            .write(&self.folder.join("registry"), &tags)
            .await?;
        let digest = image.digest.as_str();
        self.write_json(
            "needs-passed.json",
            &json!({
                "tests": {"result": "success", "outputs": {}},
                "build-docker": {"result": "success", "outputs": {"digest": digest}},
            }),
        )
    }

    fn write_json(&self, name: &str, value: &serde_json::Value) -> anyhow::Result<()> {
        let path = self.folder.join(name);
        std::fs::write(&path, format!("{value:#}\n"))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Writes a commit; no branch moves.
    fn commit(
        &self,
        parent: Option<Oid>,
        files: &[(&str, &str)],
        message: &str,
        at: Timestamp,
    ) -> anyhow::Result<Oid> {
        let repo = &self.clone;
        let parent = parent.map(|parent| repo.find_commit(parent)).transpose()?;
        let tree = match &parent {
            Some(parent) => parent.tree()?,
            None => repo.find_tree(repo.treebuilder(None)?.write()?)?,
        };
        let mut update = TreeUpdateBuilder::new();
        for (path, content) in files {
            update.upsert(*path, repo.blob(content.as_bytes())?, FileMode::Blob);
        }
        let tree = repo.find_tree(update.create_updated(repo, &tree)?)?;
        let dana = Signature::new("Dana", "dana@acme.example", &Time::new(at.as_second(), 0))?;
        let parents: Vec<_> = parent.iter().collect();
        Ok(repo.commit(None, &dana, &dana, &format!("{message}\n"), &tree, &parents)?)
    }

    /// Moves main of the clone to a commit, and pushes it.
    fn push(&self, commit: Oid) -> anyhow::Result<()> {
        self.check_out(commit)?;
        let mut remote = self.clone.find_remote("origin")?;
        remote.push(&[format!("{MAIN}:{MAIN}")], None).context("cannot push to the demo's remote")
    }

    /// Brings main of the clone to that of the remote.
    fn pull(&self) -> anyhow::Result<Oid> {
        let mut remote = self.clone.find_remote("origin")?;
        remote.fetch(&["main"], None, None).context("cannot fetch from the demo's remote")?;
        let head = self.clone.refname_to_id("refs/remotes/origin/main")?;
        self.check_out(head)?;
        Ok(head)
    }

    /// Moves main of the clone, its index and its work tree.
    fn check_out(&self, commit: Oid) -> anyhow::Result<()> {
        let commit = self.clone.find_commit(commit)?;
        if self.clone.head().is_err() {
            self.clone.reference(MAIN, commit.id(), false, "first commit")?;
        }
        self.clone.reset(commit.as_object(), ResetType::Hard, None)?;
        Ok(())
    }
}
