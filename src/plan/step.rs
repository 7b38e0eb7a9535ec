//! The steps that exist.

use serde::{Deserialize, Serialize};

use super::LiveStep;
use crate::data::ReleasedData;
use crate::model::{BranchName, CommitSha, Digest, ImageRef, Tag, TreeSha};
use crate::state::{Record, StateChange};

/// One step of a plan.
#[expect(
    clippy::large_enum_variant,
    reason = "a plan has a dozen steps, and boxes would only hide them"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Checks that a digest and every platform manifest below it can still be had.
    CheckImage {
        /// The image.
        image: ImageRef,
        /// The digest.
        digest: Digest,
    },
    /// Puts a tag that nobody follows on a digest, so that it stays reachable; this proves that
    /// tags can be written before anything is seen.
    KeepDigest {
        /// The image.
        image: ImageRef,
        /// The digest.
        digest: Digest,
        /// The tag.
        tag: Tag,
    },
    /// Uploads a data version, which nobody reads yet. The file is that of the run that checked it;
    /// where another run performs the step, the version has to be in the store already.
    UploadData {
        /// The version, and where it goes.
        data: ReleasedData,
    },
    /// Checks that a data version can still be had, whole.
    CheckData {
        /// The version, and where it is.
        data: ReleasedData,
    },
    /// Runs a command with the environment of what users see, just before the record.
    RunLive(LiveStep),
    /// Writes to the state branch by compare-and-swap. With a record in it, this is the commit
    /// point of a release.
    WriteState {
        /// What is written.
        change: StateChange,
    },
    /// Points readers at a data version: the backup, the pointer, then the copy.
    MoveData {
        /// The version, and where it is served.
        data: ReleasedData,
        /// The number of the release.
        release: u64,
    },
    /// Points a tag at a digest.
    MoveTag {
        /// The image.
        image: ImageRef,
        /// The tag.
        tag: Tag,
        /// The digest.
        digest: Digest,
    },
    /// Moves the branch `stable`.
    MoveStable {
        /// The branch.
        branch: BranchName,
        /// The commit of the release.
        commit: CommitSha,
        /// Its tree.
        tree: TreeSha,
        /// The number of the release.
        release: u64,
    },
    /// Adds an entry to the ledger.
    AppendLedger(LedgerStep),
    /// Pushes one commit that restores the good tree. This is the commit point of a rollback of
    /// main.
    RollBack(RollbackStep),
    /// Starts the workflow that runs the failed jobs of a run again, once the run has ended. Nothing
    /// is promoted, reverted or quarantined.
    DispatchRetry {
        /// The name of the workflow's file.
        workflow: String,
        /// The protected branch, whose version of the workflow runs.
        branch: BranchName,
        /// The id of the run.
        run: u64,
        /// The attempt that failed.
        attempt: u32,
    },
    /// Tells people and programs. It fails nothing, and a later run repeats what failed.
    Notify {
        /// The id of the notice.
        notice: String,
        /// The keys of the channels.
        channels: Vec<String>,
    },
}

/// An entry to be added to the ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerStep {
    /// The branch that holds the ledger.
    pub branch: BranchName,
    /// The path of the ledger.
    pub path: String,
    /// The release that the entry is about.
    pub record: Record,
}

/// A rollback of main.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackStep {
    /// The branch.
    pub branch: BranchName,
    /// Its observed head.
    pub head: CommitSha,
    /// The commit that failed, or that a person wants to leave.
    pub failed: CommitSha,
    /// The commit whose tree comes back.
    pub good: CommitSha,
    /// The path of the ledger, whose newer entries are carried over.
    pub ledger: String,
    /// Patterns of the other paths that are kept.
    pub keep: Vec<String>,
    /// Why, for the commit message.
    pub reason: String,
    /// Whether a person asked for it.
    pub by_hand: bool,
    /// Whether what users see goes back as well.
    #[serde(default)]
    pub with_stable: bool,
}

impl Step {
    /// Returns what the step writes to the state branch.
    pub fn change(&self) -> Option<&StateChange> {
        match self {
            Self::WriteState { change } => Some(change),
            Self::CheckImage { .. }
            | Self::KeepDigest { .. }
            | Self::UploadData { .. }
            | Self::CheckData { .. }
            | Self::RunLive(_)
            | Self::MoveData { .. }
            | Self::MoveTag { .. }
            | Self::MoveStable { .. }
            | Self::AppendLedger(_)
            | Self::RollBack(_)
            | Self::DispatchRetry { .. }
            | Self::Notify { .. } => None,
        }
    }

    /// Returns the rollback of main that the step pushes.
    pub fn main_rollback(&self) -> Option<&RollbackStep> {
        match self {
            Self::RollBack(step) => Some(step),
            Self::CheckImage { .. }
            | Self::KeepDigest { .. }
            | Self::UploadData { .. }
            | Self::CheckData { .. }
            | Self::RunLive(_)
            | Self::WriteState { .. }
            | Self::MoveData { .. }
            | Self::MoveTag { .. }
            | Self::MoveStable { .. }
            | Self::AppendLedger(_)
            | Self::DispatchRetry { .. }
            | Self::Notify { .. } => None,
        }
    }

    /// Returns the release that this step completes, where it is a projection.
    pub fn is_projection(&self) -> bool {
        match self {
            Self::MoveData { .. }
            | Self::MoveTag { .. }
            | Self::MoveStable { .. }
            | Self::AppendLedger(_) => true,
            Self::CheckImage { .. }
            | Self::KeepDigest { .. }
            | Self::UploadData { .. }
            | Self::CheckData { .. }
            | Self::RunLive(_)
            | Self::WriteState { .. }
            | Self::RollBack(_)
            | Self::DispatchRetry { .. }
            | Self::Notify { .. } => false,
        }
    }
}
