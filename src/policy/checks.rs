//! Rule: a check run that `require.checks` names and that did not pass holds. Anyone with write
//! access can write one, so none ever promotes or reverts anything by itself.

use super::Reason;
use crate::evidence::Evidence;
use crate::evidence::checks::CheckFound;

pub(super) fn holds(evidence: &Evidence) -> Vec<Reason> {
    let not_passed = evidence.checks.iter().filter(|check| match check.found {
        CheckFound::Passed => false,
        CheckFound::Unfinished
        | CheckFound::NotPassed { .. }
        | CheckFound::Missing
        | CheckFound::Unknown { .. } => true,
    });
    not_passed
        .map(|check| Reason::CheckNotPassed {
            check: check.name.clone(),
            why: check.found.to_string(),
        })
        .collect()
}
