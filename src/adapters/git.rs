//! git, through libgit2: a repository on this machine and one remote of it.
//!
//! All refs are named in full: `refs/heads/stable` and `refs/tags/stable` can both exist.
//! Nothing here touches the work tree or the index, and nothing can force a push.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, Repository};

use crate::model::{CommitSha, TreeSha};
use crate::secret::{Redactor, Secret};

mod auth;
mod certificates;
mod commit;
mod compare;
pub mod diff;
mod history;
mod hydrate;
mod libgit2;
mod push;
mod refusal;
mod remote;
mod trees;

pub use auth::GitAuth;
pub use commit::Signer;
pub use history::{CommitInfo, Divergence};
pub use push::Pushed;
pub use refusal::Refusal;
pub use remote::RemoteRefs;
pub use trees::{KeptPath, TreeFile};

/// What can go wrong at the git edge.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no repository here.
    #[error("{} is not in a git repository", .0.display())]
    NoRepository(PathBuf),
    /// The remote is not configured.
    #[error(
        "the repository has no remote {name:?}; add it with `git remote add {name} <url>` or set `remote` in .github/tidegate.yml"
    )]
    NoRemote {
        /// Its configured name.
        name: String,
    },
    /// The remote could not be reached.
    #[error("{action} {remote} failed: {reason}")]
    Unreachable {
        /// What was tried.
        action: &'static str,
        /// The remote's URL without credentials.
        remote: String,
        /// What libgit2 said.
        reason: String,
    },
    /// The remote wants other credentials.
    #[error("{action} {remote} was refused: {reason}; {mend}")]
    Unauthorized {
        /// What was tried.
        action: &'static str,
        /// The remote's URL without credentials.
        remote: String,
        /// What libgit2 said.
        reason: String,
        /// What to do.
        mend: String,
    },
    /// The clone is shallow and could not be deepened.
    #[error(
        "this clone is shallow, so questions about ancestry have no answer{}; run `git fetch --unshallow`, or check out with `fetch-depth: 0`",
        reason.as_ref().map(|reason| format!(", and deepening it failed: {reason}")).unwrap_or_default()
    )]
    Shallow {
        /// Why deepening failed, where it was tried.
        reason: Option<String>,
    },
    /// An object that is needed is not in this clone.
    #[error(
        "object {id} ({what}) is not in this clone; fetch it with `git fetch --refetch --no-filter`, or check out with `fetch-depth: 0` and without a filter"
    )]
    Missing {
        /// Its id.
        id: String,
        /// What it is needed for.
        what: String,
    },
    /// A tree that was built differs from what it should be.
    #[error(
        "the tree of the new commit differs from {expected} at {path}, which is not a kept path; nothing was pushed"
    )]
    TreeMismatch {
        /// The good commit.
        expected: CommitSha,
        /// The first path that differs.
        path: String,
    },
    /// A three-way merge left conflicts.
    #[error("bringing {commit} back conflicts in {}", .paths.join(", "))]
    Conflicts {
        /// The commit that was to be brought back.
        commit: CommitSha,
        /// The paths in conflict.
        paths: Vec<String>,
    },
    /// Another process has locked a ref, or a killed one has left its lock behind.
    #[error(
        "{reference} is locked at {remote}: {reason}; run this again, and if no git process works there, remove the file {reference}.lock"
    )]
    Locked {
        /// The full name of the ref.
        reference: String,
        /// The remote's URL without credentials.
        remote: String,
        /// What git said.
        reason: String,
    },
    /// Anything else that libgit2 reports.
    #[error("git: {doing}: {reason}")]
    Other {
        /// What was being done.
        doing: &'static str,
        /// What libgit2 said.
        reason: String,
    },
}

impl GitError {
    /// Wraps an error of libgit2.
    fn other(doing: &'static str) -> impl Fn(git2::Error) -> Self {
        move |error| Self::Other { doing, reason: error.message().to_owned() }
    }

    /// Wraps an error about an object, and says when it is simply not in this clone.
    fn object(id: Oid, what: impl Into<String>) -> impl FnOnce(git2::Error) -> Self {
        let what = what.into();
        move |error| {
            if error.code() == ErrorCode::NotFound {
                Self::Missing { id: id.to_string(), what }
            } else {
                Self::Other {
                    doing: "reading an object",
                    reason: format!("{what}: {}", error.message()),
                }
            }
        }
    }
}

/// A repository on this machine and one remote of it.
pub struct Git {
    repo: Repository,
    remote_name: String,
    auth: GitAuth,
    redactor: Redactor,
    last_comparison: RefCell<Option<compare::Comparison>>,
}

