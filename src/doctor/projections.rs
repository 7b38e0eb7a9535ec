//! What users see shows the newest record.

use super::{Answer, Checkup, Finding, Severity};

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let seen = &checkup.projections;
    answer.unchecked.extend(seen.unknown.iter().cloned());
    for step in &seen.pending {
        answer.find(Finding::new(
            Severity::Warning,
            "projection-pending",
            format!("not done yet: {step}"),
            "users may still see the release before; every later run tries it again",
            "tidegate repair, which also says why it is refused",
        ));
    }
}
