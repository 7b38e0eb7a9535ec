//! What came with a release (a migration) may not fit what was before it: the release says how far
//! a rollback may go back, by a commit that a gate can check.

use super::Reason;
use crate::evidence::Evidence;
use crate::evidence::rollback_limit::DeclaredLimit;

/// Holds a promotion whose configuration names a commit that no rollback could be held against.
pub(super) fn holds(declared: &DeclaredLimit) -> Vec<Reason> {
    match declared {
        DeclaredLimit::No | DeclaredLimit::Known { .. } => Vec::new(),
        DeclaredLimit::Unfit { first, why } => {
            vec![Reason::UnfitRollbackLimit { first: first.clone(), why: why.clone() }]
        }
    }
}

/// Holds a rollback of main to a commit before the one that somebody declared.
pub(super) fn forbids(evidence: &Evidence) -> Vec<Reason> {
    let limits = evidence.failure.iter().flat_map(|failure| &failure.limits);
    limits.map(|limit| Reason::BeforeRollbackLimit { limit: limit.clone() }).collect()
}
