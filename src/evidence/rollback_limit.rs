//! What releases say about going back past a commit (`incompatible_with_rollback_before`).

use std::fmt;

use serde::Serialize;

use crate::model::CommitSha;

/// Somebody says that nothing before a commit may come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackLimit {
    /// The first commit that may still come back.
    pub first: CommitSha,
    /// The commit whose configuration says so.
    pub declared_by: CommitSha,
    /// Its release; `None` for a commit that was never released, and may have migrated what users
    /// see all the same.
    pub release: Option<u64>,
}

impl fmt::Display for RollbackLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, declared_by, release } = self;
        match release {
            Some(release) => write!(f, "release {release} ({})", declared_by.short())?,
            None => write!(f, "{}", declared_by.short())?,
        }
        write!(f, " declares `incompatible_with_rollback_before: {}`", first.short())
    }
}

/// What a candidate's configuration says about going back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "declared", rename_all = "snake_case")]
pub enum DeclaredLimit {
    /// Nothing.
    #[default]
    No,
    /// A commit of its own history.
    Known {
        /// The commit.
        first: CommitSha,
    },
    /// A commit that cannot be one that a rollback goes back to.
    Unfit {
        /// What the configuration names.
        first: CommitSha,
        /// What is wrong with it.
        why: String,
    },
}
