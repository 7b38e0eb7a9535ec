//! Lines and quotes of CSV (RFC 4180): records with the physical line at which they begin.
//!
//! A quote that stands inside a cell without quotes is a character like others.

use std::io::{BufRead, Read as _};

use super::RowsError;

/// The most bytes of one row.
const MOST_BYTES: u64 = 1 << 20;

/// What to do about quotes.
const QUOTES: &str =
    "a cell with a quote stands between quotes, and the quote is written twice: \"2 \"\"cups\"\"\"";

/// Reads records.
#[derive(Debug)]
pub(super) struct Records<R> {
    input: R,
    name: String,
    pub(super) separator: u8,
    /// The line that is read next, from 1.
    line: u64,
}

/// One record; used again for the next.
#[derive(Debug, Default)]
pub(super) struct Record {
    text: String,
    cells: Vec<(usize, usize)>,
    line: u64,
    problem: Option<&'static str>,
    /// The lines of a record with quotes, before these were taken away, and where its cells stand there.
    written: Vec<u8>,
    written_cells: Vec<(usize, usize)>,
}

impl Record {
    /// Returns the line at which it begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Returns how many cells it has.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// Returns a cell.
    pub(super) fn cell(&self, place: usize) -> Option<&str> {
        self.cells.get(place).and_then(|(from, to)| self.text.get(*from..*to))
    }

    /// Returns its cells with their quotes, where it has some.
    pub(super) fn as_written(&self) -> impl Iterator<Item = &str> {
        let cells = self.written_cells.iter().filter_map(|(from, to)| self.written.get(*from..*to));
        // Each line was found to be UTF-8, and separators stand between characters.
        cells.map(|cell| std::str::from_utf8(cell).unwrap_or_default())
    }

    /// Returns why its cells cannot be told apart.
    pub(super) fn problem(&self) -> Option<&'static str> {
        self.problem
    }
}

impl<R: BufRead> Records<R> {
    /// Reads from the begin of a file, with `,` between cells.
    pub(super) fn new(input: R, name: &str) -> Self {
        Self { input, name: name.to_owned(), separator: b',', line: 1 }
    }

    /// Returns what can be seen of the text without reading it.
    pub(super) fn peek(&mut self) -> Result<&[u8], RowsError> {
        let name = &self.name;
        let unreadable = |source| RowsError::Unreadable { file: name.clone(), source };
        self.input.fill_buf().map_err(unreadable)
    }

    /// Leaves out a byte order mark.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }

    /// Makes an error of what is wrong with the file.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> RowsError {
        RowsError::Wrong { file: self.name.clone(), problem: problem.into(), hint: None }
    }

    /// The same, with what to do.
    pub(super) fn wrong_with(&self, problem: impl Into<String>, hint: &'static str) -> RowsError {
        RowsError::Wrong { file: self.name.clone(), problem: problem.into(), hint: Some(hint) }
    }

    /// Reads the next record that is no empty line; `false` after the last.
    pub(super) fn next(&mut self, record: &mut Record) -> Result<bool, RowsError> {
        let mut bytes = std::mem::take(&mut record.text).into_bytes();
        record.cells.clear();
        record.problem = None;
        let end = loop {
            bytes.clear();
            record.line = self.line;
            if !self.line(&mut bytes, record.line)? {
                return Ok(false);
            }
            match without_break(&bytes) {
                0 => {}
                end => break end,
            }
        };
        if bytes.contains(&b'"') {
            self.quoted(&mut bytes, record)?;
        } else {
            let mut from = 0;
            for (place, _) in
                bytes[..end].iter().enumerate().filter(|(_, byte)| **byte == self.separator)
            {
                record.cells.push((from, place));
                from = place + 1;
            }
            record.cells.push((from, end));
        }
        // Each line was found to be UTF-8, and what is left out of it stands between characters.
        record.text = String::from_utf8(bytes)
            .map_err(|_| self.wrong(format!("line {}: no UTF-8", record.line)))?;
        Ok(true)
    }

    /// Adds the next physical line; `false` at the end of the file.
    fn line(&mut self, bytes: &mut Vec<u8>, begun: u64) -> Result<bool, RowsError> {
        let from = bytes.len();
        let left = (MOST_BYTES + 1).saturating_sub(from as u64);
        let read = (&mut self.input).take(left).read_until(b'\n', bytes);
        let read =
            read.map_err(|source| RowsError::Unreadable { file: self.name.clone(), source })?;
        if bytes.len() as u64 > MOST_BYTES {
            let problem = format!(
                "line {begun}: the row has more than {MOST_BYTES} bytes; is a quote not closed?"
            );
            return Err(self.wrong_with(problem, QUOTES));
        }
        if let Err(error) = std::str::from_utf8(&bytes[from..]) {
            let problem =
                format!("line {}: byte {} is no UTF-8", self.line, error.valid_up_to() + 1);
            return Err(self.wrong_with(problem, "save it as \"CSV UTF-8\", or convert it: iconv -f WINDOWS-1252 -t UTF-8 old.csv > new.csv"));
        }
        self.line += u64::from(read > 0);
        Ok(read > 0)
    }

    /// Takes the quotes away, in place: what is left is never longer.
    fn quoted(&mut self, bytes: &mut Vec<u8>, record: &mut Record) -> Result<(), RowsError> {
        let separator = self.separator;
        let (mut at, mut to) = (0, 0);
        let mut end = without_break(bytes);
        record.written.clear();
        record.written.extend_from_slice(bytes);
        record.written_cells.clear();
        loop {
            let (from, begun) = (to, at);
            if bytes.get(at) == Some(&b'"') && at < end {
                at += 1;
                loop {
                    match bytes.get(at) {
                        None => {
                            let before = bytes.len();
                            if !self.line(bytes, record.line)? {
                                let problem = format!(
                                    "line {}: a quote of the row is not closed",
                                    record.line
                                );
                                return Err(self.wrong_with(problem, QUOTES));
                            }
                            record.written.extend_from_slice(&bytes[before..]);
                            end = without_break(bytes);
                        }
                        Some(b'"') if bytes.get(at + 1) == Some(&b'"') => {
                            bytes[to] = b'"';
                            (at, to) = (at + 2, to + 1);
                        }
                        Some(b'"') => {
                            at += 1;
                            break;
                        }
                        Some(byte) => {
                            bytes[to] = *byte;
                            (at, to) = (at + 1, to + 1);
                        }
                    }
                }
                if at < end && bytes[at] != separator {
                    record.problem = Some("expected the end of the cell after its closing quote");
                }
            }
            while at < end && bytes[at] != separator {
                bytes[to] = bytes[at];
                (at, to) = (at + 1, to + 1);
            }
            record.cells.push((from, to));
            record.written_cells.push((begun, at));
            if at >= end {
                bytes.truncate(to);
                return Ok(());
            }
            at += 1;
        }
    }
}

/// Returns how long a line is without its break.
fn without_break(bytes: &[u8]) -> usize {
    let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}
