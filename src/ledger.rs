//! The ledger, `docs/ML_EXPERIMENT_RESULTS.md`: parse and append, pure text.
//!
//! How a document is read:
//!
//! 1. Each line is classified by the rules of `CommonMark`: code (fenced or indented), HTML
//!    comments, quotations and lists are no text of the document and yield nothing.
//! 2. Fields (`**Name**: value` or `Name: value`) in lines that follow each other without a blank
//!    line form a block; a new block also begins with the first date, branch, commit or status
//!    after a status.
//! 3. A block is an entry when it has one commit, one status, at most one date, branch and release,
//!    and the commit is a full id. A block that looks like an entry and is none is a [`Warning`];
//!    all other blocks (`**Status**: ✅ Active & Monitored`) are prose.
//! 4. What stands between an entry and the next rule, heading of level one or two, or block with a
//!    commit or a status belongs to the entry.
//!
//! The ledger is a hint and not an authority: nothing here decides whether a commit is good.

use std::ops::Range;

use crate::model::CommitSha;

mod append;
mod block;
mod carry;
mod error;
mod field;
mod figures;
mod markdown;
mod newest;
mod parser;

pub use append::{NewEntry, append, contains_release};
pub use carry::carry_forward;
pub use error::{LedgerError, SkipReason, Unclosed, Warning};
pub(crate) use newest::{LineNumbers, WINDOWS, Window, WindowAnswer, count_lines, read_window};
pub use newest::{newest_entries_in, number_lines};
pub(crate) use parser::{MAX_LINE, Parser, refuse_utf16};

/// How the tests of a commit ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryStatus {
    /// `✅ Tests Passed`.
    Passed,
    /// `❌ Tests Failed`.
    Failed,
    /// `⏪ Rolled Back`.
    RolledBack,
    /// Any other text, kept as it stands.
    Other(String),
}

/// The form in which an entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `**Commit**: ...`
    Bold,
    /// `Commit: ...`
    Plain,
}

/// One complete entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The commit that was tested.
    pub commit: CommitSha,
    /// The branch it was tested on, as the entry says; not checked.
    pub branch: Option<String>,
    /// The date as it is written.
    pub date: Option<String>,
    /// How the tests ended.
    pub status: EntryStatus,
    /// The number of the release record.
    pub release: Option<u64>,
    /// The form of the line that names the commit.
    pub form: Form,
    /// The line of the entry's first field, from 1; `None` when the file was read from its end.
    pub line: Option<u64>,
    /// All other fields in their order, repeated ones too.
    pub fields: Vec<(String, String)>,
    /// Where the entry's first field begins, in bytes from the start of the file.
    pub offset: u64,
    /// The bytes of the whole entry: its rule and heading, its fields, and what follows them.
    pub block: Range<u64>,
}

/// Whether there was a ledger at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence {
    /// There is no such file.
    Missing,
    /// The file is there and holds nothing but white space.
    #[default]
    Empty,
    /// The file has text; it may still hold no entry.
    Text,
}

/// What a ledger holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// The entries, in the order of the file.
    pub entries: Vec<Entry>,
    /// What looked like an entry and was skipped, in the order of the file.
    pub warnings: Vec<Warning>,
    /// Whether there was a file, and whether it was empty.
    pub presence: Presence,
}

impl Ledger {
    /// Keeps the last `count` entries, and the warnings from the first of them on.
    #[must_use]
    pub fn newest(mut self, count: usize) -> Self {
        let surplus = self.entries.len().saturating_sub(count);
        self.entries.drain(..surplus);
        if surplus > 0 {
            let from = self.entries.first().map_or(u64::MAX, |entry| entry.offset);
            self.warnings.retain(|warning| warning.offset >= from);
        }
        let surplus = self.warnings.len().saturating_sub(parser::MAX_WARNINGS);
        self.warnings.drain(..surplus);
        self
    }
}

/// Reads a whole ledger.
///
/// An empty text is an empty ledger; the bytes of a missing file are the caller's to tell apart
/// (`observe::ledger_file`).
pub fn parse(bytes: &[u8]) -> Result<Ledger, LedgerError> {
    parser::parse_all(bytes).map(|parsed| parsed.ledger)
}

#[cfg(test)]
mod tests;
