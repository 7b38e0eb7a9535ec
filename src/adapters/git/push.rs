//! Moving one branch of the remote by compare-and-swap.
//!
//! libgit2 compares with what the remote advertises, not with what was observed, and its push to
//! a local path compares with nothing. So the observed value is compared in the negotiation
//! callback, and local paths are written through libgit2's own compare-and-swap of refs. After
//! anything but a clear yes or no the remote's ref is read again: a cut connection looks the same
//! whether the server applied the push or not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;

use git2::{ErrorCode, Oid, PushOptions, Repository};

use super::remote::{LOCK_PAUSES, proxy};
use super::{Git, GitError, oid};
use crate::model::{BranchName, CommitSha};

/// How many commits of a branch are looked at for folders that a local remote has.
const RECENT: usize = 50;

/// How a push ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pushed {
    /// The branch points at the new commit, or at a descendant of it.
    Done,
    /// The branch did not have the observed value any more; nothing was written.
    Moved {
        /// What it points at now.
        now: Option<CommitSha>,
    },
    /// The server refused for good: a protected branch, a hook, a missing permission.
    Refused {
        /// What the server said.
        reason: String,
    },
}

impl Git {
    /// Moves `branch` of the remote from `expected` (`None`: it must not exist) to `new`, which
    /// has to be a descendant of `expected`: history is never rewritten.
    pub fn push(
        &self,
        branch: &BranchName,
        expected: Option<&CommitSha>,
        new: &CommitSha,
    ) -> Result<Pushed, GitError> {
        if let Some(expected) = expected {
            if expected == new {
                return Ok(Pushed::Done);
            }
            if !self.is_ancestor(expected, new)? {
                return Err(GitError::Other {
                    doing: "pushing",
                    reason: format!(
                        "{new} is not a descendant of {expected}; tidegate never rewrites history"
                    ),
                });
            }
        }
        let local = self.local_remote()?;
        let push = || match &local {
            Some(path) => self.push_to_path(path, branch, expected, new),
            None => self.push_to_server(branch, expected, new),
        };
        // The lock of another push is gone in a moment; then the ref says who has won.
        for pause in LOCK_PAUSES {
            match push() {
                Err(GitError::Locked { .. }) => std::thread::sleep(pause),
                pushed => return self.noted(branch, new, pushed),
            }
        }
        self.noted(branch, new, push())
    }

    /// Notes what was pushed, so that commands without network see it at once.
    fn noted(
        &self,
        branch: &BranchName,
        new: &CommitSha,
        pushed: Result<Pushed, GitError>,
    ) -> Result<Pushed, GitError> {
        if let Ok(Pushed::Done) = &pushed {
            let name = format!("refs/tidegate/{branch}");
            let known = self.local_ref(&name);
            let newer = known.is_some_and(|known| self.is_ancestor(new, &known).unwrap_or(false));
            if !newer
                && let Err(error) = self.repo.reference(&name, oid(new), true, "tidegate: pushed")
            {
                tracing::debug!(%error, name, "what was pushed could not be noted");
            }
        }
        tracing::debug!(%branch, %new, ?pushed, "pushed");
        pushed
    }

    /// Returns the folder of the remote, where it is one.
    fn local_remote(&self) -> Result<Option<PathBuf>, GitError> {
        let url = self.raw_remote_url()?;
        if url.starts_with("file://") {
            // Decoded as git does it: `%20` is a space, and the host is this machine.
            let path = url::Url::parse(&url).ok().and_then(|url| url.to_file_path().ok());
            return path.map(Some).ok_or_else(|| GitError::Other {
                doing: "reading the remote's URL",
                reason: format!("{url} is not the URL of a folder on this machine"),
            });
        }
        // The scp form, `host:path`, has a colon before its first slash.
        let remote = url.contains("://") || url.split('/').next().is_some_and(|s| s.contains(':'));
        Ok((!remote).then(|| self.root().join(url)))
    }

