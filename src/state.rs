//! What the state branch holds, as values: release records, holds, quarantines, verdicts.
//!
//! The branch is a folder of small JSON files that a person can read on GitHub:
//!
//! ```text
//! README.md                     says what this branch is
//! index.json                    every record in one line each, and the number of the newest
//! records/000012.json           one release
//! quarantine/<commit>.json      a commit that may not come back
//! quarantined-digests/<hex>.json  a digest that may not be promoted
//! holds/<id>.json               a stop of promotions
//! verdicts/<commit>.json        what a gate found of a commit that it did not release
//! retries/<commit>.json         what failed in a run whose failed jobs are tried again
//! notices/<id>.json             what people and programs are told of, and who was told
//! ```
//!
//! Every file carries the version of its format. A newer version than this program knows is an
//! error, never a guess.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CommitSha, Digest};

mod files;
pub mod notice;
mod record;
mod retry;
mod stops;

pub use files::{StateChange, StateError, StateFiles};
pub use notice::{Channel, Delivery, Notice, NoticeEvent, NoticeIssue};
pub use record::{Places, Record, RecordKind, ReleasedImage};
pub use retry::RetryNote;
pub use stops::{Lifted, QuarantinedDigest, ToldRollback};

/// The version of the format of every file.
pub const FORMAT: u32 = 1;

/// One line of the index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The number of the record.
    pub number: u64,
    /// What kind of release it is.
    #[serde(flatten)]
    pub kind: RecordKind,
    /// The commit whose images, data and tree it names.
    pub commit: CommitSha,
    /// When it was made.
    pub created: Timestamp,
}

/// A commit that may not come back until a person lifts it. Its descendants may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// The version of the format.
    pub version: u32,
    /// The commit.
    pub commit: CommitSha,
    /// The digests that were released for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// Why.
    pub reason: String,
    /// Who: a GitHub login or a local user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when.
    pub created: Timestamp,
    /// Until when; without it, until a person lifts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Set once a person lifted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
    /// The rollback that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackNote>,
}

/// What a rollback took out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollbackNote {
    /// The commit whose tree came back.
    pub to: CommitSha,
    /// The commits that were taken out, newest first (`to..failed`, at most 500).
    pub range: Vec<CommitSha>,
    /// The number of the newest record at that time; 0 where there was none. It counts
    /// consecutive rollbacks.
    pub after_record: u64,
    /// `true` where a person asked for it.
    #[serde(default)]
    pub by_hand: bool,
    /// The number of the pull request that it waits in, where the branch is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<u64>,
    /// How it was told, where a person has quarantined the commit again since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<ToldRollback>,
}

/// A stop of promotions by a person. It never stops a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The version of the format.
    pub version: u32,
    /// A name that is unique on the branch: the file's name.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Since when.
    pub created: Timestamp,
    /// Until when; without it, until `resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

/// What a gate found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All required evidence passed; the promotion was held.
    Passed,
    /// A required piece of evidence conclusively failed.
    Failed,
}

/// What a gate found of a commit that it did not release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVerdict {
    /// The version of the format.
    pub version: u32,
    /// The commit.
    pub commit: CommitSha,
    /// What was found.
    pub outcome: Outcome,
    /// Why, in a sentence each.
    pub reasons: Vec<String>,
    /// The run that found it.
    pub run: crate::model::RunIdentity,
    /// When.
    pub created: Timestamp,
}

/// Everything on the state branch that decisions need.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// One line for every record, oldest first.
    pub index: Vec<IndexEntry>,
    /// The newest records and the newest promotions, by number; [`State::LOADED`] of each where there
    /// are so many.
    pub records: BTreeMap<u64, Record>,
    /// Quarantines, by commit.
    pub quarantines: BTreeMap<CommitSha, Quarantine>,
    /// Quarantines of digests alone, by digest.
    pub quarantined_digests: BTreeMap<Digest, QuarantinedDigest>,
    /// Holds, by id.
    pub holds: BTreeMap<String, Hold>,
    /// Verdicts, by commit.
    pub verdicts: BTreeMap<CommitSha, StoredVerdict>,
    /// Notes of first tries that failed, by commit.
    pub retries: BTreeMap<CommitSha, RetryNote>,
    /// Notices, by id.
    pub notices: BTreeMap<String, Notice>,
    /// Paths of notices and notes of retries that cannot be read. Nothing is decided by them.
    pub unreadable: Vec<String>,
}

impl State {
    /// How many of the newest records are read, and how many of the newest promotions.
    pub const LOADED: usize = 20;

    /// Returns the newest record: what is live.
    pub fn newest(&self) -> Option<&Record> {
        self.records.values().next_back()
    }

    /// Returns the number of the newest record, or 0.
    pub fn newest_number(&self) -> u64 {
        self.index.last().map_or(0, |entry| entry.number)
    }

    /// Returns the first promotion of a commit.
    pub fn promotion_of(&self, commit: &CommitSha) -> Option<&IndexEntry> {
        self.index.iter().find(|entry| entry.kind.is_promotion() && entry.commit == *commit)
    }

    /// Returns the commit that was promoted last, whatever was rolled back since.
    pub fn last_promoted(&self) -> Option<&IndexEntry> {
        self.index.iter().rev().find(|entry| entry.kind.is_promotion())
    }

    /// Returns the rollbacks that took `commit` out, whatever was lifted since.
    pub fn rollbacks_over(
        &self,
        commit: &CommitSha,
    ) -> impl Iterator<Item = (&Quarantine, &RollbackNote)> {
        self.quarantines.values().filter_map(move |quarantine| {
            let note = quarantine.rollback.as_ref()?;
            note.range.contains(commit).then_some((quarantine, note))
        })
    }

    /// Returns a quarantine with what an earlier one of the same commit forbids besides.
    pub fn united(&self, mut quarantine: Quarantine) -> Quarantine {
        let Some(earlier) = self.quarantines.get(&quarantine.commit) else { return quarantine };
        // What was lifted, or is over, is not forbidden again.
        let forbidden = earlier.is_in_force(quarantine.created);
        for digest in earlier.digests.iter().filter(|_| forbidden) {
            if !quarantine.digests.contains(digest) {
                quarantine.digests.push(digest.clone());
            }
        }
        match (&mut quarantine.rollback, &earlier.rollback) {
            (Some(note), Some(earlier)) => {
                for commit in &earlier.range {
                    // What has come back since is not forbidden again.
                    if !note.range.contains(commit) && self.is_rolled_back(commit) {
                        note.range.push(commit.clone());
                    }
                }
            }
            (own @ None, Some(note)) => {
                *own = Some(RollbackNote { told: earlier.told_rollback(), ..note.clone() });
            }
            (_, None) => {}
        }
        quarantine
    }

    /// Returns the automatic rollbacks that were noted since the last promotion, with the commits
    /// that failed. A rollback of stable in between is no promotion. Whether each of them reached
    /// the branch is not known here.
    pub fn rollbacks_since_promotion(&self) -> impl Iterator<Item = (&CommitSha, &RollbackNote)> {
        let promoted = self.last_promoted().map_or(0, |entry| entry.number);
        self.quarantines.values().filter_map(move |quarantine| {
            let note = quarantine.rollback.as_ref()?;
            // What a bake took back was stable. Nobody reverted a commit of the branch.
            let of_stable = self.index.iter().any(|entry| {
                entry.number == note.after_record
                    && entry.kind.is_rollback()
                    && entry.created == quarantine.created
            });
            let counts = note.after_record >= promoted && !note.by_hand && !of_stable;
            counts.then_some((&quarantine.commit, note))
        })
    }
}
