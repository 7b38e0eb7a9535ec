//! Reads the newest entries of a ledger file from its end.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::ledger::{
    Ledger, LedgerError, LineNumbers, MAX_LINE, Parser, Presence, WINDOWS, Window, WindowAnswer,
    count_lines, read_window, refuse_utf16,
};

/// Says why a ledger file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFileError {
    /// The text is at fault.
    #[error("{}: {source}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and in which line.
        source: LedgerError,
    },
    /// The path leads to a folder, a pipe or a device.
    #[error("{}: not a regular file; give the path of the ledger", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The system refused it.
    #[error("{}: cannot read the ledger: {source}; check that the file may be read", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Reads the newest `count` entries of a file, in the order of the file.
///
/// They are the last ones that [`parse`](crate::ledger::parse) finds, and cost what they take up,
/// however long the file is. Only when the state of the document cannot be told from its last
/// 4 MiB (a bare code fence in every entry leaves open what is inside and what is outside) is the whole
/// file read, in constant memory.
/// [`Ledger::presence`] tells a missing file from an empty one; neither is an error. Lines are given
/// where the file was read from its start; [`number_lines`] adds them elsewhere. A conflict marker
/// is an error when it stands in what was read.
pub fn newest_entries(path: &Path, count: usize) -> Result<Ledger, LedgerFileError> {
    let Some(mut file) = LedgerFile::open(path)? else {
        return Ok(Ledger { presence: Presence::Missing, ..Ledger::default() });
    };
    file.newest_entries(count).map_err(|fault| fault.at(path))
}

/// Adds the missing lines to entries and warnings that were read from this file; reads the file
/// once, up to the last of them.
pub fn number_lines(path: &Path, ledger: &mut Ledger) -> Result<(), LedgerFileError> {
    let Some(mut file) = LedgerFile::open(path)? else { return Ok(()) };
    let mut numbers = LineNumbers::of(ledger);
    file.each_chunk(u64::MAX, |chunk| numbers.advance(chunk)).map_err(|e| Fault::Io(e).at(path))?;
    numbers.put_into(ledger);
    Ok(())
}

enum Fault {
    Io(io::Error),
    Text(LedgerError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<LedgerError> for Fault {
    fn from(error: LedgerError) -> Self {
        Self::Text(error)
    }
}

impl Fault {
    fn at(self, path: &Path) -> LedgerFileError {
        let path = path.to_owned();
        match self {
            Self::Io(source) => LedgerFileError::Io { path, source },
            Self::Text(source) => LedgerFileError::Text { path, source },
        }
    }
}

struct LedgerFile {
    file: File,
    length: u64,
}

impl LedgerFile {
    /// Opens the file; `None` when there is none.
    fn open(path: &Path) -> Result<Option<Self>, LedgerFileError> {
        let io = |source| Fault::Io(source).at(path);
        // Asked before it is opened: opening a pipe would wait for a writer.
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        if !metadata.is_file() {
            return Err(LedgerFileError::NotAFile { path: path.to_owned() });
        }
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io(error)),
        };
        let length = file.metadata().map_err(io)?.len();
        Ok(Some(Self { file, length }))
    }

    fn newest_entries(&mut self, count: usize) -> Result<Ledger, Fault> {
        self.refuse_utf16()?;
        let mut bytes = Vec::new();
        for size in WINDOWS {
            let start = self.length.saturating_sub(size);
            self.read_from(start, &mut bytes)?;
            match read_window(&Window { bytes: &bytes, start }, count) {
                Ok(WindowAnswer::Known(ledger)) => return Ok(ledger),
                Ok(WindowAnswer::NeedsMore) => {}
                Err(fault) => {
                    let mut above = 0;
                    self.each_chunk(fault.base, |chunk| {
                        above += count_lines(chunk);
                        true
                    })?;
                    return Err(fault.error.below(above).into());
                }
            }
        }
        drop(bytes);
        self.read_whole(count)
    }

    fn refuse_utf16(&mut self) -> Result<(), Fault> {
        let mut start = Vec::with_capacity(2);
        self.file.seek(SeekFrom::Start(0))?;
        (&mut self.file).take(2).read_to_end(&mut start)?;
        Ok(refuse_utf16(&start)?)
    }

    /// Reads from `start` to what was the end of the file when it was opened.
    fn read_from(&mut self, start: u64, bytes: &mut Vec<u8>) -> Result<(), Fault> {
        bytes.clear();
        self.file.seek(SeekFrom::Start(start))?;
        let length = self.length - start;
        (&mut self.file).take(length).read_to_end(bytes)?;
        if (bytes.len() as u64) < length {
            let message = "the file became shorter while it was read; try again";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message).into());
        }
        Ok(())
    }

    /// Hands out the first `length` bytes of the file piece by piece, until `go_on` is false.
    fn each_chunk(
        &mut self,
        length: u64,
        mut go_on: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), io::Error> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(64 << 10, (&mut self.file).take(length));
        loop {
            let chunk = reader.fill_buf()?;
            if chunk.is_empty() || !go_on(chunk) {
                return Ok(());
            }
            let length = chunk.len();
            reader.consume(length);
        }
    }

    /// Reads the file from its start, line by line.
    fn read_whole(&mut self, count: usize) -> Result<Ledger, Fault> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(64 << 10, (&mut self.file).take(self.length));
        let mut parser = Parser::at_start().keeping(count);
        let mut line = Vec::new();
        loop {
            line.clear();
            let limit = MAX_LINE as u64 + 1;
            let mut length = (&mut reader).take(limit).read_until(b'\n', &mut line)? as u64;
            if length == 0 {
                return Ok(parser.into_ledger());
            }
            if length == limit && !line.ends_with(b"\n") {
                length += skip_line(&mut reader)?;
            }
            parser.push(&line, length)?;
        }
    }
}

