//! Throw-away repositories, made with the real git in a clean environment with fixed dates.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use super::environment::isolated_command;

/// When the first commit of every repository is made: 2026-01-01 00:00:00 UTC, in seconds since 1970.
const FIRST_COMMIT_AT: u64 = 1_767_225_600;

/// A repository in a temporary folder that goes when this value goes.
///
/// Each commit is one minute later than the one before it, so ids are the same in every run.
pub struct Repo {
    folder: TempDir,
    path: PathBuf,
    clock: Cell<u64>,
}

impl Repo {
    /// A new repository with a work tree, on branch `main`, without commits.
    pub fn init() -> Self {
        let repo = Self::unmade();
        repo.git(&["init", "-q", "-b", "main", "."]);
        repo
    }

    /// A new bare repository whose HEAD is `main`.
    pub fn init_bare() -> Self {
        let repo = Self::unmade();
        repo.git(&["init", "-q", "--bare", "-b", "main", "."]);
        repo
    }

    /// A clone of `url`.
    pub fn clone_of(url: &str) -> Self {
        Self::clone_with(url, &[])
    }

    /// A clone of `url` with further options of `git clone`, such as `--depth=1`.
    pub fn clone_with(url: &str, options: &[&str]) -> Self {
        let repo = Self::unmade();
        let mut args = vec!["clone", "-q"];
        args.extend(options);
        args.extend([url, "."]);
        repo.git(&args);
        repo
    }

    /// The bytes on disk of everything that a run must not touch: index, HEAD and work tree state.
    pub fn checkout_state(&self) -> (Vec<u8>, String, String, String) {
        let index = fs::read(self.path.join(".git/index")).unwrap_or_default();
        let head = fs::read_to_string(self.path.join(".git/HEAD")).expect("read HEAD");
        // Without the locks that `git status` takes to refresh the index.
        let status = self.git(&["--no-optional-locks", "status", "--porcelain=v1", "-uall"]);
        (
            index,
            head,
            self.git(&["for-each-ref", "refs/heads", "refs/remotes", "refs/tags"]),
            status,
        )
    }