    fn push_to_server(
        &self,
        branch: &BranchName,
        expected: Option<&CommitSha>,
        new: &CommitSha,
    ) -> Result<Pushed, GitError> {
        let url = self.raw_remote_url()?;
        let config = self.repo.config().map_err(GitError::other("reading git's configuration"))?;
        let moved = Cell::new(false);
        let refusal: RefCell<Option<String>> = RefCell::new(None);
        let remote_text = RefCell::new(Vec::new());
        let observed = expected.map_or(Oid::ZERO_SHA1, oid);

        let mut callbacks = self.auth.callbacks(&url, config);
        callbacks.push_negotiation(|updates| {
            if updates.iter().any(|update| update.src() != observed) {
                moved.set(true);
                return Err(git2::Error::from_str("the remote branch has moved"));
            }
            Ok(())
        });
        callbacks.push_update_reference(|_, status| {
            if let Some(status) = status {
                *refusal.borrow_mut() = Some(status.to_owned());
            }
            Ok(())
        });
        callbacks.sideband_progress(|text| {
            let mut said = remote_text.borrow_mut();
            if said.len() < 16 * 1024 {
                said.extend_from_slice(text);
            }
            true
        });
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks).proxy_options(proxy());
        self.hydrate_for_push(expected, new)?;
        let spec = format!("{new}:{}", branch.full_ref());
        let result = self.remote()?.push(&[spec], Some(&mut options));
        drop(options);

