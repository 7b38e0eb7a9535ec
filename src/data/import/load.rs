//! What the database is given of an import, and what it answers.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;

use super::fault::Fault;
use super::spec::{Import, MaxBad};

/// Checked rows that wait for the database, in a file of this run.
///
/// The file is CSV (RFC 4180) with a header: `tidegate_row`, the names of the import's columns, then
/// that of the password's hash where there is one. `tidegate_row` is the number that its source gives a
/// row: a line, or a place in an answer. NULL is `\N` without quotes; every other value is quoted, unless
/// it is made of letters of ASCII, digits, `.`, `-` and `:`.
#[derive(Debug, Clone)]
pub struct Load<'a> {
    /// The import.
    pub import: &'a Import,
    /// The file.
    pub spool: &'a Path,
    /// How many rows were read, good and bad.
    pub rows: u64,
    /// How many of them are bad already, and not in the file.
    pub bad: u64,
    /// Whether no two rows of the file have the same key, for sure; else the database looks.
    pub is_distinct: bool,
    /// What is done with them.
    pub mode: LoadMode,
    /// How far the rows in the file go: where the next import begins, if all of them are written.
    pub watermark: Option<&'a str>,
    /// Where the rows come from, for `tidegate_imports`: a file's name, or a URL without its query.
    pub source: &'a str,
    /// When the import began.
    pub now: Timestamp,
    /// Where every row that the database finds bad is listed, also those beyond `Loaded::faults`: a CSV
    /// file that the database makes, with the header `tidegate_row,column,value,rule,other`, one line
    /// for each fault, in the order of `tidegate_row`. A value that is NULL is empty; `other` is the
    /// `tidegate_row` of another row that the rule speaks of.
    pub rejects: Option<&'a Path>,
    /// Where the rows are listed that the table has already: a CSV file that the database makes, with the
    /// header `tidegate_row`, one line for each row, in their order.
    pub known: Option<&'a Path>,
}

/// What is done with checked rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadMode {
    /// Looked at only.
    Plan,
    /// Written, all of them or none.
    All,
    /// The good ones are written, unless too many are bad.
    Good(Option<MaxBad>),
}

impl Load<'_> {
    /// Where the faults are listed: in `rejects`, or beside the spool.
    pub fn listed(&self) -> PathBuf {
        self.rejects.map_or_else(
            || {
                let mut beside = self.spool.as_os_str().to_owned();
                beside.push(".rejects");
                PathBuf::from(beside)
            },
            Path::to_owned,
        )
    }

    /// How many rows the database may find bad before nothing is written; `None` where nothing is
    /// written anyhow.
    pub fn most_found(&self) -> Option<u64> {
        let most = match self.mode {
            LoadMode::Plan => return None,
            LoadMode::All => 0,
            LoadMode::Good(None) => return Some(u64::MAX),
            LoadMode::Good(Some(max)) => max.most(self.rows),
        };
        most.checked_sub(self.bad)
    }
}

/// What the database made of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// Whether it was written; else, and with [`LoadMode::Plan`], the counts are what would be.
    pub written: bool,
    /// Rows that the table did not have.
    pub inserted: u64,
    /// Rows that the table had with other values.
    pub updated: u64,
    /// Rows that the table had.
    pub unchanged: u64,
    /// How many rows the database found bad.
    pub bad: u64,
    /// The first faults of them, by `tidegate_row`: at most 1,000. All are in [`Load::rejects`].
    pub faults: Vec<(u64, Fault)>,
    /// Where the next import begins: the largest value up to [`Load::watermark`] among the rows that are
    /// in the table now. A row that the database found bad moves nothing.
    pub watermark: Option<String>,
}

/// How an import ended last, as `tidegate_imports` in the database has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportState {
    /// The import.
    pub name: String,
    /// The table.
    pub table: String,
    /// Where the next one begins.
    pub watermark: Option<String>,
    /// When the last one was written.
    pub imported_at: Timestamp,
    /// How many rows it read.
    pub rows: u64,
    /// Where they came from.
    pub source: String,
}
