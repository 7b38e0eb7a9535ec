//! Whether main, `stable`, image tags, record and ledger agree: pure comparison of what was seen.
//!
//! Trees are compared, not just ids: after a rollback `stable` and main show the right tree in
//! another commit.

use serde::Serialize;

use crate::model::{CommitSha, Digest, ImageRef, Tag};
use crate::state::{Record, RecordKind};

/// What is compared with the newest record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    /// The record itself, with its commit.
    Record,
    /// The protected branch.
    Main,
    /// The branch `stable`.
    Stable,
    /// A tag of an image.
    Tag,
    /// The data pointer.
    Data,
    /// The ledger.
    Ledger,
}

/// What the comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Finding {
    /// The same commit, digest or entry.
    Same,
    /// The same tree in another commit.
    SameTree,
    /// Commits that are not released yet: nothing is wrong.
    Ahead,
    /// It does not show the newest record.
    Differs,
    /// It could not be asked.
    Unknown,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    /// What was compared.
    pub(super) part: Part,
    /// Its name: the branch, the tag, the path.
    pub(super) name: String,
    /// What came of it.
    pub(super) finding: Finding,
    /// In words.
    pub(super) detail: String,
    /// Whether a projection of the newest record is not made: `repair` makes it.
    pub(super) pending: bool,
}

/// Whether everything agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Agreement {
    /// All that was asked for agrees.
    Yes,
    /// Something does not.
    No,
    /// What could be asked agrees; the rest is not known.
    Partly,
    /// There is no record to compare with.
    NoRecord,
}

/// Sums up.
pub(super) fn agreement(record: Option<&Record>, checks: &[Check]) -> Agreement {
    let any = |finding| checks.iter().any(|check| check.finding == finding);
    if any(Finding::Differs) {
        Agreement::No
    } else if record.is_none() {
        Agreement::NoRecord
    } else if any(Finding::Unknown) {
        Agreement::Partly
    } else {
        Agreement::Yes
    }
}

/// What the protected branch shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MainSeen {
    /// The commit of the record, ledger commits above it left out.
    Released {
        /// How many ledger commits lie above.
        ledger_commits: bool,
    },
    /// The tree of the record, the ledger left out.
    SameTree {
        /// The head.
        head: CommitSha,
        /// Kept paths that differ.
        kept: Vec<String>,
    },
    /// The record's commit is an ancestor.
    Ahead {
        /// By so many commits.
        by: usize,
    },
    /// The record's commit is not in its history.
    Apart {
        /// The head.
        head: CommitSha,
    },
    /// There is no such branch.
    Missing,
    /// It cannot be told.
    Unknown(String),
}

/// Compares the protected branch with the record.
pub(super) fn main(branch: &str, record: &Record, seen: &MainSeen) -> Check {
    let commit = record.commit.short();
    let (finding, detail) = match seen {
        MainSeen::Released { ledger_commits: false } => (Finding::Same, format!("at {commit}")),
        MainSeen::Released { ledger_commits: true } => {
            (Finding::Same, format!("at {commit}, ledger entries above it"))
        }
        MainSeen::SameTree { head, kept } if kept.is_empty() => {
            (Finding::SameTree, format!("same tree as {commit}, in commit {}", head.short()))
        }
        MainSeen::SameTree { head, kept } => (
            Finding::SameTree,
            format!(
                "same tree as {commit}, in commit {}, but for kept paths: {}",
                head.short(),
                kept.join(", ")
            ),
        ),
        MainSeen::Ahead { by: 1 } => {
            (Finding::Ahead, format!("1 commit ahead of {commit}, not released"))
        }
        MainSeen::Ahead { by } => {
            (Finding::Ahead, format!("{by} commits ahead of {commit}, not released"))
        }
        MainSeen::Apart { head } => (
            Finding::Differs,
            format!("at {}; the released commit {commit} is not in its history", head.short()),
        ),
        MainSeen::Missing => (Finding::Differs, "there is no such branch".to_owned()),
        MainSeen::Unknown(why) => (Finding::Unknown, why.clone()),
    };
    Check { part: Part::Main, name: branch.to_owned(), finding, detail, pending: false }
}

/// What the branch `stable` shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StableSeen {
    /// There is no such branch.
    Missing,
    /// It is at a commit that is not in this clone.
    NotHere(CommitSha),
    /// It was looked at.
    At {
        /// Its head.
        commit: CommitSha,
        /// The first line of its message.
        subject: String,
        /// Whether it shows the record.
        shows: bool,
        /// Whether its tree is the record's.
        same_tree: bool,
    },
    /// It cannot be told.
    Unknown(String),
}