        if let (Ok(()), None) = (&result, refusal.borrow().as_ref()) {
            return Ok(Pushed::Done);
        }
        let now = self.reread(branch, new)?;
        if now.applied {
            return Ok(Pushed::Done);
        }
        if moved.get() || now.at.as_ref() != expected {
            return Ok(Pushed::Moved { now: now.at });
        }
        if let Some(status) = refusal.into_inner() {
            let said = String::from_utf8_lossy(&remote_text.into_inner()).into_owned();
            let reason = self.redactor.redact(&refusal_text(&status, &said)).into_owned();
            // git: "cannot lock ref 'refs/heads/main': Unable to create '...main.lock'".
            if reason.contains(".lock'") {
                let (reference, remote) = (branch.full_ref(), self.remote_url()?);
                return Err(GitError::Locked { reference, remote, reason });
            }
            return Ok(Pushed::Refused { reason });
        }
        match result {
            Err(error) => Err(self.remote_error("pushing to", &error)),
            Ok(()) => Err(GitError::Other {
                doing: "pushing",
                reason: format!("the remote said yes, but {branch} still has its old value"),
            }),
        }
    }

    fn push_to_path(
        &self,
        path: &std::path::Path,
        branch: &BranchName,
        expected: Option<&CommitSha>,
        new: &CommitSha,
    ) -> Result<Pushed, GitError> {
        let doing = "pushing to a local path";
        let remote = Repository::open(path).map_err(GitError::other(doing))?;
        if let Some(reason) = checked_out(&remote, branch) {
            return Ok(Pushed::Refused { reason });
        }
        self.copy_objects(&remote, expected, new)?;
        let name = branch.full_ref();
        let note = "tidegate: push";
        let written = match expected {
            Some(expected) => {
                // The flag only allows replacing a value; the old value is compared under the
                // ref's lock, and `push` has checked that the new one descends from it.
                let replace = true;
                remote.reference_matching(&name, oid(new), replace, oid(expected), note)
            }
            None => remote.reference(&name, oid(new), false, note),
        };
        match written.map(|_| ()) {
            Ok(()) => Ok(Pushed::Done),
            Err(error)
                if matches!(
                    error.code(),
                    ErrorCode::Modified
                        | ErrorCode::Exists
                        | ErrorCode::Locked
                        | ErrorCode::NotFound
                ) =>
            {
                let now = self.reread(branch, new)?;
                if now.applied {
                    Ok(Pushed::Done)
                } else if now.at.as_ref() == expected {
                    Err(GitError::Locked {
                        reference: name,
                        remote: self.remote_url()?,
                        reason: error.message().to_owned(),
                    })
                } else {
                    Ok(Pushed::Moved { now: now.at })
                }
            }
            Err(error) => Err(GitError::other(doing)(error)),
        }
    }

    /// Writes the objects of `expected..new` into a repository on this machine, as one pack.
    fn copy_objects(
        &self,
        remote: &Repository,
        expected: Option<&CommitSha>,
        new: &CommitSha,
    ) -> Result<(), GitError> {
        use std::io::Write as _;
        let failed = GitError::other("copying objects to a local path");
        let mut walk = self.repo.revwalk().map_err(&failed)?;
        walk.push(oid(new)).map_err(&failed)?;
        if let Some(expected) = expected {
            walk.hide(oid(expected)).map_err(&failed)?;
        }
        for reference in remote.references().map_err(&failed)?.flatten() {
            if let Some(target) = reference.target()
                && self.repo.find_commit(target).is_ok()
            {
                walk.hide(target).map_err(&failed)?;
            }
        }
        let odb = remote.odb().map_err(&failed)?;
        // What a rollback brings back differs from its parent, and is there nevertheless: whole
        // folders by an earlier commit of the branch, the rest object by object.
        let known = match expected {
            Some(expected) if !remote.is_shallow() => self.recent_folders(expected, RECENT)?,
            Some(_) | None => BTreeSet::new(),
        };
        let mut builder = self.repo.packbuilder().map_err(&failed)?;
        for commit in walk {
            let commit = commit.and_then(|id| self.repo.find_commit(id)).map_err(&failed)?;
            let base = commit.parents().next().map(|parent| parent.tree_id());
            builder.insert_object(commit.id(), None).map_err(&failed)?;
            for id in self.new_objects(base, commit.tree_id(), &known)? {
                if !odb.exists(id) {
                    builder.insert_object(id, None).map_err(&failed)?;
                }
            }
        }
        if builder.object_count() == 0 {
            return Ok(());
        }
        let mut writer = odb.packwriter().map_err(&failed)?;
        let mut broken = None;
        builder
            .foreach(|bytes| match writer.write_all(bytes) {
                Ok(()) => true,
                Err(error) => {
                    broken = Some(error);
                    false
                }
            })
            .map_err(|error| GitError::Other {
                doing: "copying objects to a local path",
                reason: broken.take().map_or_else(|| error.message().to_owned(), |e| e.to_string()),
            })?;
        writer.commit().map_err(&failed)?;
        Ok(())
    }

    /// Reads the branch again, and tells whether `new` is in it.
    fn reread(&self, branch: &BranchName, new: &CommitSha) -> Result<Reread, GitError> {
        let refs = self.fetch(&[branch])?;
        let at = refs.branch(branch).cloned();
        let applied = match &at {
            Some(at) => self.is_ancestor(new, at)?,
            None => false,
        };
        Ok(Reread { at, applied })
    }
}

struct Reread {
    at: Option<CommitSha>,
    applied: bool,
}

/// Says why a branch of a repository with a work tree must not move under it. git refuses such a
/// push too (`receive.denyCurrentBranch`).
fn checked_out(remote: &Repository, branch: &BranchName) -> Option<String> {
    let name = branch.full_ref();
    if remote.is_bare() {
        return None;
    }
    let head = remote.find_reference("HEAD").ok()?;
    (head.symbolic_target().ok()?? == name).then(|| {
        format!("{name} is checked out in {}; push to a bare repository", remote.path().display())
    })
}

/// Joins git's short status with what the server's hooks printed.
fn refusal_text(status: &str, said: &str) -> String {
    let said: Vec<&str> =
        said.lines().map(str::trim).filter(|line| !line.is_empty()).take(12).collect();
    if said.is_empty() { status.to_owned() } else { format!("{status} ({})", said.join("; ")) }
}
