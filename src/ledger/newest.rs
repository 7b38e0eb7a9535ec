//! The newest entries of a long ledger, from its last bytes.
//!
//! 1. A window at the end of the text is read from its first blank line after which a line begins
//!    in the first column: no block of fields, quotation or list reaches beyond it.
//! 2. It must hold one entry more than asked for, so that the oldest one wanted is whole.
//! 3. Whether the window begins within a code fence or an HTML block is not known from the window
//!    alone. So it is read again under each such assumption; when any of them changes the answer,
//!    a larger window is needed, and at last the whole text.
//!
//! One assumption remains: what would hide the whole window, without a line in it that could end
//! it, is taken not to be there (a fence or comment above the window that is never closed).

use super::error::LedgerError;
use super::markdown::{Hidden, HtmlEnd, opens_fence, split_indent};
use super::parser::{Parser, parse_all, refuse_utf16};
use super::{Entry, Ledger, Warning};

/// Sizes of the window, in bytes. After the last one the whole text is read from its start.
pub(crate) const WINDOWS: [u64; 4] = [64 << 10, 256 << 10, 1 << 20, 4 << 20];

/// Longer fences than this are not tried one by one.
const LONGEST_FENCE: usize = 12;

/// The end of a text.
pub(crate) struct Window<'a> {
    /// The bytes from `start` to the end of the text.
    pub(crate) bytes: &'a [u8],
    /// Where the window begins, in bytes from the start of the text.
    pub(crate) start: u64,
}

/// What a window tells.
#[derive(Debug)]
pub(crate) enum WindowAnswer {
    /// The newest entries.
    Known(Ledger),
    /// They cannot be told from this window.
    NeedsMore,
}

/// A fault in the window.
#[derive(Debug)]
pub(crate) struct WindowError {
    /// The fault, with its line counted from `base`.
    pub(crate) error: LedgerError,
    /// Where the reading began, in bytes from the start of the text.
    pub(crate) base: u64,
}

/// Reads the newest `count` entries out of a window.
pub(crate) fn read_window(window: &Window<'_>, count: usize) -> Result<WindowAnswer, WindowError> {
    if window.start == 0 {
        return parse_all(window.bytes)
            .map(|parsed| WindowAnswer::Known(parsed.ledger.newest(count)))
            .map_err(|error| WindowError { error, base: 0 });
    }
    let Some(skipped) = safe_start(window.bytes) else { return Ok(WindowAnswer::NeedsMore) };
    let bytes = &window.bytes[skipped..];
    let base = window.start + skipped as u64;
    let read = |hidden| -> Result<(Ledger, bool), WindowError> {
        let mut parser = Parser::within(base, hidden);
        parser.push_text(bytes).map_err(|error| WindowError { error, base })?;
        let seen_visible = parser.seen_visible();
        Ok((parser.into_ledger(), seen_visible))
    };
    let (ledger, _) = read(Hidden::No)?;
    if ledger.entries.len() <= count {
        return Ok(WindowAnswer::NeedsMore);
    }
    let answer = ledger.newest(count);
    let Some(assumptions) = assumptions(bytes) else { return Ok(WindowAnswer::NeedsMore) };
    for hidden in assumptions {
        let (other, seen_visible) = read(hidden)?;
        if seen_visible && (other.entries.len() <= count || other.newest(count) != answer) {
            return Ok(WindowAnswer::NeedsMore);
        }
    }
    Ok(WindowAnswer::Known(without_lines(answer)))
}

/// Reads the newest `count` entries of a text: the same as the last ones of
/// [`parse`](super::parse), at the cost of what they take up.
///
/// Lines are given when the text was read from its start, which is so for a short one;
/// [`number_lines`] adds them to the others. A conflict marker is an error when it stands in what
/// was read.
pub fn newest_entries_in(bytes: &[u8], count: usize) -> Result<Ledger, LedgerError> {
    refuse_utf16(bytes)?;
    for size in WINDOWS {
        let start = (bytes.len() as u64).saturating_sub(size);
        // A window is no longer than the slice, so its start fits.
        let from = usize::try_from(start).unwrap_or(0);
        match read_window(&Window { bytes: &bytes[from..], start }, count) {
            Ok(WindowAnswer::Known(ledger)) => return Ok(ledger),
            Ok(WindowAnswer::NeedsMore) => {}
            Err(WindowError { error, base }) => {
                let above = usize::try_from(base).unwrap_or(0);
                return Err(error.below(count_lines(&bytes[..above])));
            }
        }
    }
    parse_all(bytes).map(|parsed| parsed.ledger.newest(count))
}

