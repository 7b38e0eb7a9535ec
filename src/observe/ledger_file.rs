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
/// 4 MiB (see `ledger::newest`) is the whole file read, in constant memory.
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
