//! What stops a promotion by hand. The tests are the person's business; these are not.

use jiff::Timestamp;

use super::Reason;
use crate::evidence::freeze::OpenWindow;
use crate::evidence::{Descent, ReleaseEvidence};
use crate::model::CommitSha;
use crate::state::State;

/// What is known of a promotion by hand.
#[derive(Debug, Clone, Copy)]
pub struct ByHand<'a> {
    /// The commit.
    pub commit: &'a CommitSha,
    /// What was found of it.
    pub release: &'a ReleaseEvidence,
    /// What the state branch holds.
    pub state: &'a State,
    /// Freeze windows that are open.
    pub freezes: &'a [OpenWindow],
    /// Now.
    pub now: Timestamp,
    /// Whether `--override` gave a reason: it waives quarantine, and descent for a commit that was
    /// released before.
    pub overridden: bool,
}

/// Returns what stops the promotion.
pub fn by_hand(asked: &ByHand<'_>) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = super::images::unfit_images(asked.release, asked.commit);
    reasons.extend(super::rollback_limit::holds(&asked.release.declared_limit));
    if !asked.release.on_branch {
        reasons.push(Reason::NotOnBranch);
    }
    reasons.extend(super::stops::holds_and_freezes(asked.state, asked.freezes, asked.now));
    if !asked.overridden {
        let images = &asked.release.images;
        reasons.extend(super::stops::quarantines(asked.state, asked.commit, images, asked.now));
    }
    let released = asked.state.promotion_of(asked.commit);
    let last = asked.state.last_promoted();
    match (asked.release.descent, last, released) {
        (Descent::First | Descent::Newer, _, _) | (_, None, _) => {}
        (_, _, Some(own)) if !asked.overridden => {
            reasons.push(Reason::AlreadyReleased { release: own.number });
        }
        (_, _, Some(_)) => {}
        (Descent::Older, Some(last), None) => {
            reasons.push(Reason::NewerReleased { released: last.commit.clone() });
        }
        (Descent::Same | Descent::Unrelated, Some(last), None) => {
            reasons.push(Reason::NotADescendant { released: last.commit.clone() });
        }
    }
    reasons
}

/// Says what a person can do about the first stop.
pub fn by_hand_hint(stops: &[Reason]) -> String {
    let waivable = stops.iter().any(|stop| {
        matches!(
            stop,
            Reason::CommitQuarantined { .. }
                | Reason::DigestQuarantined { .. }
                | Reason::InRolledBackRange { .. }
                | Reason::AlreadyReleased { .. }
        )
    });
    if stops.iter().any(|stop| matches!(stop, Reason::OnHold { .. })) {
        "`tidegate resume` ends the hold".to_owned()
    } else if waivable {
        "`--override \"why\"` promotes it all the same, and is recorded".to_owned()
    } else {
        "nothing was changed; mend it, or choose another candidate".to_owned()
    }
}