/// Adds the missing lines to entries and warnings; `bytes` is the text they were read from. Reads
/// the text up to the last of them.
pub fn number_lines(bytes: &[u8], ledger: &mut Ledger) {
    let mut numbers = LineNumbers::of(ledger);
    numbers.advance(bytes);
    numbers.put_into(ledger);
}

/// Counts lines up to the offsets of entries and warnings.
pub(crate) struct LineNumbers {
    /// Ascending, each with its line once it is known.
    offsets: Vec<(u64, Option<u64>)>,
    next: usize,
    offset: u64,
    line: u64,
}

impl LineNumbers {
    /// Notes the offsets of a ledger's entries and warnings.
    pub(crate) fn of(ledger: &Ledger) -> Self {
        let entries = ledger.entries.iter().map(|entry| entry.offset);
        let warnings = ledger.warnings.iter().map(|warning| warning.offset);
        let mut offsets: Vec<_> = entries.chain(warnings).map(|offset| (offset, None)).collect();
        offsets.sort_unstable();
        Self { offsets, next: 0, offset: 0, line: 1 }
    }

    /// Reads the next bytes of the text; returns whether more are needed.
    pub(crate) fn advance(&mut self, bytes: &[u8]) -> bool {
        let mut rest = bytes;
        while let Some((offset, line)) = self.offsets.get_mut(self.next) {
            let ahead = usize::try_from(*offset - self.offset).unwrap_or(usize::MAX);
            if ahead > rest.len() {
                break;
            }
            let (before, after) = rest.split_at(ahead);
            self.line += count_lines(before);
            self.offset = *offset;
            *line = Some(self.line);
            self.next += 1;
            rest = after;
        }
        self.line += count_lines(rest);
        self.offset += rest.len() as u64;
        self.next < self.offsets.len()
    }

    /// Writes the lines that were found.
    pub(crate) fn put_into(&self, ledger: &mut Ledger) {
        let line_of = |offset: u64| {
            let at = self.offsets.partition_point(|(other, _)| *other < offset);
            self.offsets.get(at).and_then(|(_, line)| *line)
        };
        for Entry { offset, line, .. } in &mut ledger.entries {
            *line = line_of(*offset);
        }
        for Warning { offset, line, .. } in &mut ledger.warnings {
            *line = line_of(*offset);
        }
    }
}

/// Counts the line feeds.
pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    // Blocks of 255 are counted in one byte each, which the compiler turns into vector code.
    bytes
        .chunks(255)
        .map(|chunk| u64::from(chunk.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>()))
        .sum()
}

fn without_lines(mut ledger: Ledger) -> Ledger {
    for entry in &mut ledger.entries {
        entry.line = None;
    }
    for warning in &mut ledger.warnings {
        warning.line = None;
    }
    ledger
}

/// Returns the first blank line after which a line begins in the first column.
fn safe_start(bytes: &[u8]) -> Option<usize> {
    // The window may begin in the middle of a line.
    let mut offset = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let mut blank = None;
    for line in bytes[offset..].split_inclusive(|byte| *byte == b'\n') {
        let (indent, text) = split_indent(line.strip_suffix(b"\n").unwrap_or(line));
        if text.is_empty() {
            blank.get_or_insert(offset);
        } else if indent == 0 && blank.is_some() {
            return blank;
        } else {
            blank = None;
        }
        offset += line.len();
    }
    None
}

/// Returns what may hide the start of the window and end within it; `None` when that is too much
/// to try.
fn assumptions(bytes: &[u8]) -> Option<Vec<Hidden>> {
    let mut found = Vec::new();
    for mark in [b'`', b'~'] {
        let longest = bytes
            .split(|byte| *byte == b'\n')
            .filter_map(|line| opens_fence(split_indent(line).1))
            .filter_map(|(found, length)| (found == mark).then_some(length))
            .max()
            .unwrap_or(0);
        if longest > LONGEST_FENCE {
            return None;
        }
        for length in 3..=longest {
            // A fence in a list item ends with the line in the first column that follows.
            found.push(Hidden::Fence { mark, length, container: 0 });
        }
    }
    if bytes.contains(&b'>') {
        found.extend(HtmlEnd::ALL.map(Hidden::Html));
    }
    Some(found)
}
