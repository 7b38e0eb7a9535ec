//! Reads a ledger line by line, in memory that does not grow with the file.

use super::error::{LedgerError, SkipReason, Unclosed, Warning};
use super::field::{Field, Key, parse_commit, parse_field, parse_status};
use super::markdown::{Hidden, Line, Markdown};
use super::{Entry, EntryStatus, Form, Ledger, Presence};

/// A line is read up to here; the rest of a longer one (an embedded picture, minified HTML) is
/// not looked at.
pub(crate) const MAX_LINE: usize = 1 << 20;
/// Warnings are kept up to this many, the last ones.
pub(super) const MAX_WARNINGS: usize = 1000;
const MAX_FIELDS: usize = 256;
const MAX_FIELD_BYTES: usize = 64 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A ledger, and what appending and carrying forward must know besides.
pub(super) struct Parsed {
    pub(super) ledger: Ledger,
    /// What the end of the file leaves open, and the line that opened it.
    pub(super) unclosed: Option<(Unclosed, u64)>,
}

/// Reads a whole text from its start.
pub(super) fn parse_all(bytes: &[u8]) -> Result<Parsed, LedgerError> {
    refuse_utf16(bytes)?;
    let mut parser = Parser::at_start();
    parser.push_text(bytes)?;
    Ok(parser.finish())
}

/// Refuses the two byte order marks of UTF-16.
pub(crate) fn refuse_utf16(start: &[u8]) -> Result<(), LedgerError> {
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(LedgerError::NotUtf8 { line: 1 });
    }
    Ok(())
}

/// The fields of one block, until it is known what the block is.
struct Block {
    offset: u64,
    line: u64,
    /// Where the rule and heading above begin, or the block itself.
    start: u64,
    /// Where the text before `start` ends.
    end_before: u64,
    date: Option<String>,
    branch: Option<String>,
    /// As written, with the form of its line.
    commit: Option<(String, Form)>,
    status: Option<String>,
    release: Option<String>,
    fields: Vec<(String, String)>,
    bytes: usize,
    /// The first thing that makes it impossible to read the block as an entry.
    fault: Option<SkipReason>,
    /// The last line that was read, a status or a release, has no line ending.
    cut: Option<Key>,
}

/// Lines of fields that follow each other.
struct Run {
    block: Block,
    /// The block is the first of the run.
    is_first: bool,
    /// The run's first status stands before its first commit, so a status may belong to the commit
    /// after it: only a run with one commit and one status can be understood.
    status_first: bool,
    /// The block before this one leaves it open whose status this is.
    tainted: bool,
}

/// The parser: push lines, then finish.
pub(crate) struct Parser {
    markdown: Markdown,
    offset: u64,
    line: u64,
    opened_at: u64,
    run: Option<Run>,
    open: Option<Entry>,
    /// The end of the last line that is not blank.
    content_end: u64,
    /// Start of the rule and heading directly above, and the end of the text before them.
    preamble: Option<(u64, u64)>,
    preamble_has_heading: bool,
    /// The last line was read, and it has no line ending.
    unterminated: bool,
    finished: bool,
    has_text: bool,
    seen_visible: bool,
    keep: usize,
    ledger: Ledger,
}

impl Parser {
    /// Starts at the first byte of a file.
    pub(crate) fn at_start() -> Self {
        Self::within(0, Hidden::No)
    }

    /// Starts at the beginning of a line within a file. Lines are counted from there.
    pub(super) fn within(offset: u64, hidden: Hidden) -> Self {
        Self {
            markdown: Markdown::new(hidden),
            offset,
            line: 0,
            opened_at: 0,
            run: None,
            open: None,
            content_end: offset,
            preamble: None,
            preamble_has_heading: false,
            unterminated: false,
            finished: false,
            has_text: false,
            seen_visible: false,
            keep: usize::MAX,
            ledger: Ledger::default(),
        }
    }

    /// Keeps only the newest `count` entries while it reads.
    pub(crate) fn keeping(mut self, count: usize) -> Self {
        self.keep = count;
        self
    }

    /// Says whether any line so far was not hidden.
    pub(super) fn seen_visible(&self) -> bool {
        self.seen_visible
    }

