//! Moves the branch `stable` (promise 3): a fast-forward where that is possible, else a commit on
//! top of it with the tree of the release.

use super::{Applier, ApplyError, TRIES};
use crate::adapters::git::{Git, Pushed};
use crate::model::{BranchName, CommitSha, TreeSha};
use crate::plan::stable_message;

/// What the branch needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StableMove {
    /// It shows the release.
    Nothing,
    /// It can be moved to the commit itself.
    FastForward,
    /// It needs a commit with these parents.
    Commit(Vec<CommitSha>),
}

/// Asks what `stable` needs to show a release. That its tree is the same already does not count:
/// refs can move away and back, so the commit has to say which release it is.
pub(crate) fn stable_move(
    git: &Git,
    stable: Option<&CommitSha>,
    commit: &CommitSha,
    tree: &TreeSha,
    release: u64,
) -> anyhow::Result<StableMove> {
    let Some(stable) = stable else { return Ok(StableMove::FastForward) };
    if stable == commit {
        return Ok(StableMove::Nothing);
    }
    let head = git.commit(stable)?;
    let says = head.trailer("Tidegate-Release").and_then(|n| n.parse::<u64>().ok());
    if head.tree == *tree && says == Some(release) {
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

impl Applier<'_> {
    /// Returns whether anything was written.
    pub(super) fn move_stable(
        &self,
        branch: &BranchName,
        commit: &CommitSha,
        tree: &TreeSha,
        release: u64,
    ) -> anyhow::Result<bool> {
        for _ in 0..TRIES {
            let refs = self.git.fetch(&[branch])?;
            let stable = refs.branch(branch);
            let target = match stable_move(self.git, stable, commit, tree, release)? {
                StableMove::Nothing => return Ok(false),
                StableMove::FastForward => commit.clone(),
                StableMove::Commit(parents) => {
                    let parents: Vec<&CommitSha> = parents.iter().collect();
                    let message = stable_message(commit, release);
                    self.git.write_commit(tree, &parents, &message, self.signer())?
                }
            };
            match self.git.push(branch, stable, &target)? {
                Pushed::Done => return Ok(true),
                Pushed::Moved { .. } => {}
                Pushed::Refused { reason } => {
                    return Err(ApplyError::Refused { branch: branch.to_string(), reason }.into());
                }
            }
        }
        Err(ApplyError::LostRace { what: format!("branch {branch}") }.into())
    }
}