/// Compares `stable` with the record.
pub(super) fn stable(branch: &str, record: &Record, seen: &StableSeen) -> Check {
    let release = record.code_release();
    let (finding, detail) = match seen {
        StableSeen::Missing => (Finding::Differs, "there is no such branch yet".to_owned()),
        StableSeen::At { commit, .. } | StableSeen::NotHere(commit) if *commit == record.commit => {
            (Finding::Same, format!("at {}", commit.short()))
        }
        StableSeen::At { commit, shows: true, same_tree: false, .. } => (
            Finding::SameTree,
            format!(
                "same tree as {} but for its workflow files, in commit {}",
                record.commit.short(),
                commit.short()
            ),
        ),
        StableSeen::At { commit, shows: true, .. } => (
            Finding::SameTree,
            format!("same tree as {}, in commit {}", record.commit.short(), commit.short()),
        ),
        StableSeen::At { commit, same_tree: true, .. } => (
            Finding::Differs,
            format!(
                "same tree as {}, but its commit {} does not name release {release}",
                record.commit.short(),
                commit.short()
            ),
        ),
        StableSeen::At { commit, subject, .. } => (
            Finding::Differs,
            format!("at {} ({subject}), which is not release {release}", commit.short()),
        ),
        StableSeen::NotHere(commit) => {
            (Finding::Unknown, format!("at {}, whose tree is not in this clone", commit.short()))
        }
        StableSeen::Unknown(why) => (Finding::Unknown, why.clone()),
    };
    let pending = finding == Finding::Differs;
    Check { part: Part::Stable, name: branch.to_owned(), finding, detail, pending }
}

/// What a tag points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TagSeen {
    /// This digest.
    At(Digest),
    /// There is no such tag.
    Missing,
    /// It cannot be told.
    Unknown(String),
}

/// Compares a tag with the digest that the record names.
pub(super) fn tag(image: &ImageRef, tag: &Tag, expected: &Digest, seen: &TagSeen) -> Check {
    let (finding, detail) = match seen {
        TagSeen::At(digest) if digest == expected => {
            (Finding::Same, format!("at {}", digest.short()))
        }
        TagSeen::At(digest) => (
            Finding::Differs,
            format!("at {}, the release has {}", digest.short(), expected.short()),
        ),
        TagSeen::Missing => (Finding::Differs, "there is no such tag".to_owned()),
        TagSeen::Unknown(why) => (Finding::Unknown, why.clone()),
    };
    let pending = finding == Finding::Differs;
    Check { part: Part::Tag, name: format!("{image}:{tag}"), finding, detail, pending }
}

/// What the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum LedgerSeen {
    /// The branch or the file is not there.
    Missing,
    /// It cannot be read.
    Unreadable(String),
    /// It was read.
    Read {
        /// Whether it has the entry of the newest record.
        has_release: bool,
        /// The last entry that says "passed".
        last_passed: Option<LastPassed>,
    },
    /// It cannot be told.
    Unknown(String),
}

/// The last entry that says "passed".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct LastPassed {
    /// Its commit.
    pub(super) commit: CommitSha,
    /// The release that it names.
    pub(super) release: Option<u64>,
    /// Whether a record of its commit exists.
    pub(super) has_record: bool,
}

/// Compares the ledger with the record. The ledger may lag, which is pending; it never leads.
pub(super) fn ledger(path: &str, record: &Record, seen: &LedgerSeen) -> Check {
    let number = record.number;
    let (finding, detail) = match seen {
        LedgerSeen::Unreadable(why) => (Finding::Differs, format!("cannot be read: {why}")),
        LedgerSeen::Unknown(why) => (Finding::Unknown, why.clone()),
        LedgerSeen::Read { last_passed: Some(last), .. }
            if last.release.is_some_and(|release| release > number) =>
        {
            (
                Finding::Differs,
                format!(
                    "its last entry names release {} ({}), and no record does",
                    last.release.unwrap_or_default(),
                    last.commit.short()
                ),
            )
        }
        LedgerSeen::Read { last_passed: Some(last), .. } if !last.has_record => (
            Finding::Differs,
            format!("its last entry names {}, which has no release record", last.commit.short()),
        ),
        LedgerSeen::Read { .. } | LedgerSeen::Missing if !record.kind.is_promotion() => {
            (Finding::Same, restored(record))
        }
        LedgerSeen::Read { has_release: true, .. } => {
            (Finding::Same, format!("has the entry of release {number}"))
        }
        LedgerSeen::Read { has_release: false, .. } => {
            (Finding::Differs, format!("lacks the entry of release {number}"))
        }
        LedgerSeen::Missing => (Finding::Differs, "there is no ledger yet".to_owned()),
    };
    // An entry too many is nothing that `repair` could mend.
    let pending = record.kind.is_promotion()
        && matches!(seen, LedgerSeen::Missing | LedgerSeen::Read { has_release: false, .. });
    Check { part: Part::Ledger, name: path.to_owned(), finding, detail, pending }
}

fn restored(record: &Record) -> String {
    match record.kind {
        RecordKind::Rollback { restores } => {
            format!("gets no entry for going back to release {restores}")
        }
        RecordKind::Data { .. } => "gets no entry for a release of data alone".to_owned(),
        RecordKind::Promotion => String::new(),
    }
}

/// Compares the record with its own commit, as far as this clone has it.
pub(super) fn record(record: &Record, tree: Option<&crate::model::TreeSha>) -> Check {
    let (finding, detail) = match tree {
        Some(tree) if *tree == record.tree => {
            (Finding::Same, format!("release {} is {}", record.number, record.commit.short()))
        }
        Some(_) => (
            Finding::Differs,
            format!(
                "release {} names a tree that commit {} does not have",
                record.number,
                record.commit.short()
            ),
        ),
        None => {
            (Finding::Unknown, format!("commit {} is not in this clone", record.commit.short()))
        }
    };
    let name = format!("release {}", record.number);
    Check { part: Part::Record, name, finding, detail, pending: false }
}
