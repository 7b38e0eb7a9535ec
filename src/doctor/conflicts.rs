//! No unfinished merge is in the tree.

use super::{Answer, Checkup, Finding, Seen, Severity};
use crate::config::MarkerAction;

/// So many files are named.
const NAMED: usize = 20;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let action = checkup.config.preflight.conflict_markers;
    let severity = match action {
        MarkerAction::Hold => Severity::Error,
        MarkerAction::Warn => Severity::Warning,
        MarkerAction::Off => return answer.not_needed(),
    };
    let markers = match &checkup.markers {
        Seen::Known(markers) => markers,
        Seen::Unknown(why) => return answer.cannot("conflict markers", why),
    };
    for marker in markers.new.iter().take(NAMED) {
        let breaks = match action {
            MarkerAction::Hold => "the promotion of this commit is held",
            MarkerAction::Warn | MarkerAction::Off => "the gate warns, and promotes it",
        };
        let finding = Finding::new(
            severity,
            "conflict-markers",
            format!("{} has conflict markers", marker.path),
            breaks,
            "finish the merge; where the text only quotes them, add the path to `preflight.ignore`",
        );
        answer.find(finding.at(&marker.path, Some(marker.line)));
    }
    for marker in markers.old.iter().take(NAMED) {
        let finding = Finding::new(
            Severity::Note,
            "conflict-markers-released",
            format!("{} has conflict markers, and had them in the last release", marker.path),
            "nothing: what is released already does not hold",
            "finish the merge, or add the path to `preflight.ignore`",
        );
        answer.find(finding.at(&marker.path, Some(marker.line)));
    }
}
