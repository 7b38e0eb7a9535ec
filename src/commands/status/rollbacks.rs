//! The rollbacks that no promotion has followed yet.

use jiff::Timestamp;
use serde::Serialize;

use super::{Named, named};
use crate::commands::session::Session;
use crate::model::CommitSha;
use crate::observe::rollbacks::{self, MainRollback};
use crate::state::{Lifted, Record, RecordKind, State};

/// So many commits of the branch are looked at for rollbacks.
const LOOKED_AT: usize = 200;

/// What went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    /// The protected branch: what users see did not change.
    Main,
    /// What users see.
    Stable,
}

/// A rollback.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Rollback {
    /// What went back.
    pub(super) what: What,
    /// What was taken out.
    pub(super) failed: Option<Named>,
    /// What came back.
    pub(super) to: Named,
    /// The release that came back, for a rollback of stable.
    pub(super) to_release: Option<u64>,
    /// Why.
    pub(super) reason: String,
    /// Who.
    pub(super) by: Option<String>,
    /// Whether a person asked for it.
    pub(super) by_hand: bool,
    /// When.
    pub(super) created: Timestamp,
    /// The commit that restored the tree, on the protected branch.
    pub(super) commit: Option<CommitSha>,
    /// The pull request that it waits in, or waited in.
    pub(super) pull_request: Option<u64>,
    /// Whether the head of the protected branch is that commit, ledger entries left out.
    pub(super) is_head: bool,
    /// Whether what is live was among what was taken out: then users are affected.
    pub(super) live_was_taken_out: bool,
    /// Who lifted the quarantine of what was taken out, where a person did.
    pub(super) lifted: Option<Lifted>,
}

/// Returns them newest first.
pub(super) fn find(
    session: &Session,
    state: &State,
    head: Option<&CommitSha>,
) -> anyhow::Result<Vec<Rollback>> {
    let git = &session.git;
    let promoted = state.last_promoted();
    let since = promoted.map_or(0, |entry| entry.number);
    let base = promoted.map(|entry| &entry.commit);
    let effective = head
        .filter(|head| git.has_commit(head))
        .map(|head| git.effective_head(head, &session.config.ledger.path))
        .transpose()?;
    let mut found: Vec<Rollback> = rollbacks::of_main(git, state, base, head, LOOKED_AT)?
        .into_iter()
        .filter(|rollback| rollback.after_record.is_none_or(|after| after >= since))
        // What never came, and was lifted or is over, is nobody's business any more.
        .filter(|rollback| {
            rollback.commit.is_some() || state.quarantine(&rollback.failed, session.now).is_some()
        })
        .map(|rollback| of_main(session, state, rollback, effective.as_ref()))
        .collect();
    if let Some(record) = state.newest() {
        match record.kind {
            RecordKind::Rollback { restores } => {
                found.push(of_stable(session, state, record, restores));
            }
            RecordKind::Promotion | RecordKind::Data { .. } => {}
        }
    }
    found.sort_by_key(|rollback| std::cmp::Reverse(rollback.created));
    Ok(found)
}

fn of_main(
    session: &Session,
    state: &State,
    rollback: MainRollback,
    effective: Option<&CommitSha>,
) -> Rollback {
    let live = state.newest().map(|record| &record.commit);
    let quarantine = state.quarantines.get(&rollback.failed);
    let out = |commit: &CommitSha| *commit == rollback.failed || rollback.range.contains(commit);
    Rollback {
        what: What::Main,
        failed: Some(named(session, &rollback.failed)),
        to: named(session, &rollback.to),
        to_release: None,
        reason: rollback.reason.clone(),
        by: rollback.by.clone(),
        by_hand: rollback.by_hand,
        // The commit says it to the second when there is no note.
        created: rollback.created,
        is_head: rollback.commit.is_some() && rollback.commit.as_ref() == effective,
        live_was_taken_out: live.is_some_and(out),
        pull_request: rollback.pull_request,
        lifted: quarantine.and_then(|own| own.lifted.clone()),
        commit: rollback.commit,
    }
}

fn of_stable(session: &Session, state: &State, record: &Record, restores: u64) -> Rollback {
    let left = state
        .quarantines
        .values()
        .find(|own| rollbacks::of_stable(state, own) == Some(record.number));
    Rollback {
        what: What::Stable,
        failed: left.map(|own| named(session, &own.commit)),
        to: named(session, &record.commit),
        to_release: Some(restores),
        reason: record.reason.clone().unwrap_or_default(),
        by: record.by.clone(),
        by_hand: left.and_then(|own| own.rollback.as_ref()).is_none_or(|note| note.by_hand),
        created: record.created,
        commit: None,
        pull_request: None,
        is_head: false,
        live_was_taken_out: false,
        lifted: left.and_then(|own| own.lifted.clone()),
    }
}
