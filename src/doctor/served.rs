//! What the configuration says of the served app and of the way back can be held against something.

use super::{Answer, Checkup, Finding, Seen, Severity};
use crate::evidence::rollback_limit::DeclaredLimit;
use crate::evidence::served::Served;

/// The app shows its commit where the configuration says so.
pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let Some(seen) = &checkup.served else { return answer.not_needed() };
    let why = match seen {
        Seen::Unknown(why) => return answer.cannot("which version is served", why),
        Seen::Known(Served::Same { .. } | Served::Older { .. } | Served::Unknown { .. }) => return,
        Seen::Known(shown @ (Served::NotShown { .. } | Served::Unreachable { .. })) => shown,
    };
    answer.find(
        Finding::new(
            Severity::Warning,
            "served-not-readable",
            format!("the app {why}"),
            "nobody can tell whether the newest release is served, and a bake may look at the one before",
            "let the app show its commit at `served.url`, or mend `served`",
        )
        .at(&checkup.file.path, None),
    );
}

/// The commit that nothing may go back past is one that a gate accepts.
pub(super) fn limit(checkup: &Checkup, answer: &mut Answer) {
    match &checkup.limit {
        Seen::Known(DeclaredLimit::No) => answer.not_needed(),
        Seen::Known(DeclaredLimit::Known { .. }) => {}
        Seen::Unknown(why) => answer.cannot("how far a rollback may go back", why),
        Seen::Known(DeclaredLimit::Unfit { why, .. }) => answer.find(
            Finding::new(
                Severity::Error,
                "rollback-limit-unfit",
                why,
                "every promotion is held",
                "name a commit of the branch, by the id that it has there",
            )
            .at(&checkup.file.path, None),
        ),
    }
}
