//! Rule: a hold, a freeze or a quarantine stops promotions. None of them stops a rollback.

use jiff::Timestamp;

use super::Reason;
use crate::evidence::freeze::OpenWindow;
use crate::evidence::{Evidence, ImageEvidence};
use crate::model::CommitSha;
use crate::state::State;

pub(super) fn holds(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = holds_and_freezes(&evidence.state, &evidence.freezes, evidence.now);
    let images = evidence.release.as_ref().map_or(&[][..], |release| &release.images);
    reasons.extend(quarantines(&evidence.state, &evidence.tested, images, evidence.now));
    reasons
}

/// Returns what a person, or the calendar, has stopped.
pub(super) fn holds_and_freezes(
    state: &State,
    freezes: &[OpenWindow],
    now: Timestamp,
) -> Vec<Reason> {
    let holds = state.holds_at(now).map(|hold| Reason::OnHold {
        id: hold.id.clone(),
        why: hold.reason.clone(),
        until: hold.expires,
    });
    let freezes = freezes
        .iter()
        .map(|window| Reason::Frozen { why: window.reason.clone(), until: window.until });
    holds.chain(freezes).collect()
}

/// Returns what forbids a commit and its digests to come back.
pub(super) fn quarantines(
    state: &State,
    commit: &CommitSha,
    images: &[ImageEvidence],
    now: Timestamp,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(quarantine) = state.quarantine(commit, now) {
        reasons.push(Reason::CommitQuarantined { why: quarantine.reason.clone() });
    } else if let Some(quarantine) = state.kept_out_by(commit) {
        reasons.push(Reason::InRolledBackRange { failed: quarantine.commit.clone() });
    }
    for digest in images.iter().filter_map(|image| image.digest.as_ref()) {
        if let Some(why) = state.quarantine_of_digest(digest, now) {
            let (digest, why) = (digest.clone(), why.to_owned());
            reasons.push(Reason::DigestQuarantined { digest, why });
        }
    }
    reasons
}
