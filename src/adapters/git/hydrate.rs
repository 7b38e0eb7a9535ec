//! Partial clones: fetching just the objects that are read, or that a push has to read.
//!
//! libgit2 does not know promisor remotes. A push packs what the new commit has and the remote's
//! branch heads have not; in a blobless clone some of these blobs may be missing here although
//! the remote has them. git itself fetches them by id, so git is asked to.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use git2::{ObjectType, Oid, TreeWalkMode, TreeWalkResult};

use super::{Git, GitError, oid};
use crate::model::CommitSha;

impl Git {
    fn is_partial(&self) -> bool {
        let Ok(config) = self.repo.config().and_then(|mut config| config.snapshot()) else {
            return false;
        };
        config.get_str("extensions.partialclone").is_ok()
            || config.get_bool(&format!("remote.{}.promisor", self.remote_name)).unwrap_or(false)
    }

    /// Fetches an object that this clone lacks, a tree with all trees below it. Returns `false`
    /// where the clone is not a partial one: then a missing object is a damage.
    pub(super) fn fetch_missing(&self, id: Oid) -> Result<bool, GitError> {
        if !self.is_partial() {
            return Ok(false);
        }
        tracing::info!(%id, "fetching an object that this partial clone lacks");
        self.fetch_objects(&[id.to_string()])?;
        Ok(true)
    }

    /// Makes sure that every object of `new` which `expected` does not have can be read.
    pub(super) fn hydrate_for_push(
        &self,
        expected: Option<&CommitSha>,
        new: &CommitSha,
    ) -> Result<(), GitError> {
        if !self.is_partial() {
            return Ok(());
        }
        let missing = self.missing_blobs(expected, new)?;
        if missing.is_empty() {
            return Ok(());
        }
        tracing::info!(objects = missing.len(), "fetching objects that this partial clone lacks");
        self.fetch_objects(&missing)
    }

    fn missing_blobs(
        &self,
        expected: Option<&CommitSha>,
        new: &CommitSha,
    ) -> Result<Vec<String>, GitError> {
        let failed = GitError::other("looking for missing objects");
        let odb = self.repo.odb().map_err(&failed)?;
        let mut missing = Vec::new();
        let new_tree = self.repo.find_commit(oid(new)).and_then(|c| c.tree()).map_err(&failed)?;
        if let Some(expected) = expected {
            let old_tree =
                self.repo.find_commit(oid(expected)).and_then(|c| c.tree()).map_err(&failed)?;
            let diff = self
                .repo
                .diff_tree_to_tree(Some(&old_tree), Some(&new_tree), None)
                .map_err(&failed)?;
            for delta in diff.deltas() {
                let file = delta.new_file();
                if !file.id().is_zero()
                    && file.mode() != git2::FileMode::Commit
                    && !odb.exists(file.id())
                {
                    missing.push(file.id().to_string());
                }
            }
        } else {
            new_tree
                .walk(TreeWalkMode::PreOrder, |_, entry| {
                    if entry.kind() == Some(ObjectType::Blob) && !odb.exists(entry.id()) {
                        missing.push(entry.id().to_string());
                    }
                    TreeWalkResult::Ok
                })
                .map_err(&failed)?;
        }
        missing.sort();
        missing.dedup();
        Ok(missing)
    }

    fn fetch_objects(&self, ids: &[String]) -> Result<(), GitError> {
        let failed = |reason: String| GitError::Missing {
            id: ids.first().cloned().unwrap_or_default(),
            what: format!(
                "one of {} that the push needs; fetching them with git failed: {reason}",
                ids.len()
            ),
        };
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(self.repo.path())
            // Without negotiation: the remote would take it that the objects of every commit that
            // is here are here, and leave out what is asked for.
            .args(["-c", "fetch.negotiationAlgorithm=noop"])
            .args(["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"])
            .args(["--recurse-submodules=no", "--filter=blob:none", "--stdin"])
            .arg(&self.remote_name)
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        self.authorise(&mut command)?;
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            let list: String = ids.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
            stdin.write_all(list.as_bytes()).map_err(|error| failed(error.to_string()))?;
        }
        let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(failed(self.redactor.redact(said.trim()).into_owned()))
    }

    /// Gives git the token through its environment: never as an argument, never in the URL.
    fn authorise(&self, command: &mut Command) -> Result<(), GitError> {
        let url = self.raw_remote_url()?;
        let Ok(parsed) = url::Url::parse(&url) else { return Ok(()) };
        let (Some(host), "http" | "https") = (parsed.host_str(), parsed.scheme()) else {
            return Ok(());
        };
        if let Some(token) = self.auth.token_for(host) {
            let login = format!("x-access-token:{}", token.expose());
            let header = base64::engine::general_purpose::STANDARD.encode(login);
            let key = format!("http.{}.extraheader", parsed.origin().ascii_serialization());
            // An empty value takes back the header that actions/checkout leaves in the clone: two
            // of them are refused, and that one may be another token's.
            command
                .env("GIT_CONFIG_COUNT", "2")
                .env("GIT_CONFIG_KEY_0", &key)
                .env("GIT_CONFIG_VALUE_0", "")
                .env("GIT_CONFIG_KEY_1", &key)
                .env("GIT_CONFIG_VALUE_1", format!("Authorization: Basic {header}"));
        }
        Ok(())
    }
}
