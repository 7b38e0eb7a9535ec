//! A block of fields, and whether it is an entry.

use super::error::SkipReason;
use super::field::{Field, Key, bare, parse_commit, parse_status};
use super::{Entry, EntryStatus, Form};

/// An entry has at most this many fields.
pub(super) const MAX_FIELDS: usize = 256;
const MAX_FIELD_BYTES: usize = 64 << 10;

/// The fields of one block, until it is known what the block is.
pub(super) struct Block {
    pub(super) offset: u64,
    pub(super) line: u64,
    /// Where the rule and heading above begin, or the block itself.
    pub(super) start: u64,
    /// Where the text before `start` ends.
    pub(super) end_before: u64,
    pub(super) date: Option<String>,
    pub(super) branch: Option<String>,
    /// As written, with the form of its line.
    pub(super) commit: Option<(String, Form)>,
    pub(super) status: Option<String>,
    pub(super) release: Option<String>,
    pub(super) fields: Vec<(String, String)>,
    bytes: usize,
    /// The first thing that makes it impossible to read the block as an entry.
    fault: Option<SkipReason>,
    /// The last line that was read, a status or a release, has no line ending.
    cut: Option<Key>,
    /// The branch stands below the status.
    late_branch: bool,
}

/// Lines of fields that follow each other.
pub(super) struct Run {
    block: Block,
    /// The block is the first of the run.
    is_first: bool,
    /// The run's first status stands before its first commit, so a status may belong to the commit
    /// after it: only a run with one commit and one status can be understood.
    status_first: bool,
    /// The block before this one leaves it open whose status this is.
    tainted: bool,
}

impl Run {
    /// Begins with this block.
    pub(super) fn new(block: Block) -> Self {
        Self { block, is_first: true, status_first: false, tainted: false }
    }

    /// Ends a block and begins the next one, with a status or with another field.
    pub(super) fn next_block(&mut self, block: Block, at_status: bool) -> Block {
        let mut done = std::mem::replace(&mut self.block, block);
        // Two statuses and one commit, or a branch between two entries: whose is which?
        let is_open = at_status || done.late_branch;
        if (is_open || self.tainted) && done.commit.is_some() {
            done.fault.get_or_insert(SkipReason::Ambiguous);
        }
        self.tainted = is_open || done.commit.is_none();
        self.is_first = false;
        done
    }

    /// Ends the run with its last block.
    pub(super) fn into_block(mut self) -> Block {
        if self.tainted && self.block.commit.is_some() {
            self.block.fault.get_or_insert(SkipReason::Ambiguous);
        }
        self.block
    }

    /// A date, branch, commit or status after a status begins the next block.
    pub(super) fn ends_before(&self, key: &Key) -> bool {
        let is_next = match key {
            Key::Commit | Key::Status => true,
            // Some write them at the end of an entry.
            Key::Date => self.block.date.is_some(),
            Key::Branch => self.block.branch.is_some(),
            Key::Release | Key::Other(_) => false,
        };
        is_next && self.block.status.is_some() && !self.status_first
    }

    pub(super) fn take(&mut self, field: Option<Field<'_>>, cut: bool) {
        let block = &mut self.block;
        let Some(Field { key, value, form }) = field else {
            block.fault.get_or_insert(SkipReason::InvalidUtf8);
            return;
        };
        self.status_first |= self.is_first && key == Key::Status && block.commit.is_none();
        let status_first = self.status_first;
        block.bytes += value.len();
        if block.bytes > MAX_FIELD_BYTES || block.fields.len() >= MAX_FIELDS {
            block.fault.get_or_insert(SkipReason::TooLarge {
                max_fields: MAX_FIELDS,
                max_bytes: MAX_FIELD_BYTES,
            });
            return;
        }
        if cut {
            block.cut = Some(key.clone());
        }
        block.late_branch |= key == Key::Branch && block.status.is_some() && !status_first;
        let value = value.to_owned();
        let repeated = match &key {
            Key::Date => block.date.replace(value).is_some(),
            Key::Branch => block.branch.replace(bare(&value).to_owned()).is_some(),
            Key::Commit => block.commit.replace((value, form)).is_some(),
            Key::Status => block.status.replace(value).is_some(),
            Key::Release => block.release.replace(value).is_some(),
            Key::Other(name) => {
                block.fields.push((name.clone(), value));
                false
            }
        };
        if repeated {
            block.fault.get_or_insert(if status_first {
                SkipReason::Ambiguous
            } else {
                SkipReason::DuplicateField { name: key.name().to_owned() }
            });
        }
    }
}

/// What a block turned out to be.
pub(super) enum Judgement {
    /// No entry, and nothing to say about it.
    Prose,
    /// Something that looks like an entry.
    Skip(SkipReason, Block),
    /// An entry, whose end is not known yet.
    Entry(Entry),
}

impl Block {
    /// Begins at the line `line`, `offset` bytes into the file.
    pub(super) fn new(offset: u64, line: u64, start: u64, end_before: u64) -> Self {
        Self {
            offset,
            line,
            start,
            end_before,
            date: None,
            branch: None,
            commit: None,
            status: None,
            release: None,
            fields: Vec::new(),
            bytes: 0,
            fault: None,
            cut: None,
            late_branch: false,
        }
    }

    /// Decides whether the block is an entry.
    pub(super) fn judge(mut self, at_end: bool) -> Judgement {
        let Some((commit, form)) = self.commit.take() else { return Judgement::Prose };
        if let Some(fault) = self.fault.take() {
            return Judgement::Skip(fault, self);
        }
        let id = parse_commit(&commit);
        let Some(status) = self.status.take() else {
            return match id {
                // `Commit: early and often` is a sentence, also at the end of a file.
                Err(SkipReason::NotAnId { given }) if !given.is_empty() => Judgement::Prose,
                Ok(_) | Err(_) if at_end => Judgement::Skip(SkipReason::Truncated, self),
                Ok(_) => Judgement::Skip(SkipReason::NoStatus, self),
                Err(_) => Judgement::Prose,
            };
        };
        let commit = match id {
            Ok(commit) => commit,
            Err(reason) => return Judgement::Skip(reason, self),
        };
        let status = parse_status(&status);
        if self.cut == Some(Key::Status) && matches!(status, EntryStatus::Other(_)) {
            return Judgement::Skip(SkipReason::Truncated, self);
        }
        // `Release: 1` without a line ending may have been `Release: 12`.
        let is_whole = self.cut != Some(Key::Release);
        let number = |text: &String| {
            let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number && is_whole { text.parse::<u64>().ok() } else { None }
        };
        let release = self.release.as_ref().and_then(number);
        if release.is_none()
            && let Some(text) = self.release.take()
        {
            // `Release: v2.0.3` is a field of the team's own.
            self.fields.push((Key::Release.name().to_owned(), text));
        }
        Judgement::Entry(Entry {
            commit,
            branch: self.branch,
            date: self.date,
            status,
            release,
            form,
            line: Some(self.line),
            fields: self.fields,
            offset: self.offset,
            block: self.start..self.start,
        })
    }
}
