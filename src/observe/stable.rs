//! What the branch `stable` shows (promise 3), and what it needs to show a release.

use crate::adapters::git::{Git, GitError};
use crate::model::{CommitSha, TreeSha};

/// Where GitHub keeps workflows.
const WORKFLOWS: &[u8] = b".github/workflows/";

/// More paths than this between two trees are not looked at.
const MAX_CHANGED: usize = 1_000_000;

/// What the branch needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StableMove {
    /// It shows the release.
    Nothing,
    /// It can be moved to the commit itself.
    FastForward,
    /// It needs a commit with these parents.
    Commit(Vec<CommitSha>),
}

/// Tells whether `stable` shows a release: it is at its commit, or at a commit with its tree that
/// names it, workflow files left out where the commit says that it keeps them. That the tree is the
/// same is not enough: refs can move away and back, so the commit has to say which release it is.
/// Asks nothing about ancestry, so a shallow clone can answer.
pub fn shows_release(
    git: &Git,
    stable: &CommitSha,
    commit: &CommitSha,
    tree: &TreeSha,
    release: u64,
) -> Result<bool, GitError> {
    if stable == commit {
        return Ok(true);
    }
    let head = git.commit(stable)?;
    let says = head.trailer("Tidegate-Release").and_then(|n| n.parse::<u64>().ok());
    if says != Some(release) {
        return Ok(false);
    }
    Ok(head.tree == *tree
        || (head.trailer("Tidegate-Kept").is_some()
            && git.changed_paths(tree, &head.tree, MAX_CHANGED)?.iter().all(is_workflow)))
}

/// Lists the workflow files in which two trees differ: where the token may not change them,
/// `stable` keeps its own.
pub fn keepable(git: &Git, one: &TreeSha, other: &TreeSha) -> Result<Vec<Vec<u8>>, GitError> {
    let mut changed = git.changed_paths(one, other, MAX_CHANGED)?;
    changed.retain(is_workflow);
    Ok(changed)
}

#[expect(clippy::ptr_arg, reason = "lists of paths hold vectors")]
fn is_workflow(path: &Vec<u8>) -> bool {
    path.starts_with(WORKFLOWS)
}

/// Asks what `stable` needs to show a release.
///
/// # Errors
/// Besides those of reading: the clone is shallow, so that nothing can be said about ancestry.
pub fn stable_move(
    git: &Git,
    stable: Option<&CommitSha>,
    commit: &CommitSha,
    tree: &TreeSha,
    release: u64,
) -> Result<StableMove, GitError> {
    let Some(stable) = stable else { return Ok(StableMove::FastForward) };
    if shows_release(git, stable, commit, tree, release)? {
        return Ok(StableMove::Nothing);
    }
    if git.is_ancestor(stable, commit)? {
        return Ok(StableMove::FastForward);
    }
    let mut parents = vec![stable.clone()];
    if !git.is_ancestor(commit, stable)? {
        parents.push(commit.clone());
    }
    Ok(StableMove::Commit(parents))
}
