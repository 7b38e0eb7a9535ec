//! Pushes one commit that restores the good tree (promise 3), with the kept paths of promise 4.

use super::{Applier, ApplyError, TRIES};
use crate::adapters::git::{GitError, KeptPath, Pushed};
use crate::model::{CommitSha, TreeSha};
use crate::observe::kept;
use crate::plan::{RollbackMessage, RollbackStep};

/// A rollback of main that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolledBack {
    /// The new commit.
    pub commit: CommitSha,
    /// The commit whose tree came back.
    pub good: CommitSha,
    /// The subject of that commit.
    pub good_subject: String,
    /// The commit that failed.
    pub failed: CommitSha,
    /// Paths that differ from the good tree.
    pub kept: Vec<String>,
}

impl Applier<'_> {
    /// Returns `None` where the branch has moved to something that has to be judged first.
    pub(super) fn roll_back(&self, step: &RollbackStep) -> anyhow::Result<Option<RolledBack>> {
        let mut head = step.head.clone();
        for _ in 0..TRIES {
            let (commit, kept) = self.rollback_commit(step, &head)?;
            match self.git.push(&step.branch, Some(&head), &commit)? {
                Pushed::Done => {
                    return Ok(Some(RolledBack {
                        commit,
                        good: step.good.clone(),
                        good_subject: self.commit_subject(&step.good),
                        failed: step.failed.clone(),
                        kept,
                    }));
                }
                Pushed::Moved { now: Some(now) }
                    if self.only_ledger_between(step, &head, &now)? =>
                {
                    head = now;
                }
                Pushed::Moved { .. } => return Ok(None),
                Pushed::Refused { reason } => {
                    let branch = step.branch.to_string();
                    return Err(ApplyError::Refused { branch, reason }.into());
                }
            }
        }
        Err(ApplyError::LostRace { what: format!("branch {}", step.branch) }.into())
    }

    /// Builds the commit on `head`, and checks its tree before anybody can see it.
    fn rollback_commit(
        &self,
        step: &RollbackStep,
        head: &CommitSha,
    ) -> anyhow::Result<(CommitSha, Vec<String>)> {
        let patterns = kept::compile(&step.keep)?;
        let good_tree = self.git.commit(&step.good)?.tree;
        let head_tree = self.git.commit(head)?.tree;
        let kept = kept::differing(self.git, &good_tree, &head_tree, &step.ledger, &patterns)?;
        let tree = self.git.tree_with_kept(&good_tree, &head_tree, &kept)?;
        self.check_tree(&tree, &good_tree, &step.good, &kept)?;
        let names: Vec<String> =
            kept.iter().map(|kept| String::from_utf8_lossy(kept.path()).into_owned()).collect();
        let message = RollbackMessage {
            failed: &step.failed,
            good: &step.good,
            reason: &step.reason,
            kept: &names,
            by_hand: step.by_hand,
            with_stable: step.with_stable,
        };
        let commit = self.git.write_commit(&tree, &[head], &message.text(), self.signer())?;
        Ok((commit, names))
    }

    /// Compares the new tree with the good one: only kept paths may differ.
    fn check_tree(
        &self,
        tree: &TreeSha,
        good_tree: &TreeSha,
        good: &CommitSha,
        kept: &[KeptPath],
    ) -> Result<(), GitError> {
        let differing = self.git.changed_paths(good_tree, tree, kept.len() + 1)?;
        match differing.iter().find(|path| kept.iter().all(|kept| kept.path() != path.as_slice())) {
            None => Ok(()),
            Some(path) => Err(GitError::TreeMismatch {
                expected: good.clone(),
                path: String::from_utf8_lossy(path).into_owned(),
            }),
        }
    }

    /// Tells whether only ledger entries were added since.
    fn only_ledger_between(
        &self,
        step: &RollbackStep,
        old: &CommitSha,
        new: &CommitSha,
    ) -> Result<bool, GitError> {
        Ok(self.git.is_ancestor(old, new)?
            && self.git.effective_head(new, &step.ledger)?
                == self.git.effective_head(old, &step.ledger)?)
    }
}
