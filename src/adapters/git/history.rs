//! Questions about history. All of them refuse a shallow clone, where the answers would be wrong.

use git2::{Oid, Sort};

use super::{Git, GitError, oid, sha, tree_sha};
use crate::model::{CommitSha, TreeSha};

/// What is known of one commit.
#[derive(Debug, Clone)]
pub struct CommitInfo {
    /// Its id.
    pub sha: CommitSha,
    /// Its tree.
    pub tree: TreeSha,
    /// Its parents, in order.
    pub parents: Vec<CommitSha>,
    /// Its message; bytes that are not UTF-8 are replaced.
    pub message: String,
    /// The name of its author.
    pub author: String,
    /// Committer time, in seconds since 1970.
    pub time: i64,
}

impl CommitInfo {
    /// Returns the first line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or_default()
    }

    /// Returns the value of a trailer in the last paragraph of the message.
    pub fn trailer(&self, key: &str) -> Option<&str> {
        let body = self.message.trim_end();
        let last = body.rsplit("\n\n").next()?;
        last.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
    }
}

/// How far two commits are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divergence {
    /// Commits that only the first has.
    pub ahead: usize,
    /// Commits that only the second has.
    pub behind: usize,
}

impl Git {
    /// Refuses to answer from a history that is cut off.
    pub fn whole_history(&self) -> Result<(), GitError> {
        if self.is_shallow() {
            return Err(GitError::Shallow { reason: None });
        }
        Ok(())
    }

    /// Reads one commit.
    pub fn commit(&self, commit: &CommitSha) -> Result<CommitInfo, GitError> {
        let id = oid(commit);
        let commit = self.repo.find_commit(id).map_err(GitError::object(id, "a commit"))?;
        Ok(CommitInfo {
            sha: sha(id),
            tree: tree_sha(commit.tree_id()),
            parents: commit.parent_ids().map(sha).collect(),
            message: String::from_utf8_lossy(commit.message_bytes()).into_owned(),
            author: String::from_utf8_lossy(commit.author().name_bytes()).into_owned(),
            time: commit.time().seconds(),
        })
    }

    /// Tells whether `ancestor` is `descendant` or one of its ancestors.
    pub fn is_ancestor(
        &self,
        ancestor: &CommitSha,
        descendant: &CommitSha,
    ) -> Result<bool, GitError> {
        if ancestor == descendant {
            return Ok(true);
        }
        self.whole_history()?;
        self.repo
            .graph_descendant_of(oid(descendant), oid(ancestor))
            .map_err(GitError::other("asking for ancestry"))
    }

    /// Tells whether every one of `commits` is `head` or one of its ancestors, in one walk.
    pub fn contains_all(&self, head: &CommitSha, commits: &[&CommitSha]) -> Result<bool, GitError> {
        self.whole_history()?;
        let failed = GitError::other("asking for ancestry");
        let mut walk = self.repo.revwalk().map_err(&failed)?;
        for commit in commits {
            if !self.has_commit(commit) {
                return Ok(false);
            }
            walk.push(oid(commit)).map_err(&failed)?;
        }
        walk.hide(oid(head)).map_err(&failed)?;
        Ok(walk.next().is_none())
    }

    /// Counts the commits between two commits.
    pub fn divergence(&self, one: &CommitSha, other: &CommitSha) -> Result<Divergence, GitError> {
        self.whole_history()?;
        let (ahead, behind) = self
            .repo
            .graph_ahead_behind(oid(one), oid(other))
            .map_err(GitError::other("counting commits"))?;
        Ok(Divergence { ahead, behind })
    }

    /// Lists the commits of `good..bad`, newest first, at most `limit`.
    pub fn range(
        &self,
        good: &CommitSha,
        bad: &CommitSha,
        limit: usize,
    ) -> Result<Vec<CommitSha>, GitError> {
        self.walk(Some(good), bad, limit, false)
    }

    /// Lists the first parents from `head` down to, but without, `base`, at most `limit`.
    pub fn first_parents(
        &self,
        base: Option<&CommitSha>,
        head: &CommitSha,
        limit: usize,
    ) -> Result<Vec<CommitSha>, GitError> {
        self.walk(base, head, limit, true)
    }

    fn walk(
        &self,
        base: Option<&CommitSha>,
        head: &CommitSha,
        limit: usize,
        first_parent: bool,
    ) -> Result<Vec<CommitSha>, GitError> {
        let failed = GitError::other("walking history");
        let mut walk = self.repo.revwalk().map_err(&failed)?;
        walk.set_sorting(Sort::TOPOLOGICAL).map_err(&failed)?;
        if first_parent {
            walk.simplify_first_parent().map_err(&failed)?;
        }
        walk.push(oid(head)).map_err(&failed)?;
        if let Some(base) = base {
            walk.hide(oid(base)).map_err(&failed)?;
        }
        walk.take(limit).map(|id: Result<Oid, _>| id.map(sha).map_err(&failed)).collect()
    }

    /// Skips back from `head` over commits whose diff to their only parent touches nothing but
    /// `ledger`: what is left is the effective head. The message is never asked.
    pub fn effective_head(&self, head: &CommitSha, ledger: &str) -> Result<CommitSha, GitError> {
        let mut current = head.clone();
        loop {
            let info = self.commit(&current)?;
            let [parent] = info.parents.as_slice() else { return Ok(current) };
            if !self.has_commit(parent) || !self.touches_only(parent, &current, ledger)? {
                return Ok(current);
            }
            current = parent.clone();
        }
    }

    /// Tells whether the diff of two commits is not empty and touches only `path`.
    pub fn touches_only(
        &self,
        from: &CommitSha,
        to: &CommitSha,
        path: &str,
    ) -> Result<bool, GitError> {
        let changed = self.changed_paths(&self.commit(from)?.tree, &self.commit(to)?.tree, 2)?;
        Ok(matches!(changed.as_slice(), [only] if only == path.as_bytes()))
    }
}
