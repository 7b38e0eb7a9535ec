//! Rule: a hold, a freeze or a quarantine stops promotions. None of them stops a rollback.

use super::Reason;
use crate::evidence::Evidence;

pub(super) fn holds(evidence: &Evidence) -> Vec<Reason> {
    let now = evidence.now;
    let mut reasons: Vec<Reason> = evidence
        .state
        .holds_at(now)
        .map(|hold| Reason::OnHold {
            id: hold.id.clone(),
            why: hold.reason.clone(),
            until: hold.expires,
        })
        .collect();
    reasons.extend(
        evidence
            .freezes
            .iter()
            .map(|window| Reason::Frozen { why: window.reason.clone(), until: window.until }),
    );
    reasons.extend(quarantines(evidence));
    reasons
}

/// What forbids this commit and its digests to come back.
fn quarantines(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(quarantine) = evidence.state.quarantine(&evidence.tested, evidence.now) {
        reasons.push(Reason::CommitQuarantined { why: quarantine.reason.clone() });
    } else if let Some((quarantine, _)) = evidence.state.rollback_over(&evidence.tested) {
        reasons.push(Reason::InRolledBackRange { failed: quarantine.commit.clone() });
    }
    let digests = evidence.release.iter().flat_map(|release| &release.images);
    for digest in digests.filter_map(|image| image.digest.as_ref()) {
        if let Some(quarantine) = evidence.state.quarantine_of_digest(digest, evidence.now) {
            reasons.push(Reason::DigestQuarantined {
                digest: digest.clone(),
                why: quarantine.reason.clone(),
            });
        }
    }
    reasons
}
