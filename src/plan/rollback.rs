//! The steps of rollbacks: of main, and of stable.

use jiff::Timestamp;

use super::{PlanError, RollbackStep, Step, places, projections};
use crate::config::Config;
use crate::model::{CommitSha, Digest, RunIdentity};
use crate::state::{
    FORMAT, Hold, Outcome, Quarantine, Record, RecordKind, RollbackNote, State, StateChange,
    StoredVerdict,
};

/// A rollback of main.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainRollback {
    /// The observed head.
    pub head: CommitSha,
    /// The commit that failed, or that a person wants to leave.
    pub failed: CommitSha,
    /// The commit whose tree comes back.
    pub good: CommitSha,
    /// The commits `good..head`, newest first.
    pub range: Vec<CommitSha>,
    /// Patterns of kept paths besides the ledger.
    pub keep: Vec<String>,
    /// Why.
    pub reason: String,
    /// The run.
    pub run: RunIdentity,
    /// When.
    pub now: Timestamp,
    /// Who.
    pub by: Option<String>,
    /// Whether a person asked for it.
    pub by_hand: bool,
    /// Whether what users see goes back as well.
    pub with_stable: bool,
}

/// At most so many commits of a range are noted.
const MAX_RANGE: usize = 500;

/// Plans a rollback of main: the quarantine, then one commit with the good tree.
pub fn main_rollback(rollback: MainRollback, state: &State, config: &Config) -> Vec<Step> {
    let mut range = rollback.range;
    range.truncate(MAX_RANGE);
    let known = state.quarantines.get(&rollback.failed).and_then(|q| q.rollback.as_ref());
    let note = RollbackNote {
        to: rollback.good.clone(),
        range,
        after_record: state.newest_number(),
        by_hand: rollback.by_hand,
        // There is one pull request for a failed commit, however often it is asked for.
        pull_request: known.and_then(|known| known.pull_request),
        told: None,
    };
    let noted = state.quarantine(&rollback.failed, rollback.now).and_then(|q| q.rollback.as_ref());
    let mut steps = Vec::new();
    // A gate that was killed after the quarantine left it behind.
    if noted != Some(&note) {
        let quarantine = Quarantine {
            version: FORMAT,
            commit: rollback.failed.clone(),
            digests: state.released_digests(&rollback.failed),
            reason: rollback.reason.clone(),
            by: rollback.by,
            created: rollback.now,
            expires: None,
            lifted: None,
            rollback: Some(note),
        };
        let verdict = (!rollback.by_hand).then(|| StoredVerdict {
            version: FORMAT,
            commit: rollback.failed.clone(),
            outcome: Outcome::Failed,
            reasons: vec![rollback.reason.clone()],
            run: rollback.run,
            created: rollback.now,
        });
        let change = StateChange {
            quarantine: Some(state.united(quarantine)),
            verdict,
            ..StateChange::default()
        };
        steps.push(Step::WriteState { change });
    }
    steps.push(Step::RollBack(RollbackStep {
        branch: config.branch.clone(),
        head: rollback.head,
        failed: rollback.failed,
        good: rollback.good,
        ledger: config.ledger.path.clone(),
        keep: rollback.keep,
        reason: rollback.reason,
        by_hand: rollback.by_hand,
        with_stable: rollback.with_stable,
    }));
    steps
}

/// A rollback of stable to an earlier release.
#[derive(Debug, Clone, PartialEq)]
pub struct StableRollback {
    /// The record that comes back.
    pub target: Record,
    /// The commits of the releases that are left, newest first.
    pub range: Vec<CommitSha>,
    /// The digests of the release that is left.
    pub digests: Vec<Digest>,
    /// The commit that is left.
    pub failed: CommitSha,
    /// Why.
    pub reason: String,
    /// The run.
    pub run: RunIdentity,
    /// Where to look at it.
    pub run_url: Option<String>,
    /// When.
    pub now: Timestamp,
    /// Who.
    pub by: Option<String>,
    /// Whether a person asked for it.
    pub by_hand: bool,
    /// Whether promotions stop until `resume`.
    pub hold: bool,
    /// Whether a person goes back to a release that has no data version although the live one has:
    /// users keep the data that they have.
    pub keep_data: bool,
}

/// Plans a rollback of stable: all parts are checked, then record and quarantine in one commit,
/// then the projections.
pub fn stable_rollback(
    rollback: StableRollback,
    state: &State,
    config: &Config,
) -> Result<Vec<Step>, PlanError> {
    let number = state.newest_number() + 1;
    let mut target = rollback.target;
    let mut digests = rollback.digests;
    let mut places = places(config)?;
    if let Some(live) = state.newest() {
        let lacking = live
            .images
            .iter()
            .filter(|left| target.images.iter().all(|own| own.image != left.image));
        let images: Vec<String> = lacking.map(|left| left.image.to_string()).collect();
        if !images.is_empty() {
            let (target, live) = (target.number, live.number);
            return Err(PlanError::NotInTarget { target, live, images });
        }
        match (&live.data, &target.data) {
            (Some(_), None) if !rollback.keep_data => {
                let (target, live) = (target.number, live.number);
                return Err(PlanError::NoDataInTarget { target, live });
            }
            (Some(kept), None) => target.data = Some(kept.clone()),
            // What is left may be what was wrong.
            (Some(left), Some(own)) if left.version.version != own.version.version => {
                digests.extend(left.version.digest());
            }
            (Some(_), Some(_)) | (None, _) => {}
        }
        // Tags that only one of the two releases follows must not stay behind.
        for tag in live.places.tags.iter().chain(&target.places.tags) {
            if !places.tags.contains(tag) {
                places.tags.push(tag.clone());
            }
        }
        places.stable_branch.clone_from(&live.places.stable_branch);
    }
    // What users have already need not be looked for.
    let live = state.newest().and_then(|live| live.data.as_ref());
    let moved = target.data.as_ref().filter(|own| Some(*own) != live);
    let mut steps: Vec<Step> = target
        .images
        .iter()
        .map(|own| Step::CheckImage { image: own.image.clone(), digest: own.digest.clone() })
        .chain(moved.map(|data| Step::CheckData { data: data.clone() }))
        .collect();
    let record = Record {
        number,
        kind: RecordKind::Rollback { restores: target.number },
        run: rollback.run,
        run_url: rollback.run_url,
        created: rollback.now,
        by: rollback.by.clone(),
        reason: Some(rollback.reason.clone()),
        override_reason: None,
        places,
        ..target.clone()
    };
    let quarantine = Quarantine {
        version: FORMAT,
        commit: rollback.failed,
        digests: digests
            .into_iter()
            .filter(|digest| target.images.iter().all(|own| own.digest != *digest))
            .collect(),
        reason: rollback.reason.clone(),
        by: rollback.by.clone(),
        created: rollback.now,
        expires: None,
        lifted: None,
        rollback: Some(RollbackNote {
            to: target.commit.clone(),
            range: rollback.range,
            after_record: number,
            by_hand: rollback.by_hand,
            pull_request: None,
            told: None,
        }),
    };
    let hold = rollback.hold.then(|| Hold {
        version: FORMAT,
        id: format!("stable-only-{number}"),
        reason: rollback.reason,
        by: rollback.by,
        created: rollback.now,
        expires: None,
    });
    let after = projections(&record);
    let change = StateChange {
        record: Some(record),
        quarantine: Some(state.united(quarantine)),
        hold,
        ..StateChange::default()
    };
    steps.push(Step::WriteState { change });
    steps.extend(after);
    Ok(steps)
}
