//! Which projections of the newest record are not made.

use super::agreement::{Check, Part};
use crate::plan::{Step, projections};
use crate::state::Record;

/// Names the projections that are not made, in the words of a plan.
pub(super) fn pending(record: &Record, checks: &[Check]) -> Vec<String> {
    let steps = projections(record);
    let differs = |part: Part, name: Option<&str>| {
        let named = |check: &Check| name.is_none_or(|name| check.name == name);
        checks.iter().any(|check| check.part == part && check.pending && named(check))
    };
    let is_pending = |step: &&Step| match step {
        Step::MoveTag { image, tag, .. } => differs(Part::Tag, Some(&format!("{image}:{tag}"))),
        Step::MoveStable { .. } => differs(Part::Stable, None),
        Step::MoveData { .. } => differs(Part::Data, None),
        Step::AppendLedger(_) => differs(Part::Ledger, None),
        Step::CheckImage { .. }
        | Step::KeepDigest { .. }
        | Step::UploadData { .. }
        | Step::CheckData { .. }
        | Step::RunLive(_)
        | Step::WriteState { .. }
        | Step::RollBack(_)
        | Step::Notify { .. }
        | Step::DispatchRetry { .. } => false,
    };
    steps.iter().filter(is_pending).map(ToString::to_string).collect()
}
