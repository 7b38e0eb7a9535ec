//! Rows to import, read one after another: the memory that takes does not grow with their number.
//!
//! Every source ends as a [`Batch`], a CSV file that can be read more than once: the rows are checked in
//! a first pass, and those that the database refuses are found again in a second. What an API answers
//! becomes such a file by [`Answers`].

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::SystemTime;

use crate::adapters::scratch::nameless;
use crate::data::import::{Fault, Import, RowPlace};

mod answers;
mod header;
mod record;

#[cfg(test)]
mod tests;

pub use answers::Answers;
pub use header::Header;
use record::{Record, Records};

/// What is read of the file at once, in bytes.
const AT_ONCE: usize = 256 * 1024;

/// The name of the column in which a file of rejects says what is wrong; imports leave it out.
pub const REASON_COLUMN: &str = "tidegate_reason";

/// Why rows cannot be read at all. No text holds a cell: one may be a password.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{file}: {problem}")]
    Wrong {
        /// The file.
        file: String,
        /// What is wrong, with its line.
        problem: String,
        /// What to do, where there is something.
        hint: Option<&'static str>,
    },
    /// The copy that is read again cannot be written.
    #[error("cannot copy {file} to a temporary folder: {source}")]
    Copy {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// The file was written while it was read.
    #[error("{file} was changed while it was read")]
    Changed {
        /// The file.
        file: String,
    },
}

impl RowsError {
    /// Returns what to do, as one sentence without full stop.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unreadable { .. } => None,
            Self::Copy { .. } => Some("free some space there, or name another folder in TMPDIR"),
            Self::Wrong { hint, .. } => *hint,
            Self::Changed { .. } => Some(
                "import it when it is complete: let whoever writes it write elsewhere, and rename it",
            ),
        }
    }
}

/// How the rows of a batch are numbered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbering {
    /// By the lines at which they begin.
    Lines,
    /// From 1, over all pages of an API. Beside them the rows that are wrong as rows.
    Answers(Vec<Page>, BTreeMap<u64, Fault>),
}

/// The rows of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Page {
    /// Where they are in the answer, as a JSON pointer.
    pointer: String,
    /// How many.
    rows: u64,
}

/// Rows to import.
#[derive(Debug)]
pub struct Batch {
    file: File,
    name: String,
    /// Where the rows come from, for the database's own notes: the name of a file, or a URL without its
    /// query.
    pub source: String,
    /// Where the next import begins, if this one is written.
    pub watermark: Option<String>,
    numbering: Numbering,
    state: (u64, Option<SystemTime>),
}

impl Batch {
    /// Opens a CSV file, which is called `name` in messages.
    pub fn of_file(path: &Path, name: &str) -> Result<Self, RowsError> {
        let unreadable = |source| RowsError::Unreadable { file: name.to_owned(), source };
        let wrong = |problem: &str| RowsError::Wrong {
            file: name.to_owned(),
            problem: problem.to_owned(),
            hint: None,
        };
        // Asked before it is opened: opening a pipe waits for whoever writes it.
        let metadata = path.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(wrong("it is a folder, not a CSV file"));
        }
        if !metadata.is_file() {
            return Err(wrong("it is no regular file, and is read more than once: save it first"));
        }
        let file = File::open(path).map_err(unreadable)?;
        let state = state(&file).map_err(unreadable)?;
        if state.0 == 0 {
            return Err(wrong("it is empty: there is not even a header"));
        }
        let source = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self {
            file,
            name: name.to_owned(),
            source,
            watermark: None,
            numbering: Numbering::Lines,
            state,
        })
    }

    /// Returns a batch of the same rows that stays as it is, whatever becomes of the file. The copy has no
    /// name, since it may hold passwords: it is gone when this run ends, however that ends.
    pub fn copied(&self, folder: &Path) -> Result<Self, RowsError> {
        let failed = |source| RowsError::Copy { file: self.name.clone(), source: nameless(source) };
        let mut copy = tempfile::tempfile_in(folder).map_err(failed)?;
        let mut file = &self.file;
        file.rewind().map_err(|source| self.unreadable(source))?;
        let mut piece = vec![0; AT_ONCE];
        loop {
            let read = file.read(&mut piece).map_err(|source| self.unreadable(source))?;
            if read == 0 {
                break;
            }
            copy.write_all(piece.get(..read).unwrap_or_default()).map_err(failed)?;
        }
        self.unchanged()?;
        Ok(Self {
            state: state(&copy).map_err(failed)?,
            file: copy,
            name: self.name.clone(),
            source: self.source.clone(),
            watermark: self.watermark.clone(),
            numbering: self.numbering.clone(),
        })
    }

    /// Returns what the file is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Tells whether the rows are those of a file that a person has named.
    pub fn is_file(&self) -> bool {
        match self.numbering {
            Numbering::Lines => true,
            Numbering::Answers(..) => false,
        }
    }

    /// Begins to read, and finds the columns of an import.
    pub fn read(&self, import: &Import) -> Result<Reader<'_>, RowsError> {
        let mut file = &self.file;
        file.rewind().map_err(|source| self.unreadable(source))?;
        let mut records = Records::new(BufReader::with_capacity(AT_ONCE, file), &self.name);
        let mut record = Record::default();
        let header = Header::read(&mut records, &mut record, import)?;
        Ok(Reader { batch: self, records, record, header, ordinal: 0 })
    }

    /// Makes an error of what is wrong with the file.
    pub fn wrong(&self, problem: &str) -> RowsError {
        RowsError::Wrong { file: self.name.clone(), problem: problem.to_owned(), hint: None }
    }

    /// Returns where a row stands, by its number.
    pub fn place(&self, number: u64) -> RowPlace {
        let Numbering::Answers(pages, _) = &self.numbering else { return RowPlace::Line(number) };
        let mut before = 0;
        for (page, found) in (1..).zip(pages) {
            if number <= before + found.rows {
                let index = number.saturating_sub(before + 1);
                return RowPlace::Answer { page, pointer: format!("{}/{index}", found.pointer) };
            }
            before += found.rows;
        }
        RowPlace::Line(number)
    }

    /// Makes sure that the file is still what was opened.
    fn unchanged(&self) -> Result<(), RowsError> {
        match state(&self.file) {
            Ok(state) if state == self.state => Ok(()),
            Ok(_) => Err(RowsError::Changed { file: self.name.clone() }),
            Err(source) => Err(self.unreadable(source)),
        }
    }

    fn unreadable(&self, source: io::Error) -> RowsError {
        RowsError::Unreadable { file: self.name.clone(), source }
    }
}

