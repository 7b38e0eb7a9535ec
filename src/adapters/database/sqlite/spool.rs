//! The spool of an import, read row by row: see [`crate::data::import::Load`].

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

/// How much is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// A spool that is being read.
pub(super) struct Spool {
    file: BufReader<File>,
    record: Vec<u8>,
}

impl Spool {
    /// Opens it, and passes over the header.
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = BufReader::with_capacity(BUFFER, File::open(path)?);
        let mut spool = Self { file, record: Vec::new() };
        spool.next()?;
        Ok(spool)
    }

    /// Reads the next row; its values are those of [`values`].
    #[expect(
        clippy::naive_bytecount,
        reason = "a crate for it would save milliseconds of a million rows"
    )]
    pub(super) fn next(&mut self) -> std::io::Result<Option<&str>> {
        self.record.clear();
        // A line break between quotes belongs to the value.
        let mut is_open = false;
        loop {
            let begun = self.record.len();
            if self.file.read_until(b'\n', &mut self.record)? == 0 {
                break;
            }
            let added = self.record.get(begun..).unwrap_or_default();
            let quotes = added.iter().filter(|byte| **byte == b'"').count();
            is_open ^= quotes % 2 == 1;
            if !is_open {
                break;
            }
        }
        while matches!(self.record.last(), Some(b'\n' | b'\r')) {
            self.record.pop();
        }
        if self.record.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(&self.record);
        text.map(Some).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

/// Returns the values of a row; `None` is NULL.
pub(super) fn values(record: &str) -> impl Iterator<Item = Option<Cow<'_, str>>> {
    let mut rest = Some(record);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(quoted) = text.strip_prefix('"') else {
            let (value, after) = match text.split_once(',') {
                Some((value, after)) => (value, Some(after)),
                None => (text, None),
            };
            rest = after;
            return Some((value != "\\N").then_some(Cow::Borrowed(value)));
        };
        let mut from = 0;
        let end = loop {
            let Some(found) = quoted.get(from..).and_then(|text| text.find('"')) else {
                break quoted.len();
            };
            if quoted.as_bytes().get(from + found + 1) != Some(&b'"') {
                break from + found;
            }
            from += found + 2;
        };
        let value = quoted.get(..end).unwrap_or_default();
        rest = quoted.get(end + 1..).and_then(|after| after.strip_prefix(','));
        Some(Some(if from == 0 {
            Cow::Borrowed(value)
        } else {
            Cow::Owned(value.replace("\"\"", "\""))
        }))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    /// Each line is looked at once: else this would not end today.
    #[test]
    fn a_value_of_a_million_lines_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let value = "\"\"\n".repeat(1_000_000);
        std::fs::write(&path, format!("tidegate_row,a\n2,\"{value}\"\n3,x\n")).unwrap();
        let mut spool = Spool::open(&path).unwrap();
        let read = values(spool.next().unwrap().unwrap()).nth(1).unwrap().unwrap().into_owned();
        assert!(read == value.replace("\"\"", "\""), "{} bytes", read.len());
        assert_eq!(spool.next().unwrap(), Some("3,x"));
    }

    #[test]
    fn values_come_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let text = "tidegate_row,a,b\n2,\"x,\"\"y\"\"\",\\N\n\"3\",\"\\N\",\"two\n\"\"lines\r\n\"\n4,\"\",\"end\"\n";
        std::fs::write(&path, text).unwrap();
        let mut spool = Spool::open(&path).unwrap();
        let mut rows: Vec<Vec<Option<String>>> = Vec::new();
        while let Some(record) = spool.next().unwrap() {
            rows.push(values(record).map(|value| value.map(Cow::into_owned)).collect());
        }
        let value = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows,
            [
                [value("2"), value("x,\"y\""), None],
                [value("3"), value("\\N"), value("two\n\"lines\r\n")],
                [value("4"), value(""), value("end")],
            ]
        );
    }
}
