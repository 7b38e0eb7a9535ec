//! How far a rollback may go back (`incompatible_with_rollback_before`).
//!
//! 1. The newest record of a commit that the target contains is where the target's own time ended:
//!    whatever it declared is in the target's history.
//! 2. Every record after it has changed what users see since. Each that declares a commit which the
//!    target does not contain forbids the way back.

use crate::adapters::git::Git;
use crate::adapters::state_branch::{self, Observed};
use crate::config::{CONFIG_PATH, Config};
use crate::evidence::rollback_limit::{DeclaredLimit, RollbackLimit};
use crate::model::CommitSha;

/// Returns who forbids going back to `target`, newest first.
///
/// # Errors
/// Those of git: a history that is cut off has no answer.
pub fn forbidding(
    git: &Git,
    observed: &Observed,
    target: &CommitSha,
) -> anyhow::Result<Vec<RollbackLimit>> {
    let state = &observed.state;
    let mut found = Vec::new();
    for entry in state.index.iter().rev() {
        if contains(git, target, &entry.commit)? {
            break;
        }
        let declared = match (state.records.get(&entry.number), &observed.head) {
            (Some(record), _) => record.incompatible_with_rollback_before.clone(),
            (None, Some(head)) => state_branch::read_record(git, head, entry.number)?
                .and_then(|record| record.incompatible_with_rollback_before),
            (None, None) => None,
        };
        let Some(first) = declared else { continue };
        if !contains(git, target, &first)? {
            let (declared_by, release) = (entry.commit.clone(), Some(entry.number));
            found.push(RollbackLimit { first, declared_by, release });
        }
    }
    Ok(found)
}

/// Returns the limit that a failed commit sets which was never released. It has migrated nothing
/// that users see, unless it has a command that runs there (`live`): an earlier try may have come
/// so far.
///
/// # Errors
/// Those of git.
pub fn of_failed(
    git: &Git,
    config: &Config,
    failed: &CommitSha,
    target: &CommitSha,
) -> anyhow::Result<Option<RollbackLimit>> {
    let live = config.before_promote.iter().any(|command| command.live.is_some());
    let Some(first) = config.incompatible_with_rollback_before.clone().filter(|_| live) else {
        return Ok(None);
    };
    // What its history does not have was never accepted by a gate.
    if !contains(git, failed, &first)? || contains(git, target, &first)? {
        return Ok(None);
    }
    Ok(Some(RollbackLimit { first, declared_by: failed.clone(), release: None }))
}

/// Looks at what a candidate declares: it has to be a commit of its own history, which every later
/// rollback can be held against.
///
/// # Errors
/// Those of git.
pub fn declared(git: &Git, config: &Config, tested: &CommitSha) -> anyhow::Result<DeclaredLimit> {
    let Some(first) = config.incompatible_with_rollback_before.clone() else {
        return Ok(DeclaredLimit::No);
    };
    if contains(git, tested, &first)? {
        return Ok(DeclaredLimit::Known { first });
    }
    let what = if git.has_commit(&first) {
        format!("{} is not in the history of {}", first.short(), tested.short())
    } else {
        format!("this repository has no commit {}", first.short())
    };
    let why = format!(
        "{CONFIG_PATH}: incompatible_with_rollback_before: expected a commit on {}, and {what}; name the commit as {0} has it (a squash or a rebase gives it a new id)",
        config.branch
    );
    Ok(DeclaredLimit::Unfit { first, why })
}

/// Tells whether `commit` is `head` or in its history; a commit that is not here is not.
fn contains(git: &Git, head: &CommitSha, commit: &CommitSha) -> anyhow::Result<bool> {
    Ok(git.has_commit(commit) && git.has_commit(head) && git.is_ancestor(commit, head)?)
}