/// Skips the rest of a line and returns its length.
fn skip_line(reader: &mut impl BufRead) -> Result<u64, io::Error> {
    let mut skipped = 0;
    loop {
        let chunk = reader.fill_buf()?;
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(chunk.len(), |end| end + 1);
        reader.consume(length);
        skipped += length as u64;
        if end.is_some() || length == 0 {
            return Ok(skipped);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Command;

    use super::*;
    use crate::ledger::{EntryStatus, NewEntry, append, parse};

    const ENTRY: &str = "---\n\n## CI/CD Test Execution Log\n\n\
        **Date**: 2025-12-22 02:22:44 UTC\n**Branch**: main\n\
        **Commit**: 611b29b362b480a8e6a56848f453ab8a2091e683\n**Status**: ✅ Tests Passed\n\n\
        ### Automated Tests Executed:\n- ✅ Data Validation Tests\n\n\
        **Deployment**: Ready for production\n\n";

    fn file_with(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn new_entry(commit: char, release: u64) -> NewEntry {
        NewEntry {
            date: "2026-01-05T09:30:00Z".parse().unwrap(),
            branch: "main".parse().unwrap(),
            commit: commit.to_string().repeat(40).parse().unwrap(),
            release: Some(release),
            checks: vec!["tests".to_owned(), "Commit: x".to_owned()],
            images: Vec::new(),
            data: None,
            metrics: [("Status: ✅ Tests Passed".to_owned(), 0.5)].into(),
            flaky: vec!["Commit: x Status: ✅ Tests Passed".to_owned()],
        }
    }

    /// The line that people copy from workflow to workflow, as it is.
    fn shell_line(bytes: &[u8]) -> String {
        let file = file_with(bytes);
        let script = r#"grep -B 3 "Status: ✅ Tests Passed" "$1" | grep "Commit:" | tail -1 | awk '{print $2}'"#;
        let output =
            Command::new("sh").args(["-c", script, "sh"]).arg(file.path()).output().unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[test]
    fn the_copied_shell_line_reads_what_a_new_ledger_gets() {
        let mut text = Vec::new();
        for (release, commit) in (1..).zip(['a', 'b', 'c']) {
            text = append(&text, &new_entry(commit, release)).unwrap();
            assert_eq!(shell_line(&text), commit.to_string().repeat(40));
        }
        assert_eq!(shell_line(ENTRY.as_bytes()), "", "the bold form is what it cannot read");
    }

    #[test]
    fn a_missing_file_and_an_empty_one_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let missing = newest_entries(&folder.path().join("x.md"), 50).unwrap();
        assert_eq!((missing.presence, missing.entries.len()), (Presence::Missing, 0));
        let empty = newest_entries(file_with(b"").path(), 50).unwrap();
        assert_eq!((empty.presence, empty.entries.len()), (Presence::Empty, 0));
        let error = newest_entries(folder.path(), 50).unwrap_err();
        assert!(matches!(error, LedgerFileError::NotAFile { .. }), "{error}");
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let sample = format!("{}<<<<<<< HEAD\n{ENTRY}", ENTRY.repeat(2000));
        let file = file_with(sample.as_bytes());
        let error = newest_entries(file.path(), 50).unwrap_err().to_string();
        let expected =
            format!("{}: line {}: conflict marker", file.path().display(), 14 * 2000 + 1);
        assert!(error.starts_with(&expected), "{error}");
    }

    #[test]
    fn the_end_of_a_file_tells_what_the_whole_tells() {
        let log = format!("{ENTRY}```\nlog\n\n{ENTRY}```\n\n");
        let long_line = format!("{ENTRY}<img src=\"data:{}\">\n\n", "A".repeat(3 << 20));
        let stacked = "Commit: 611b29b362b480a8e6a56848f453ab8a2091e683\nStatus: ✅ Tests Passed\n";
        let samples = [
            ENTRY.repeat(10),
            ENTRY.repeat(3000),
            log.repeat(8_000),
            long_line.repeat(4) + &ENTRY.repeat(3),
            stacked.repeat(60_000),
            format!("{}{}", ENTRY.repeat(60), "Prose.\n\n".repeat(550_000)),
        ];
        for sample in samples {
            let file = file_with(sample.as_bytes());
            let mut newest = newest_entries(file.path(), 50).unwrap();
            number_lines(file.path(), &mut newest).unwrap();
            assert_eq!(newest, parse(sample.as_bytes()).unwrap().newest(50));
            assert!(newest.entries.iter().all(|entry| entry.status == EntryStatus::Passed));
        }
    }
}
