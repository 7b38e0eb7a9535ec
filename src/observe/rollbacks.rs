//! Rollbacks of the protected branch: what the state branch notes, and what the branch shows.
//!
//! A rollback is noted as a quarantine and lands as a commit with trailers. Each is read without
//! the other: notes are lifted, the state branch may be missing, and a gate may have been killed
//! between the two.

use globset::{Candidate, GlobSet};
use jiff::Timestamp;

use crate::actions::skip_markers::neutralise_skip_markers;
use crate::adapters::git::{CommitInfo, Git, GitError};
use crate::config::{CONFIG_PATH, Config};
use crate::model::CommitSha;
use crate::observe::kept;
use crate::state::{Quarantine, RollbackNote, State, ToldRollback};

/// More paths than this between two trees are not a rollback that anybody wants to read.
const MAX_CHANGED: usize = 1_000_000;

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
    /// The pull request that it waits in, or waited in, where that was noted.
    pub pull_request: Option<u64>,
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
            let Some((shown, agrees)) = shown(git, &commit)? else { continue };
            // A commit may fail, be brought back and fail again: the note tells the last time.
            let known = found.iter_mut().find(|known| {
                known.failed == shown.failed && known.to == shown.to && known.commit.is_none()
            });
            match (known, agrees) {
                (_, Some(false)) | (None, None) => {}
                // What a note tells of needs no more proof than a shallow clone can give.
                (Some(known), Some(true) | None) => known.commit = shown.commit,
                (None, Some(true)) => found.push(shown),
            }
        }
        for rollback in &mut found {
            if rollback.commit.is_none() && rollback.pull_request.is_some() {
                rollback.commit = merged(git, &rollback.failed, &rollback.to, head, limit)?;
            }
        }
    }
    found.sort_by_key(|rollback| rollback.created);
    Ok(found)
}

/// Returns the note of a rollback of stable that `quarantine` is, as the number of its record.
pub fn of_stable(state: &State, quarantine: &Quarantine) -> Option<u64> {
    let (note, told) = (quarantine.rollback.as_ref()?, quarantine.told_rollback()?);
    // Record and quarantine are written in one commit, at one time.
    let own = state.index.iter().find(|entry| {
        entry.number == note.after_record
            && entry.kind.is_rollback()
            && entry.created == told.created
    })?;
    Some(own.number)
}

fn noted(state: &State) -> impl Iterator<Item = MainRollback> {
    state.quarantines.values().filter_map(|quarantine| {
        let (note, told) = (quarantine.rollback.as_ref()?, quarantine.told_rollback()?);
        of_stable(state, quarantine).is_none().then(|| from_note(quarantine, note, told))
    })
}

fn from_note(quarantine: &Quarantine, note: &RollbackNote, told: ToldRollback) -> MainRollback {
    MainRollback {
        failed: quarantine.commit.clone(),
        to: note.to.clone(),
        reason: told.reason,
        by: told.by,
        created: told.created,
        by_hand: note.by_hand,
        after_record: Some(note.after_record),
        range: note.range.clone(),
        commit: None,
        pull_request: note.pull_request,
    }
}

/// What a commit tells of itself as a rollback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The commit that was taken out.
    pub failed: CommitSha,
    /// The commit whose tree came back.
    pub to: CommitSha,
    /// Whether history agrees; `None` where this clone has too little of it.
    pub agrees: Option<bool>,
}

/// Finds the commit above `failed` that has the tree of `to`, outside the kept paths, whatever its
/// message says: the merge of the pull request of a rollback may say anything. `None` also where
/// this clone has too little history.
///
/// # Errors
/// Those of reading commits and trees that are here.
pub fn merged(
    git: &Git,
    failed: &CommitSha,
    to: &CommitSha,
    head: &CommitSha,
    limit: usize,
) -> Result<Option<CommitSha>, GitError> {
    let find = || -> Result<Option<CommitSha>, GitError> {
        if !git.has_commit(to) || !git.is_ancestor(failed, head)? {
            return Ok(None);
        }
        let (ledger, patterns) = kept_at(git, to)?;
        let good = git.commit(to)?.tree;
        for commit in git.first_parents(Some(failed), head, limit)?.iter().rev() {
            let changed = git.changed_paths(&good, &git.commit(commit)?.tree, MAX_CHANGED)?;
            let is_kept = |path: &Vec<u8>| {
                path == ledger.as_bytes()
                    || patterns.is_match_candidate(&Candidate::from_bytes(path))
            };
            if changed.iter().all(is_kept) {
                return Ok(Some(commit.clone()));
            }
        }
        Ok(None)
    };
    match find() {
        Err(GitError::Shallow { .. } | GitError::Missing { .. }) => Ok(None),
        found => found,
    }
}

