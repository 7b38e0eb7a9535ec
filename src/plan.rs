//! From a verdict to the ordered steps that it needs, as a value.
//!
//! A plan can be printed, serialised, approved somewhere else, and performed later by
//! [`crate::apply`], which refuses it when the world has moved since. There is no dry run: a plan
//! that nobody applies changes nothing.

use serde::{Deserialize, Serialize};

use crate::model::{BranchName, CommitSha};
use crate::policy::Verdict;

mod check;
mod data;
mod display;
mod live;
mod message;
mod notice;
mod promotion;
mod rollback;
mod step;

pub use data::{DataRelease, NewData, data_release};
pub use live::LiveStep;
pub use message::{RollbackMessage, ledger_message, stable_message};
pub use notice::{Facts, announce, channels};
pub use promotion::{Promotion, places, projections, promotion};
pub use rollback::{MainRollback, StableRollback, main_rollback, stable_rollback};
pub use step::{LedgerStep, RollbackStep, Step};

/// Why no plan can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A tag pattern makes no tag.
    #[error("tags: {0}")]
    Pattern(#[from] crate::config::TagPatternError),
    /// A release that is left has images that the target has not.
    #[error("release {target} has no {}, which release {live} has: they cannot go back together; nothing was changed", .images.join(", "))]
    NotInTarget {
        /// The number of the release that is to come back.
        target: u64,
        /// The number of the live release.
        live: u64,
        /// The images.
        images: Vec<String>,
    },
    /// The release that is to come back has no data version, and the live one has.
    #[error(
        "release {target} has no data version, which release {live} has: code and data cannot go back together; nothing was changed"
    )]
    NoDataInTarget {
        /// The number of the release that is to come back.
        target: u64,
        /// The number of the live release.
        live: u64,
    },
    /// There is no record that data could be released for.
    #[error("nothing was released yet, so there is nothing that the data could belong to")]
    NothingReleased,
    /// Nobody can tell in which image a command is to run.
    #[error("before_promote: it is not clear in which image of the release set {run:?} runs live")]
    LiveImage {
        /// The command.
        run: String,
    },
    /// A configured tag is none.
    #[error("tags: {0}")]
    Tag(#[from] crate::model::InvalidValue),
}

/// The version of the serialised form.
pub const FORMAT: u32 = 1;

/// The world that a plan was made for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The protected branch.
    pub branch: BranchName,
    /// Its head.
    pub head: CommitSha,
    /// The head of the state branch; `None` before its first commit.
    pub state: Option<CommitSha>,
    /// The number of the newest record; 0 before the first.
    pub release: u64,
}

/// The ordered steps that a verdict needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The version of the serialised form.
    pub version: u32,
    /// The verdict.
    pub verdict: Verdict,
    /// The commit that it is about.
    pub commit: CommitSha,
    /// Why, in a sentence each.
    pub reasons: Vec<String>,
    /// The world that it was made for.
    pub basis: Basis,
    /// What is to be done, in order.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Tells whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