fn state(file: &File) -> io::Result<(u64, Option<SystemTime>)> {
    let metadata = file.metadata()?;
    Ok((metadata.len(), metadata.modified().ok()))
}

/// Reads the rows of a batch, in order.
#[derive(Debug)]
pub struct Reader<'a> {
    batch: &'a Batch,
    records: Records<BufReader<&'a File>>,
    record: Record,
    header: Header,
    ordinal: u64,
}

impl Reader<'_> {
    /// Returns what the header says.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Returns the next row, and `None` after the last.
    pub fn next_row(&mut self) -> Result<Option<Cells<'_>>, RowsError> {
        if !self.records.next(&mut self.record)? {
            self.batch.unchanged()?;
            return Ok(None);
        }
        self.ordinal += 1;
        let number = match self.batch.numbering {
            Numbering::Lines => self.record.line(),
            Numbering::Answers(..) => self.ordinal,
        };
        let answered = match &self.batch.numbering {
            Numbering::Lines => None,
            Numbering::Answers(_, faults) => faults.get(&number),
        };
        Ok(Some(Cells { number, record: &self.record, header: &self.header, answered }))
    }
}

/// The cells of one row.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'a> {
    /// The number that its source gives it.
    pub number: u64,
    record: &'a Record,
    header: &'a Header,
    /// What was wrong with it in the answer.
    answered: Option<&'a Fault>,
}

impl<'a> Cells<'a> {
    /// Returns the cells in the order of [`Import::sources`].
    pub fn wanted(self) -> impl Iterator<Item = Option<&'a str>> {
        let (record, header) = (self.record, self.header);
        header.places().iter().map(move |place| record.cell(*place))
    }

    /// Returns the cell of the password, where the import has one.
    pub fn password(self) -> Option<&'a str> {
        self.header.password().and_then(|place| self.record.cell(place))
    }

    /// Returns every cell as it was read.
    pub fn all(self) -> impl Iterator<Item = &'a str> {
        let record = self.record;
        (0..record.len()).map(move |place| record.cell(place).unwrap_or_default())
    }

    /// Returns every cell with its quotes, where these are what is wrong with the row: nobody can tell what
    /// its cells are.
    pub fn as_written(self) -> Option<impl Iterator<Item = &'a str>> {
        self.record.problem().map(|_| self.record.as_written())
    }

    /// Returns what is wrong with the row as a row: its cells cannot be told apart.
    pub fn misshapen(self) -> Option<Fault> {
        if let Some(fault) = self.answered {
            return Some(fault.clone());
        }
        let row = |rule: String| Some(Fault::new("(row)", None, rule));
        if let Some(problem) = self.record.problem() {
            return row(problem.to_owned());
        }
        let (found, expected) = (self.record.len(), self.header.names().len());
        // Spreadsheets add empty cells at the end of a row.
        let beyond = (expected..found).all(|place| self.record.cell(place) == Some(""));
        if found < expected || !beyond {
            return row(format!("expected {expected} cells, found {found}"));
        }
        // A spreadsheet has filled a row of a file of rejects up, whose cells could not be told apart.
        let has_reason = self.header.names().iter().any(|name| name == REASON_COLUMN);
        if has_reason && self.wanted().flatten().any(|cell| cell.contains(": (row): ")) {
            return row(format!(
                "expected {expected} cells of its own; what was wrong with it stands in one of them"
            ));
        }
        None
    }
}
