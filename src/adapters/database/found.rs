//! The file of the faults that a database found in the rows of an import.

use std::fs::File;
use std::path::Path;

use super::DatabaseError;
use crate::data::import::Fault;

/// The most faults that are kept in memory.
const MOST: usize = 1000;

/// Reads such a file, fault by fault, by the number of the row.
pub struct Findings {
    records: csv::StringRecordsIntoIter<File>,
    path: String,
}

impl Findings {
    /// Opens it.
    pub fn open(path: &Path) -> Result<Self, DatabaseError> {
        let shown = path.display().to_string();
        let file =
            File::open(path).map_err(|source| DatabaseError::Io { path: shown.clone(), source })?;
        let records = csv::ReaderBuilder::new().from_reader(file).into_records();
        Ok(Self { records, path: shown })
    }
}

impl Iterator for Findings {
    type Item = Result<(u64, Fault), DatabaseError>;

    fn next(&mut self) -> Option<Self::Item> {
        let wrong = |reason: String| DatabaseError::Io {
            path: self.path.clone(),
            source: std::io::Error::other(reason),
        };
        let record = match self.records.next()? {
            Ok(record) => record,
            Err(error) => return Some(Err(wrong(error.to_string()))),
        };
        let text = |place: usize| record.get(place).filter(|text| !text.is_empty());
        Some(match (text(0).and_then(|text| text.parse().ok()), text(1), text(3)) {
            (Some(row), Some(column), Some(rule)) => {
                let other = text(4).and_then(|text| text.parse().ok());
                Ok((row, Fault { other, ..Fault::new(column, text(2), rule) }))
            }
            _ => Err(wrong("expected the faults of rows".to_owned())),
        })
    }
}

/// Reads the first of them.
pub(super) fn first(path: &Path) -> Result<Vec<(u64, Fault)>, DatabaseError> {
    Findings::open(path)?.take(MOST).collect()
}
