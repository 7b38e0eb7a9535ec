//! How much one sync may delete.

use super::{Gone, SyncPlan, files};
use crate::data::Change;

/// How much `sync --delete` may delete at once.
#[derive(Debug, Clone, PartialEq)]
pub struct DeleteLimit {
    /// The share of the layer's files in the store, or their number.
    pub most: Change,
    /// As it is written in the configuration.
    pub text: String,
}

/// Why nothing is deleted, and nothing sent either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooManyDeletions {
    /// More than the limit.
    #[error("--delete would delete {} of the {total} that layer {layer} has in the store, and at most {limit} may go at once; nothing was changed", files(*.deleted))]
    OverLimit {
        /// The layer.
        layer: String,
        /// How many files would be deleted.
        deleted: u64,
        /// How many there are.
        total: u64,
        /// The limit, as it is written.
        limit: String,
    },
    /// Files or folders cannot be read: what is in them only looks deleted.
    #[error(
        "--delete needs to see every file, and {path} cannot be synced: {error}; nothing was changed"
    )]
    Unseen {
        /// The first of them.
        path: String,
        /// What is wrong with it.
        error: String,
    },
}

impl DeleteLimit {
    /// The share where none is configured.
    pub const USUAL: &str = "10%";

    #[expect(clippy::cast_precision_loss, reason = "a number of files, for a share of it")]
    pub(super) fn check(
        &self,
        gone: &[Gone],
        entries: u64,
        plan: &SyncPlan,
    ) -> Result<(), TooManyDeletions> {
        if gone.is_empty() {
            return Ok(());
        }
        if let Some(problem) = plan.problems.first() {
            return Err(TooManyDeletions::Unseen {
                path: problem.path.clone(),
                error: problem.error.clone(),
            });
        }
        if gone.len() as f64 <= self.most.of(entries as f64) {
            return Ok(());
        }
        Err(TooManyDeletions::OverLimit {
            layer: plan.layer.clone(),
            deleted: gone.len() as u64,
            total: entries,
            limit: self.text.clone(),
        })
    }
}
