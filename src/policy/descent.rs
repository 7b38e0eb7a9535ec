//! Promise 2: never older over newer. Only a strict descendant of what was promoted last, on the
//! protected branch, is promoted automatically.

use super::Reason;
use crate::evidence::{Descent, Evidence, Occasion};

pub(super) fn holds(evidence: &Evidence) -> Vec<Reason> {
    let Some(release) = &evidence.release else { return Vec::new() };
    let mut reasons = Vec::new();
    // A pull request is not on the branch yet; everybody knows.
    if !release.on_branch && evidence.occasion != Occasion::ReportOnly {
        reasons.push(Reason::NotOnBranch);
    }
    let unrelated = match release.descent {
        Descent::Unrelated => true,
        // Older and same are superseded before this rule is asked.
        Descent::First | Descent::Newer | Descent::Older | Descent::Same => false,
    };
    if let (true, Some(last)) = (unrelated, evidence.state.last_promoted()) {
        reasons.push(Reason::NotADescendant { released: last.commit.clone() });
    }
    reasons
}