impl Git {
    /// Opens the repository that `dir` is in.
    pub fn discover(dir: &Path, auth: GitAuth, redactor: Redactor) -> Result<Self, GitError> {
        libgit2::configure();
        let repo = Repository::discover(dir).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::NoRepository(dir.to_owned()),
            _ => GitError::other("opening the repository")(error),
        })?;
        let remote_name = "origin".to_owned();
        Ok(Self { repo, remote_name, auth, redactor, last_comparison: RefCell::new(None) })
    }

    /// Gives up on a silent server after a few seconds: for commands that only answer a person.
    /// This holds for the rest of the process.
    pub fn be_impatient(&self) {
        libgit2::be_impatient();
    }

    /// Lets a token of a GitHub App come before any other, at `host` only.
    pub fn use_app_token(&mut self, token: &Secret, host: String) {
        self.redactor.add_login("x-access-token", token);
        self.auth.app_token = Some((token.clone(), host));
    }

    /// Sets the name of the remote.
    pub fn set_remote(&mut self, name: &str) {
        name.clone_into(&mut self.remote_name);
    }

    /// Returns the root of the work tree, where there is one.
    pub fn workdir(&self) -> Option<&Path> {
        self.repo.workdir()
    }

    /// Returns the work tree's root, or the folder of a bare repository.
    pub fn root(&self) -> &Path {
        self.repo.workdir().unwrap_or_else(|| self.repo.path())
    }

    /// Returns git's own folder, which work trees of one clone share.
    pub fn git_folder(&self) -> &Path {
        self.repo.commondir()
    }

    /// Tells whether history is cut off somewhere.
    pub fn is_shallow(&self) -> bool {
        self.repo.is_shallow()
    }

    /// Returns the short name of the branch that HEAD is on, or `None` where it is detached.
    pub fn head_branch(&self) -> Option<String> {
        let head = self.repo.find_reference("HEAD").ok()?;
        let target = head.symbolic_target().ok()??;
        target.strip_prefix("refs/heads/").map(str::to_owned)
    }

    /// Returns the default branch of the remote, as the clone noted it (`refs/remotes/origin/HEAD`).
    pub fn default_branch(&self) -> Option<String> {
        let below = format!("refs/remotes/{}/", self.remote_name);
        let head = self.repo.find_reference(&format!("{below}HEAD")).ok()?;
        let target = head.symbolic_target().ok()??;
        target.strip_prefix(&below).map(str::to_owned)
    }

    /// Tells whether a path of the work tree, from its root, is ignored and not tracked.
    pub fn is_ignored(&self, path: &Path) -> bool {
        let tracked = || {
            let index = self.repo.index().ok()?;
            index.get_path(path, 0)
        };
        self.repo.is_path_ignored(path).unwrap_or(false) && tracked().is_none()
    }

    /// Tells whether a path of the work tree, from its root, is in git's index.
    pub fn is_tracked(&self, path: &Path) -> bool {
        self.repo.index().ok().and_then(|index| index.get_path(path, 0)).is_some()
    }

    /// Returns the first path of git's index below a folder that is wanted: `wanted` is asked for the
    /// path from the folder.
    pub fn tracked_below(&self, folder: &str, wanted: &dyn Fn(&str) -> bool) -> Option<String> {
        let index = self.repo.index().ok()?;
        let folder = format!("{}/", folder.trim_end_matches('/'));
        let first = index.find_prefix(&folder).ok()?;
        let paths = (first..).map_while(|at| Some(index.get(at)?.path));
        let paths = paths.map(|path| String::from_utf8_lossy(&path).into_owned());
        paths
            .take_while(|path| path.starts_with(&folder))
            .find(|path| path.strip_prefix(&folder).is_some_and(wanted))
    }

    /// Returns what git's index has of a file; `None` where it has none, or more than `most` bytes.
    pub fn indexed(&self, path: &str, most: usize) -> Option<Vec<u8>> {
        let id = self.repo.index().ok()?.get_path(Path::new(path), 0)?.id;
        let (size, _) = self.repo.odb().ok()?.read_header(id).ok()?;
        if size > most {
            return None;
        }
        Some(self.repo.find_blob(id).ok()?.content().to_vec())
    }

    /// Returns the commit that a revision of this clone names (`HEAD`, a full ref, an id).
    pub fn local_commit(&self, revision: &str) -> Option<CommitSha> {
        if revision.starts_with('-') {
            return None;
        }
        let commit = self.repo.revparse_single(revision).ok()?.peel_to_commit().ok()?;
        Some(sha(commit.id()))
    }

    /// Reads one ref of this clone by its full name.
    pub fn local_ref(&self, full_ref: &str) -> Option<CommitSha> {
        let reference = self.repo.find_reference(full_ref).ok()?;
        Some(sha(reference.peel_to_commit().ok()?.id()))
    }

    /// Tells whether `commit` is in this clone, as a commit.
    pub fn has_commit(&self, commit: &CommitSha) -> bool {
        self.repo.find_commit(oid(commit)).is_ok()
    }
}

#[expect(clippy::expect_used, reason = "CommitSha holds 40 hexadecimal digits by construction")]
fn oid(commit: &CommitSha) -> Oid {
    Oid::from_str(commit.as_str()).expect("a full object id")
}

#[expect(clippy::expect_used, reason = "TreeSha holds 40 hexadecimal digits by construction")]
fn tree_oid(tree: &TreeSha) -> Oid {
    Oid::from_str(tree.as_str()).expect("a full object id")
}

#[expect(clippy::expect_used, reason = "libgit2 prints SHA-1 ids as 40 lower-case digits")]
fn sha(id: Oid) -> CommitSha {
    id.to_string().parse().expect("a full object id")
}

#[expect(clippy::expect_used, reason = "libgit2 prints SHA-1 ids as 40 lower-case digits")]
fn tree_sha(id: Oid) -> TreeSha {
    id.to_string().parse().expect("a full object id")
}
