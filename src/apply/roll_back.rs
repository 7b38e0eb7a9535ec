//! Pushes one commit that restores the good tree (promise 3), with the kept paths of promise 4; a
//! protected branch gets it as a pull request.

use super::pull_request::Proposed;
use super::{Applier, ApplyError, TRIES};
use crate::actions::skip_markers::has_skip_marker;
use crate::adapters::git::{GitError, KeptPath, Pushed, Refusal};
use crate::model::{CommitSha, TreeSha};
use crate::observe::kept;
use crate::plan::{RollbackMessage, RollbackStep};

/// More commits than this at once are no entries of ledgers.
const MAX_SINCE: usize = 100;

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

/// How a rollback of the branch ended.
pub(super) enum MainRollback {
    /// The branch shows the good tree.
    Done(RolledBack),
    /// A pull request has it.
    Proposed(Proposed),
    /// The branch has moved to something that has to be judged first.
    Moved,
}

/// The tree of a rollback.
pub(super) struct Restored {
    /// The tree.
    pub(super) tree: TreeSha,
    /// The paths that differ from the good tree.
    pub(super) kept: Vec<String>,
}

impl Applier<'_> {
    pub(super) async fn roll_back(&self, step: &RollbackStep) -> anyhow::Result<MainRollback> {
        let mut head = step.head.clone();
        for _ in 0..TRIES {
            let Restored { tree, kept } = self.restored_tree(step, &head)?;
            let message = message(step, &kept, true);
            let commit = self.git.write_commit(&tree, &[&head], &message, self.signer())?;
            match self.git.push(&step.branch, Some(&head), &commit)? {
                Pushed::Done => {
                    return Ok(MainRollback::Done(RolledBack {
                        commit,
                        good: step.good.clone(),
                        good_subject: self.commit_subject(&step.good),
                        failed: step.failed.clone(),
                        kept,
                    }));
                }
                Pushed::Moved { now: Some(now) }
                    if self.only_kept_between(step, &head, &now)? =>
                {
                    head = now;
                }
                Pushed::Moved { .. } => return Ok(MainRollback::Moved),
                Pushed::Refused { reason } => match Refusal::of(&reason) {
                    Refusal::Protected => {
                        let proposed = self.propose(step, &head, reason).await?;
                        return Ok(proposed.map_or(MainRollback::Moved, MainRollback::Proposed));
                    }
                    Refusal::Workflows | Refusal::Other => {
                        let branch = step.branch.to_string();
                        return Err(ApplyError::Refused { branch, reason }.into());
                    }
                },
            }
        }
        Err(ApplyError::LostRace { what: format!("branch {}", step.branch) }.into())
    }

    /// Builds the tree for a commit on `head`, and checks it before anybody can see it.
    pub(super) fn restored_tree(
        &self,
        step: &RollbackStep,
        head: &CommitSha,
    ) -> anyhow::Result<Restored> {
        let patterns = kept::compile(&step.keep)?;
        let good_tree = self.git.commit(&step.good)?.tree;
        let head_tree = self.git.commit(head)?.tree;
        let kept = kept::differing(self.git, &good_tree, &head_tree, &step.ledger, &patterns)?;
        let tree = self.git.tree_with_kept(&good_tree, &head_tree, &kept)?;
        self.check_tree(&tree, &good_tree, &step.good, &kept)?;
        let kept =
            kept.iter().map(|kept| String::from_utf8_lossy(kept.path()).into_owned()).collect();
        Ok(Restored { tree, kept })
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

    /// Tells whether nothing came since but entries of the ledger, or what is kept and starts no
    /// run: another release set's ledger.
    fn only_kept_between(
        &self,
        step: &RollbackStep,
        old: &CommitSha,
        new: &CommitSha,
    ) -> anyhow::Result<bool> {
        if !self.git.is_ancestor(old, new)? {
            return Ok(false);
        }
        if self.git.effective_head(new, &step.ledger)?
            == self.git.effective_head(old, &step.ledger)?
        {
            return Ok(true);
        }
        let since = self.git.range(old, new, MAX_SINCE)?;
        for commit in &since {
            if !has_skip_marker(&self.git.commit(commit)?.message) {
                return Ok(false);
            }
        }
        let patterns = kept::compile(&step.keep)?;
        let (old, new) = (self.git.commit(old)?.tree, self.git.commit(new)?.tree);
        Ok(since.len() < MAX_SINCE
            && kept::same_outside(self.git, &old, &new, &step.ledger, &patterns)?)
    }
}

/// Returns the message of the commit of a rollback.
pub(super) fn message(step: &RollbackStep, kept: &[String], skip_ci: bool) -> String {
    RollbackMessage {
        failed: &step.failed,
        good: &step.good,
        reason: &step.reason,
        kept,
        by_hand: step.by_hand,
        with_stable: step.with_stable,
        skip_ci,
    }
    .text()
}