    /// Reads all lines of a text, the last of which may lack its line ending.
    pub(super) fn push_text(&mut self, text: &[u8]) -> Result<(), LedgerError> {
        text.split_inclusive(|byte| *byte == b'\n')
            .try_for_each(|line| self.push(line, line.len() as u64))
    }

    /// Reads a line with its line ending. `length` is that of the whole line in the file, of
    /// which `raw` holds at least the first [`MAX_LINE`] bytes, and the `\n` if `raw` is shorter
    /// than that.
    pub(crate) fn push(&mut self, raw: &[u8], length: u64) -> Result<(), LedgerError> {
        let start = self.offset;
        self.offset += length;
        self.line += 1;
        let is_long = raw.len() > MAX_LINE;
        let raw = &raw[..raw.len().min(MAX_LINE)];
        let text = raw.strip_suffix(b"\n");
        self.unterminated = text.is_none() && !is_long;
        let text = text.unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = if start == 0 { text.strip_prefix(BOM).unwrap_or(text) } else { text };
        self.refuse_conflict(text)?;
        let was_hidden = self.markdown.hidden();
        let line = self.markdown.next(text);
        if was_hidden != self.markdown.hidden() {
            self.opened_at = self.line;
        }
        self.seen_visible |= line != Line::Hidden;
        self.has_text |= line != Line::Blank;
        match line {
            Line::Blank => self.end_run(),
            Line::Rule => self.boundary(start, false),
            Line::Heading(level) if level <= 2 => self.boundary(start, true),
            Line::Heading(_) => {
                self.end_run();
                self.heading(start);
            }
            Line::Other | Line::Hidden => {
                self.end_run();
                self.preamble = None;
            }
            Line::Text(text) => self.text(text, start),
        }
        if line != Line::Blank {
            self.content_end = self.offset;
        }
        Ok(())
    }

    /// Ends the reading.
    pub(super) fn finish(mut self) -> Parsed {
        self.finished = true;
        self.end_run();
        let end = self.content_end;
        self.close_open(end);
        let unclosed = match self.markdown.hidden() {
            Hidden::No | Hidden::InlineComment => None,
            Hidden::Fence { .. } => Some((Unclosed::Fence, self.opened_at)),
            Hidden::Html(_) => Some((Unclosed::Html, self.opened_at)),
        };
        let mut ledger = self.ledger;
        ledger.presence = if self.has_text { Presence::Text } else { Presence::Empty };
        Parsed { ledger: ledger.newest(self.keep), unclosed }
    }

    /// Ends the reading and returns the entries.
    pub(crate) fn into_ledger(self) -> Ledger {
        self.finish().ledger
    }

