//! The failure of a commit above that was decided besides: its own gate waited for this run.

use serde::Serialize;

use super::Report;
use crate::exit::{Exit, Failure};
use crate::model::CommitSha;
use crate::policy::Verdict;

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(in crate::commands) enum Left {
    /// It was decided.
    Decided(Box<Report>),
    /// It could not be decided, or what was decided could not be done.
    Undecided {
        /// The commit.
        commit: String,
        /// What went wrong.
        error: String,
        /// The exit code of that.
        #[serde(skip)]
        exit: Exit,
    },
}

impl Left {
    /// Says what went wrong.
    pub(in crate::commands) fn undecided(commit: &CommitSha, error: &anyhow::Error) -> Self {
        let exit = Failure::of(error).exit;
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        Self::Undecided { commit: commit.to_string(), error: chain.join(": "), exit }
    }

    /// Returns the report, where it was decided.
    pub(super) fn report(&self) -> Option<&Report> {
        match self {
            Self::Decided(report) => Some(report),
            Self::Undecided { .. } => None,
        }
    }

    /// Returns what went wrong, in a sentence.
    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Decided(_) => None,
            Self::Undecided { commit, error, .. } => {
                Some(format!("the failure of {} could not be decided: {error}", &commit[..7]))
            }
        }
    }

    /// Returns the exit code, where it outranks that of the tested commit: main was taken back, or
    /// should have been. That it is still held was said by its own gate.
    pub(super) fn exit(&self) -> Option<Exit> {
        match self {
            Self::Undecided { exit, .. } => Some(*exit),
            Self::Decided(report) => match report.verdict {
                Verdict::Rollback | Verdict::Retry => Some(report.exit()),
                Verdict::Promote | Verdict::Hold | Verdict::Superseded => None,
            },
        }
    }
}
