//! Rollbacks of the protected branch: what the state branch notes, and what the branch shows.
//!
//! A rollback is noted as a quarantine and lands as a commit with trailers. Each is read without
//! the other: notes are lifted, the state branch may be missing, and a gate may have been killed
//! between the two.

use jiff::Timestamp;

use crate::adapters::git::{Git, GitError};
use crate::model::CommitSha;
use crate::state::{Quarantine, RollbackNote, State};

/// A rollback of the protected branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainRollback {
    /// The commit that was taken out, with what lies between it and `to`.
    pub failed: CommitSha,
    /// The commit whose tree came back.
    pub to: CommitSha,
    /// Why.
    pub reason: String,
    /// Who, where that was noted.
    pub by: Option<String>,
    /// When.
    pub created: Timestamp,
    /// Whether a person asked for it.
    pub by_hand: bool,
    /// The number of the newest record at that time, where it was noted.
    pub after_record: Option<u64>,
    /// The commits that were taken out, newest first, where they were noted.
    pub range: Vec<CommitSha>,
    /// The commit that restored the tree; `None` where none was found.
    pub commit: Option<CommitSha>,
}

/// Returns the rollbacks of the protected branch, oldest first: those that are noted, and those
/// among the last `limit` first parents of `head` down to, but without, `base`.
pub fn of_main(
    git: &Git,
    state: &State,
    base: Option<&CommitSha>,
    head: Option<&CommitSha>,
    limit: usize,
) -> Result<Vec<MainRollback>, GitError> {
    let mut found: Vec<MainRollback> = noted(state).collect();
    if let Some(head) = head.filter(|head| git.has_commit(head)) {
        let base = base.filter(|base| git.has_commit(base));
        for commit in git.first_parents(base, head, limit)? {
            let Some(shown) = shown(git, &commit)? else { continue };
            // A commit may fail, be brought back and fail again: the note tells the last time.
            let known = found.iter_mut().find(|known| {
                known.failed == shown.failed && known.to == shown.to && known.commit.is_none()
            });
            match known {
                Some(known) => known.commit = shown.commit,
                None => found.push(shown),
            }
        }
    }
    found.sort_by_key(|rollback| rollback.created);
    Ok(found)
}

/// Returns the note of a rollback of stable that `quarantine` is, as the number of its record.
pub fn of_stable(state: &State, quarantine: &Quarantine) -> Option<u64> {
    let note = quarantine.rollback.as_ref()?;
    // Record and quarantine are written in one commit, at one time.
    let own = state.index.iter().find(|entry| {
        entry.number == note.after_record
            && !entry.kind.is_promotion()
            && entry.created == quarantine.created
    })?;
    Some(own.number)
}

fn noted(state: &State) -> impl Iterator<Item = MainRollback> {
    state.quarantines.values().filter_map(|quarantine| {
        let note = quarantine.rollback.as_ref()?;
        of_stable(state, quarantine).is_none().then(|| from_note(quarantine, note))
    })
}

fn from_note(quarantine: &Quarantine, note: &RollbackNote) -> MainRollback {
    MainRollback {
        failed: quarantine.commit.clone(),
        to: note.to.clone(),
        reason: quarantine.reason.clone(),
        by: quarantine.by.clone(),
        created: quarantine.created,
        by_hand: note.by_hand,
        after_record: Some(note.after_record),
        range: note.range.clone(),
        commit: None,
    }
}

/// Reads a commit as a rollback. Anybody can write such a message: it is shown, and decides
/// nothing.
fn shown(git: &Git, commit: &CommitSha) -> Result<Option<MainRollback>, GitError> {
    let info = git.commit(commit)?;
    let trailer = |key| info.trailer(key).and_then(|value| value.parse::<CommitSha>().ok());
    let (Some(failed), Some(to)) =
        (trailer("Tidegate-Rollback-From"), trailer("Tidegate-Rollback-To"))
    else {
        return Ok(None);
    };
    let said = info.message.lines().find_map(|line| line.strip_prefix("Reason: "));
    let suffix = format!(" on commit {}", failed.short());
    let reason = said.map(|said| said.strip_suffix(&suffix).unwrap_or(said)).unwrap_or_default();
    Ok(Some(MainRollback {
        failed,
        to,
        reason: reason.to_owned(),
        by: None,
        created: Timestamp::from_second(info.time).unwrap_or(Timestamp::UNIX_EPOCH),
        by_hand: info.subject().contains("by hand"),
        after_record: None,
        range: Vec::new(),
        commit: Some(commit.clone()),
    }))
}