/// Reads the trailers of a rollback; those of a merge commit without any are those of the commit
/// that it merges, which is how GitHub merges a pull request. Anybody can write them, so history is
/// asked whether they can be true: both commits lie below, and the tree is that of the one that
/// came back, outside the kept paths.
///
/// # Errors
/// Those of reading commits and trees that are here.
pub fn told(git: &Git, info: &CommitInfo) -> Result<Option<Told>, GitError> {
    if let Some(own) = told_by(git, info, info)? {
        return Ok(Some(own));
    }
    let [_, merged] = info.parents.as_slice() else { return Ok(None) };
    if !git.has_commit(merged) {
        return Ok(None);
    }
    // What was merged on top of a rollback is no rollback for that.
    Ok(told_by(git, info, &git.commit(merged)?)?.filter(|told| told.agrees != Some(false)))
}

/// Reads the trailers of `says`, and holds them against `info`.
fn told_by(git: &Git, info: &CommitInfo, says: &CommitInfo) -> Result<Option<Told>, GitError> {
    let trailer = |key| says.trailer(key).and_then(|value| value.parse::<CommitSha>().ok());
    let (Some(failed), Some(to)) =
        (trailer("Tidegate-Rollback-From"), trailer("Tidegate-Rollback-To"))
    else {
        return Ok(None);
    };
    let agrees = match agrees(git, info, says, &failed, &to) {
        Ok(agrees) => Some(agrees),
        Err(GitError::Shallow { .. } | GitError::Missing { .. }) => None,
        Err(error) => return Err(error),
    };
    Ok(Some(Told { failed, to, agrees }))
}

fn agrees(
    git: &Git,
    info: &CommitInfo,
    says: &CommitInfo,
    failed: &CommitSha,
    to: &CommitSha,
) -> Result<bool, GitError> {
    let Some(parent) = info.parents.first() else { return Ok(false) };
    for commit in [failed, to] {
        // Asked first: what is not here at all may be below where history is cut off.
        if !git.has_commit(commit) && !git.is_shallow() {
            return Ok(false);
        }
        let below = git.is_ancestor(commit, parent)?;
        let other = info.parents.get(1);
        if !below && !other.map_or(Ok(false), |other| git.is_ancestor(commit, other))? {
            return Ok(false);
        }
    }
    let named = says.trailer("Tidegate-Kept").map(|named| format!(", {named}, "));
    let named = named.unwrap_or_default();
    let is_named = |path: &[u8]| {
        let path = neutralise_skip_markers(&String::from_utf8_lossy(path));
        named.contains(&format!(", {path}, "))
    };
    let mut changed = git.changed_paths(&git.commit(to)?.tree, &info.tree, MAX_CHANGED)?;
    changed.retain(|path| !is_named(path));
    if changed.is_empty() {
        return Ok(true);
    }
    // A message names fifty paths at most. The others are those that the configuration keeps.
    let (ledger, patterns) = kept_at(git, to)?;
    let is_kept = |path: &Vec<u8>| {
        path == ledger.as_bytes() || patterns.is_match_candidate(&Candidate::from_bytes(path))
    };
    Ok(changed.iter().all(is_kept))
}

/// Returns the path of the ledger and the kept paths by the configuration of a commit.
fn kept_at(git: &Git, commit: &CommitSha) -> Result<(String, GlobSet), GitError> {
    let bytes = git.file_here(commit, CONFIG_PATH)?;
    let config = bytes.and_then(|bytes| Config::parse(&bytes, CONFIG_PATH).ok());
    let config = config.unwrap_or_default();
    // It may have run in Actions.
    let patterns = kept::compile(&kept::patterns(&config, true)).unwrap_or_default();
    Ok((config.ledger.path, patterns))
}

/// Reads a commit as a rollback, with whether history agrees. It is shown, and decides nothing.
fn shown(git: &Git, commit: &CommitSha) -> Result<Option<(MainRollback, Option<bool>)>, GitError> {
    let info = git.commit(commit)?;
    let Some(Told { failed, to, agrees }) = told(git, &info)? else { return Ok(None) };
    let said = info.message.lines().find_map(|line| line.strip_prefix("Reason: "));
    let suffix = format!(" on commit {}", failed.short());
    let reason = said.map(|said| said.strip_suffix(&suffix).unwrap_or(said)).unwrap_or_default();
    let shown = MainRollback {
        failed,
        to,
        reason: reason.to_owned(),
        by: None,
        created: Timestamp::from_second(info.time).unwrap_or(Timestamp::UNIX_EPOCH),
        by_hand: info.subject().contains("by hand"),
        after_record: None,
        range: Vec::new(),
        commit: Some(commit.clone()),
        pull_request: None,
    };
    Ok(Some((shown, agrees)))
}
