//! Moves the branch `stable` (promise 3): a fast-forward where that is possible, else a commit on
//! top of it with the tree of the release. Where the token may not change workflow files, they stay
//! on `stable` as they are, in a commit that says so: no user gets anything from them.

use super::{Applier, ApplyError, TRIES};
use crate::adapters::git::{KeptPath, Pushed, Refusal};
use crate::model::{BranchName, CommitSha, TreeSha};
use crate::observe::stable::{StableMove, keepable, stable_move};
use crate::plan::stable_message;
use crate::state::Record;

/// The tree of a commit on `stable`.
struct StableTree {
    tree: TreeSha,
    /// The paths in which it differs from that of the release.
    kept: Vec<String>,
}

impl Applier<'_> {
    /// Returns whether anything was written.
    pub(super) fn move_stable(&self, branch: &BranchName, record: &Record) -> anyhow::Result<bool> {
        let (commit, tree, release) = (&record.commit, &record.tree, record.code_release());
        let mut keep_workflows = false;
        for _ in 0..TRIES {
            let refs = self.git.fetch(&[branch, &record.branch])?;
            let stable = refs.branch(branch);
            let needed = stable_move(self.git, stable, commit, tree, release)?;
            let parents = match (&needed, stable) {
                (StableMove::Nothing, _) => return Ok(false),
                (StableMove::Commit(parents), _) => parents.clone(),
                (StableMove::FastForward, Some(stable)) => vec![stable.clone(), commit.clone()],
                (StableMove::FastForward, None) => vec![commit.clone()],
            };
            let own = if keep_workflows {
                // A new branch gets those that a branch has already.
                self.with_workflows_of(tree, stable.or(refs.branch(&record.branch)))?
            } else {
                StableTree { tree: tree.clone(), kept: Vec::new() }
            };
            let target = if needed == StableMove::FastForward && !keep_workflows {
                commit.clone()
            } else {
                let parents: Vec<&CommitSha> = parents.iter().collect();
                let message = stable_message(commit, release, &own.kept);
                self.git.write_commit(&own.tree, &parents, &message, self.signer())?
            };
            match self.git.push(branch, stable, &target)? {
                Pushed::Done => return Ok(true),
                Pushed::Moved { .. } => {}
                Pushed::Refused { reason }
                    if Refusal::of(&reason) == Refusal::Workflows && !keep_workflows =>
                {
                    keep_workflows = true;
                }
                Pushed::Refused { reason } => {
                    return Err(ApplyError::Refused { branch: branch.to_string(), reason }.into());
                }
            }
        }
        Err(ApplyError::LostRace { what: format!("branch {branch}") }.into())
    }

    /// Builds the tree of a release with the workflow files of another commit.
    fn with_workflows_of(
        &self,
        tree: &TreeSha,
        other: Option<&CommitSha>,
    ) -> anyhow::Result<StableTree> {
        let Some(other) = other else {
            return Ok(StableTree { tree: tree.clone(), kept: Vec::new() });
        };
        let other = self.git.commit(other)?.tree;
        let kept = keepable(self.git, tree, &other)?;
        let names = kept.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        let kept: Vec<KeptPath> = kept.into_iter().map(KeptPath::FromHead).collect();
        Ok(StableTree { tree: self.git.tree_with_kept(tree, &other, &kept)?, kept: names })
    }
}