    fn unmade() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let path = folder.path().join("repository");
        fs::create_dir(&path).expect("make the repository's folder");
        fs::create_dir(folder.path().join("home")).expect("make the home folder");
        Self { folder, path, clock: Cell::new(FIRST_COMMIT_AT) }
    }

    /// The work tree, or the bare repository itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The repository as a `file://` URL.
    pub fn file_url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// `git` with these arguments, ready to run in this repository.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = isolated_command("git", &self.folder.path().join("home"));
        let date = format!("{} +0000", self.clock.get());
        command
            .env("GIT_AUTHOR_NAME", "A. Developer")
            .env("GIT_AUTHOR_EMAIL", "developer@acme.example")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", "A. Developer")
            .env("GIT_COMMITTER_EMAIL", "developer@acme.example")
            .env("GIT_COMMITTER_DATE", &date)
            .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgSign=false"])
            .args(["-c", "core.quotePath=false", "-c", "advice.detachedHead=false"])
            .args(args)
            .current_dir(&self.path)
            .stdin(Stdio::null());
        command
    }

    /// Runs git and returns its exit code and output, whatever they are.
    pub fn try_git(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("start git")
    }

    /// Runs git, which must succeed, and returns its standard output without the last line end.
    #[track_caller]
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.try_git(args);
        assert!(
            output.status.success(),
            "git {args:?} failed: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr),
        );
        let text = String::from_utf8_lossy(&output.stdout);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }

    /// Writes a file of the work tree, with the folders above it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let target = self.path.join(path);
        let parent = target.parent().expect("a path inside the repository");
        fs::create_dir_all(parent).expect("make the file's folder");
        fs::write(&target, content).expect("write the file");
    }

    /// Removes a file of the work tree.
    pub fn remove(&self, path: &str) {
        fs::remove_file(self.path.join(path)).expect("remove the file");
    }

    /// Writes these files and commits everything in the work tree; returns the commit's id.
    ///
    /// No files and nothing changed gives an empty commit.
    #[track_caller]
    pub fn commit(&self, message: &str, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.write(path, content);
        }
        self.git(&["add", "--all"]);
        self.git(&["commit", "-q", "--allow-empty", "--no-verify", "-m", message]);
        self.tick();
        self.head()
    }

    /// Merges `branch` into the current branch with a merge commit; returns its id.
    #[track_caller]
    pub fn merge(&self, branch: &str, message: &str) -> String {
        self.git(&["merge", "-q", "--no-ff", "-m", message, branch]);
        self.tick();
        self.head()
    }

    fn tick(&self) {
        self.clock.set(self.clock.get() + 60);
    }

    /// Makes a branch at HEAD and changes to it.
    #[track_caller]
    pub fn branch(&self, name: &str) {
        self.git(&["checkout", "-q", "-b", name]);
    }

    /// Changes to a branch or commit.
    #[track_caller]
    pub fn checkout(&self, revision: &str) {
        self.git(&["checkout", "-q", revision]);
    }

    /// The commit id of HEAD.
    #[track_caller]
    pub fn head(&self) -> String {
        self.rev_parse("HEAD")
    }

    /// The object id of a revision.
    #[track_caller]
    pub fn rev_parse(&self, revision: &str) -> String {
        self.git(&["rev-parse", "--verify", revision])
    }

    /// Whether a revision exists here.
    pub fn exists(&self, revision: &str) -> bool {
        self.try_git(&["rev-parse", "--verify", "--quiet", revision]).status.success()
    }

    /// The tree id of a revision.
    #[track_caller]
    pub fn tree(&self, revision: &str) -> String {
        self.rev_parse(&format!("{revision}^{{tree}}"))
    }

    /// The bytes of a file in a revision.
    #[track_caller]
    pub fn show(&self, revision: &str, path: &str) -> Vec<u8> {
        let output = self.try_git(&["cat-file", "blob", &format!("{revision}:{path}")]);
        assert!(
            output.status.success(),
            "{revision}:{path}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// A file of a revision as text.
    #[track_caller]
    pub fn show_text(&self, revision: &str, path: &str) -> String {
        String::from_utf8(self.show(revision, path)).expect("UTF-8")
    }

    /// The whole message of a commit.
    #[track_caller]
    pub fn message(&self, revision: &str) -> String {
        self.git(&["log", "-1", "--format=%B", revision])
    }

    /// The commit ids of a range, newest first.
    #[track_caller]
    pub fn log(&self, range: &str) -> Vec<String> {
        self.git(&["rev-list", range]).lines().map(str::to_owned).collect()
    }

    /// Adds a remote.
    #[track_caller]
    pub fn add_remote(&self, name: &str, url: &str) {
        self.git(&["remote", "add", name, url]);
    }

    /// Pushes a refspec to `origin`.
    #[track_caller]
    pub fn push(&self, refspec: &str) {
        self.git(&["push", "-q", "origin", refspec]);
    }

    /// The refs of a remote, by full name, without peeled tags.
    #[track_caller]
    pub fn ls_remote(&self, remote: &str) -> BTreeMap<String, String> {
        refs_of(&self.git(&["ls-remote", "--refs", remote]), '\t')
    }

    /// The refs of this repository, by full name.
    #[track_caller]
    pub fn refs(&self) -> BTreeMap<String, String> {
        refs_of(&self.git(&["for-each-ref", "--format=%(objectname) %(refname)"]), ' ')
    }
}

fn refs_of(listing: &str, separator: char) -> BTreeMap<String, String> {
    listing
        .lines()
        .filter_map(|line| line.split_once(separator))
        .map(|(id, name)| (name.to_owned(), id.to_owned()))
        .collect()
}
