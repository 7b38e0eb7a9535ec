//! Moves the branch `stable` (promise 3): a fast-forward where that is possible, else a commit on
//! top of it with the tree of the release.

use super::{Applier, ApplyError, TRIES};
use crate::adapters::git::Pushed;
use crate::model::{BranchName, CommitSha, TreeSha};
use crate::observe::stable::{StableMove, stable_move};
use crate::plan::stable_message;

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
