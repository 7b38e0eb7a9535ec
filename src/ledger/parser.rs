//! Reads a ledger line by line, in memory that does not grow with the file.

use super::block::{Block, Judgement, MAX_FIELDS, Run};
use super::error::{LedgerError, SkipReason, Unclosed, Warning};
use super::field::{Key, parse_field};
use super::markdown::{Hidden, Line, Markdown};
use super::{Entry, Ledger, Presence};

/// A line is read up to here; the rest of a longer one (an embedded picture, minified HTML) is
/// not looked at.
pub(crate) const MAX_LINE: usize = 1 << 20;
/// Warnings are kept up to this many, the last ones.
pub(super) const MAX_WARNINGS: usize = 1000;
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

/// Where the text ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// Further on, as far as one can tell.
    NotReached,
    /// Here, after a line ending.
    Reached,
    /// Here, and the last line has no line ending.
    Cut,
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
    end: End,
    /// The branch of a paragraph of its own, directly above.
    branch_above: Option<String>,
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
            end: End::NotReached,
            branch_above: None,
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

    /// Says whether any line so far was not hidden, or ended what hid the lines before it.
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
        let is_cut = text.is_none() && !is_long;
        self.end = if is_cut { End::Cut } else { End::NotReached };
        let text = text.unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let text = if start == 0 { text.strip_prefix(BOM).unwrap_or(text) } else { text };
        self.refuse_conflict(text)?;
        let was_hidden = self.markdown.hidden();
        let line = self.markdown.next(text);
        if was_hidden != self.markdown.hidden() {
            self.opened_at = self.line;
        }
        // The line that ends what hid the others is hidden itself, and proves as much as a visible one.
        let ended = was_hidden != Hidden::No && self.markdown.hidden() == Hidden::No;
        self.seen_visible |= ended || line != Line::Hidden;
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
                self.end_preamble();
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
        if self.end == End::NotReached {
            self.end = End::Reached;
        }
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

    fn end_preamble(&mut self) {
        self.preamble = None;
        self.branch_above = None;
    }

    fn boundary(&mut self, start: u64, is_heading: bool) {
        self.end_run();
        self.branch_above = None;
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
        let field = std::str::from_utf8(text).map(parse_field);
        if field == Ok(None) {
            self.end_run();
            self.end_preamble();
            return;
        }
        // A line that is not UTF-8 may have been a field; it spoils the block it stands in.
        let field = field.ok().flatten();
        let begins = match (&self.run, &field) {
            (None, _) => {
                let block = self.new_block(start);
                self.run = Some(Run::new(block));
                false
            }
            (Some(run), Some(field)) => run.ends_before(&field.key),
            (Some(_), None) => false,
        };
        if begins {
            self.next_block(field.as_ref().is_some_and(|f| f.key == Key::Status), start);
        }
        let cut = self.end == End::Cut;
        if let Some(run) = &mut self.run {
            run.take(field, cut);
        }
        self.preamble = None;
    }

    fn new_block(&self, start: u64) -> Block {
        let (block_start, end_before) = self.preamble.unwrap_or((start, self.content_end));
        Block::new(start, self.line, block_start, end_before)
    }

    /// Ends a block within a run and begins the next one.
    fn next_block(&mut self, at_status: bool, start: u64) {
        let block = self.new_block(start);
        if let Some(run) = &mut self.run {
            let done = run.next_block(block, at_status);
            self.judge(done);
        }
    }

    fn end_run(&mut self) {
        if let Some(run) = self.run.take() {
            self.judge(run.into_block());
        }
    }

    fn judge(&mut self, block: Block) {
        if block.commit.is_none() && block.status.is_none() {
            if self.end == End::Cut && (block.date.is_some() || block.branch.is_some()) {
                self.warn(&block, SkipReason::Truncated);
                return;
            }
            self.branch_above.clone_from(&block.branch);
            self.attach(block);
            return;
        }
        let branch_above = self.branch_above.take();
        self.close_open(block.end_before);
        match block.judge(self.end != End::NotReached) {
            Judgement::Prose => {}
            Judgement::Skip(reason, block) => self.warn(&block, reason),
            Judgement::Entry(mut entry) => {
                // Set apart, but meant: an entry of another branch must not pass for one of none.
                entry.branch = entry.branch.or(branch_above);
                self.open = Some(entry);
            }
        }
    }

    /// Fields after an entry (`**Deployment**: Ready for production`) are the entry's.
    fn attach(&mut self, mut block: Block) {
        if let Some(entry) = &mut self.open {
            if entry.branch.is_none() {
                entry.branch = block.branch.take();
            }
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
