//! Rule: a newer commit with a run of its own decides about a rollback; a commit that is released,
//! or older than what is released, has nothing left to do.

use super::Reason;
use crate::evidence::{Descent, Evidence};
use crate::model::CommitSha;
use crate::state::Outcome;

/// A failure below a newer commit with a run of its own: that run decides, unless it has found a
/// failure already, which this gate then carries out.
pub(super) fn by_a_newer_run(evidence: &Evidence) -> Option<Reason> {
    if let Some(by) = rolled_back_already(evidence) {
        return Some(Reason::RolledBackAlready { by: by.clone() });
    }
    let above = evidence.deciding_above()?;
    match above.stored {
        Some(Outcome::Failed) => None,
        Some(Outcome::Passed) | None => {
            Some(Reason::NewerRunDecides { commit: above.commit.clone() })
        }
    }
}

/// The newest rollback above the tested commit that took it out.
fn rolled_back_already(evidence: &Evidence) -> Option<&CommitSha> {
    evidence.above.iter().find_map(|above| {
        let failed = above.rollback_of.as_ref()?;
        let mut over = evidence.state.rollbacks_over(&evidence.tested);
        over.any(|(_, note)| note.range.contains(failed)).then_some(&above.commit)
    })
}

/// A pass of a commit that is released, or is an ancestor of what is.
pub(super) fn by_a_release(evidence: &Evidence) -> Option<Reason> {
    let released = evidence.state.last_promoted()?;
    if let Some(own) = evidence.state.promotion_of(&evidence.tested) {
        return Some(Reason::AlreadyReleased { release: own.number });
    }
    match evidence.release.as_ref()?.descent {
        Descent::Older => Some(Reason::NewerReleased { released: released.commit.clone() }),
        Descent::Same => Some(Reason::AlreadyReleased { release: released.number }),
        Descent::First | Descent::Newer | Descent::Unrelated => None,
    }
}
