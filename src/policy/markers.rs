//! Rule: conflict markers that the good tree did not have hold; older ones warn; none reverts.

use super::Reason;
use crate::config::{Config, MarkerAction};
use crate::evidence::Evidence;
use crate::evidence::markers::Marker;

const SHOWN: usize = 5;

pub(super) fn holds(evidence: &Evidence, config: &Config) -> Option<Reason> {
    match config.preflight.conflict_markers {
        MarkerAction::Hold => {}
        MarkerAction::Warn | MarkerAction::Off => return None,
    }
    let new = &evidence.release.as_ref()?.markers.new;
    (!new.is_empty()).then(|| Reason::ConflictMarkers { places: places(new), count: new.len() })
}

pub(super) fn warnings(evidence: &Evidence) -> Vec<String> {
    let Some(release) = &evidence.release else { return Vec::new() };
    let markers = &release.markers;
    [("new", &markers.new), ("already in the last good tree", &markers.old)]
        .into_iter()
        .filter(|(_, found)| !found.is_empty())
        .map(|(which, found)| {
            format!("conflict markers, {which}, in {}: {}", found.len(), places(found).join(", "))
        })
        .collect()
}

fn places(markers: &[Marker]) -> Vec<String> {
    markers.iter().take(SHOWN).map(|marker| format!("{}:{}", marker.path, marker.line)).collect()
}
