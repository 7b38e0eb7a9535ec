//! GitHub's word about runs of the workflow: what nobody with mere write access can forge.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::CommitSha;

/// The newest push run of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeenRun {
    /// Its id, which reruns keep.
    pub id: u64,
    /// Its latest attempt, from 1.
    pub attempt: u32,
    /// Whether it has ended.
    pub finished: bool,
    /// Whether it was cancelled: its gate decides nothing, unless somebody runs it again.
    pub cancelled: bool,
    /// Its page; empty where GitHub does not say.
    pub url: String,
}

/// What GitHub says about the push runs of this workflow on the protected branch (promise 6 says
/// which runs these are).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
pub enum RunsSeen {
    /// Nothing depends on it, so nobody asked.
    #[default]
    NotAsked,
    /// It said this.
    Listed {
        /// The newest run of each commit. A commit that is not here has no run.
        runs: BTreeMap<CommitSha, SeenRun>,
    },
    /// It cannot be asked: no token, or one that may not.
    Unavailable {
        /// Why.
        why: String,
    },
    /// It did not answer.
    Unanswered {
        /// Why.
        why: String,
    },
}

impl RunsSeen {
    /// Returns the run of a commit.
    pub fn run(&self, commit: &CommitSha) -> Option<&SeenRun> {
        match self {
            Self::Listed { runs } => runs.get(commit),
            Self::NotAsked | Self::Unavailable { .. } | Self::Unanswered { .. } => None,
        }
    }

    /// Tells whether a commit has a run of its own that decides about it; `None` where GitHub did not say. A push of this
    /// very second may not be listed yet: what is above the tested commit is not the effective head
    /// then, which holds a rollback whatever is said here.
    pub fn has_run(&self, commit: &CommitSha) -> Option<bool> {
        match self {
            Self::Listed { runs } => Some(runs.get(commit).is_some_and(|run| !run.cancelled)),
            Self::NotAsked | Self::Unavailable { .. } | Self::Unanswered { .. } => None,
        }
    }

    /// Returns those of `commits` whose run has not ended. The run that asks, `own`, is none of
    /// them: it decides just now.
    pub fn unfinished(&self, commits: &[CommitSha], own: Option<u64>) -> Vec<CommitSha> {
        let unfinished = |commit: &&CommitSha| {
            self.run(commit).is_some_and(|run| !run.finished && Some(run.id) != own)
        };
        commits.iter().filter(unfinished).cloned().collect()
    }
}

/// What GitHub said about a commit of the ledger that would be gone back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// The required jobs of its push run succeeded.
    Passed,
    /// A required job did not.
    Refuted(String),
    /// Its run is running again.
    Unfinished,
    /// Nothing is known; the ledger's word stands, with this warning.
    Unknown(String),
    /// GitHub did not answer: nothing may depend on the ledger's word.
    Unanswered(String),
}

/// What came of asking GitHub about the commits of the ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Corroboration {
    /// The commit that would be good, and whose run is running again.
    pub unfinished: BTreeSet<CommitSha>,
    /// Why GitHub did not answer.
    pub unanswered: Option<String>,
}