    /// One marker is enough: a conflict that was resolved by half is not resolved. A line of `=`
    /// alone is the underline of a heading.
    fn refuse_conflict(&self, text: &[u8]) -> Result<(), LedgerError> {
        for marker in ["<<<<<<<", ">>>>>>>", "|||||||"] {
            if let Some(rest) = text.strip_prefix(marker.as_bytes())
                && rest.first().is_none_or(|byte| *byte == b' ')
                // Seven empty columns are a row of a table.
                && !(marker == "|||||||" && rest.is_empty())
            {
                return Err(LedgerError::ConflictMarker {
                    line: self.line,
                    marker: marker.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn heading(&mut self, start: u64) {
        let rule_above = if self.preamble_has_heading { None } else { self.preamble };
        self.preamble = rule_above.or(Some((start, self.content_end)));
        self.preamble_has_heading = true;
    }

    fn boundary(&mut self, start: u64, is_heading: bool) {
        self.end_run();
        let end = self.content_end;
        self.close_open(end);
        if is_heading {
            self.heading(start);
        } else {
            self.preamble = Some((start, end));
            self.preamble_has_heading = false;
        }
    }

    fn text(&mut self, text: &[u8], start: u64) {
        let field = match std::str::from_utf8(text) {
            Ok(text) => match parse_field(text) {
                Some(field) => Some(field),
                None => {
                    self.end_run();
                    self.preamble = None;
                    return;
                }
            },
            Err(_) => None,
        };
        let begins = match (&self.run, &field) {
            (None, _) => {
                let block = self.new_block(start);
                let run = Run { block, is_first: true, status_first: false, tainted: false };
                self.run = Some(run);
                false
            }
            (Some(run), Some(field)) => run.ends_before(&field.key),
            (Some(_), None) => false,
        };
        if begins {
            self.next_block(field.as_ref().is_some_and(|f| f.key == Key::Status), start);
        }
        let cut = self.unterminated;
        if let Some(run) = &mut self.run {
            run.take(field, cut);
        }
        self.preamble = None;
    }

    fn new_block(&self, start: u64) -> Block {
        let (block_start, end_before) = self.preamble.unwrap_or((start, self.content_end));
        Block {
            offset: start,
            line: self.line,
            start: block_start,
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
        }
    }

    /// Ends a block within a run and begins the next one.
    fn next_block(&mut self, at_status: bool, start: u64) {
        let block = self.new_block(start);
        let Some(run) = &mut self.run else { return };
        let mut done = std::mem::replace(&mut run.block, block);
        let tainted = run.tainted;
        // Two statuses and one commit: whose is which?
        run.tainted = at_status || done.commit.is_none();
        run.is_first = false;
        if (at_status || tainted) && done.commit.is_some() {
            done.fault.get_or_insert(SkipReason::Ambiguous);
        }
        self.judge(done);
    }

    fn end_run(&mut self) {
        let Some(mut run) = self.run.take() else { return };
        if run.tainted && run.block.commit.is_some() {
            run.block.fault.get_or_insert(SkipReason::Ambiguous);
        }
        self.judge(run.block);
    }

    fn judge(&mut self, block: Block) {
        if block.commit.is_none() && block.status.is_none() {
            if self.unterminated && (block.date.is_some() || block.branch.is_some()) {
                self.warn(&block, SkipReason::Truncated);
                return;
            }
            self.attach(block);
            return;
        }
        self.close_open(block.end_before);
        match block.judge(self.finished || self.unterminated) {
            Judgement::Prose => {}
            Judgement::Skip(reason, block) => self.warn(&block, reason),
            Judgement::Entry(entry) => self.open = Some(entry),
        }
    }

    /// Fields after an entry (`**Deployment**: Ready for production`) are the entry's.
    fn attach(&mut self, block: Block) {
        if let Some(entry) = &mut self.open {
            let named =
                [("Date", block.date), ("Branch", block.branch), ("Release", block.release)];
            let named = named
                .into_iter()
                .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)));
            let room = MAX_FIELDS.saturating_sub(entry.fields.len());
            entry.fields.extend(named.chain(block.fields).take(room));
        }
    }

    fn close_open(&mut self, end: u64) {
        if let Some(mut entry) = self.open.take() {
            entry.block.end = end;
            self.ledger.entries.push(entry);
            // Twice the room, so that the surplus is moved out only now and then.
            if self.ledger.entries.len() / 2 > self.keep {
                self.ledger = std::mem::take(&mut self.ledger).newest(self.keep);
            }
        }
    }

    fn warn(&mut self, block: &Block, what: SkipReason) {
        let warning = Warning { line: Some(block.line), offset: block.offset, what };
        self.ledger.warnings.push(warning);
        if self.ledger.warnings.len() >= 2 * MAX_WARNINGS {
            self.ledger.warnings.drain(..MAX_WARNINGS);
        }
    }
}

impl Run {
    /// A date, branch, commit or status after a status begins the next block.
    fn ends_before(&self, key: &Key) -> bool {
        match key {
            Key::Date | Key::Branch | Key::Commit | Key::Status => {
                self.block.status.is_some() && !self.status_first
            }
            Key::Release | Key::Other(_) => false,
        }
    }

    fn take(&mut self, field: Option<Field<'_>>, cut: bool) {
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
        let value = value.to_owned();
        let repeated = match &key {
            Key::Date => block.date.replace(value).is_some(),
            Key::Branch => block.branch.replace(value).is_some(),
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

enum Judgement {
    Prose,
    Skip(SkipReason, Block),
    Entry(Entry),
}

impl Block {
    /// Decides whether the block is an entry.
    fn judge(mut self, at_end: bool) -> Judgement {
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
