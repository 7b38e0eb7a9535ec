//! What was found of each commit that may be the last good one.

use std::fmt;

use serde::Serialize;

use crate::model::CommitSha;

/// Who says that a commit is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Witness {
    /// A release record.
    Record {
        /// Its number.
        number: u64,
    },
    /// A stored passed verdict.
    Verdict,
    /// An entry of the ledger: a hint, not an authority.
    Ledger {
        /// Its line, where known.
        line: Option<u64>,
    },
}

impl Witness {
    /// Tells witnesses that the state branch holds from mere hints.
    pub fn is_authority(self) -> bool {
        match self {
            Self::Record { .. } | Self::Verdict => true,
            Self::Ledger { .. } => false,
        }
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { number } => write!(f, "release {number}"),
            Self::Verdict => f.write_str("a stored passed verdict"),
            Self::Ledger { line: Some(line) } => write!(f, "the ledger, line {line}"),
            Self::Ledger { line: None } => f.write_str("the ledger"),
        }
    }
}

/// Why a commit does not count as good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Rejection {
    /// The repository has no such commit.
    Unknown,
    /// It is not an ancestor of the head.
    NotOnBranch,
    /// It is the commit that failed.
    IsTheFailedCommit,
    /// A person or a rollback forbade it.
    Quarantined {
        /// Why.
        reason: String,
    },
    /// A rollback took it out, and it was not released again since.
    RolledBack,
    /// It is older than what stable was made from.
    OlderThanStable {
        /// The commit of the newest record.
        stable: CommitSha,
    },
    /// Its entry names another branch.
    OtherBranch {
        /// Which one.
        branch: String,
    },
    /// Its entry does not say that it passed.
    DidNotPass,
    /// GitHub says that a required job of its push run did not succeed.
    Refuted {
        /// What was found.
        found: String,
    },
    /// So many entries before it were refuted that GitHub was not asked about it any more.
    NotCorroborated,
}

impl GoodSearch {
    /// Rejects what hints say about a commit. Records and stored verdicts are not asked.
    pub fn reject_hints(&mut self, commit: &CommitSha, why: &Rejection) {
        for candidate in &mut self.candidates {
            if candidate.commit == *commit && !candidate.witness.is_authority() {
                candidate.rejections.push(why.clone());
            }
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("this repository has no such commit"),
            Self::NotOnBranch => f.write_str("it is not an ancestor of the head"),
            Self::IsTheFailedCommit => f.write_str("it is the commit that failed, or above it"),
            Self::Quarantined { reason } => write!(f, "it is quarantined: {reason}"),
            Self::RolledBack => f.write_str("a rollback took it out"),
            Self::OlderThanStable { stable } => {
                write!(f, "it is older than stable, which was made from {}", stable.short())
            }
            Self::OtherBranch { branch } => write!(f, "its entry is about branch {branch:?}"),
            Self::DidNotPass => f.write_str("its entry does not say that it passed"),
            Self::Refuted { found } => write!(f, "GitHub refutes it: {found}"),
            Self::NotCorroborated => {
                f.write_str("too many entries were refuted, so GitHub was not asked about it")
            }
        }
    }
}

/// A commit that somebody says is good, and what the checks found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GoodCandidate {
    /// The commit.
    pub commit: CommitSha,
    /// Who says so.
    #[serde(flatten)]
    pub witness: Witness,
    /// The number of commits in `commit..head`; `None` where that has no answer.
    pub distance: Option<usize>,
    /// The checks that it did not survive.
    pub rejections: Vec<Rejection>,
}

/// All commits that somebody says are good.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GoodSearch {
    /// What was found of each.
    pub candidates: Vec<GoodCandidate>,
    /// Ledger blocks that were passed over, and why, and what GitHub could not be asked.
    pub warnings: Vec<String>,
}
