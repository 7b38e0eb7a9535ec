//! Rule: on a schedule or a dispatch, and for pull requests, the tested commit has to be what the
//! branch shows; a promotion of something that a rollback has replaced is nobody's wish.

use super::Reason;
use crate::evidence::{Evidence, Occasion};

pub(super) fn holds(evidence: &Evidence) -> Option<Reason> {
    match evidence.occasion {
        Occasion::Scheduled if evidence.tested != evidence.effective_head => {
            Some(Reason::NotTheEffectiveHead { head: evidence.effective_head.clone() })
        }
        Occasion::Scheduled | Occasion::Push | Occasion::ReportOnly => None,
    }
}
