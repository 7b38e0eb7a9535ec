//! Rows of an API, kept in a file until they are imported: it can be read again where the API cannot.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{Batch, Numbering, Page, RowsError, state};
use crate::data::import::{Fault, Import};

/// Takes the rows of an API, page by page.
///
/// ```ignore
/// let mut answers = Answers::create(folder, &import)?;
/// answers.page("/data/items");
/// answers.row([Some("2026-02-07"), None])?;
/// let batch = answers.finish("https://api.acme.example/sales", watermark)?;
/// ```
#[derive(Debug)]
pub struct Answers {
    file: BufWriter<File>,
    pages: Vec<Page>,
    faults: BTreeMap<u64, Fault>,
}

impl Answers {
    /// Makes the file in a private folder of this run, where it has no name.
    pub fn create(folder: &Path, import: &Import) -> io::Result<Self> {
        // It may hold passwords: without a name it is gone when this run ends, however that ends.
        let file = tempfile::tempfile_in(folder)?;
        let mut answers =
            Self { file: BufWriter::new(file), pages: Vec::new(), faults: BTreeMap::new() };
        answers.write(import.sources().map(Some))?;
        Ok(answers)
    }

    /// Begins the next page; `pointer` says where its rows are in the answer (RFC 6901), and is empty
    /// where the answer is the array.
    pub fn page(&mut self, pointer: &str) {
        self.pages.push(Page { pointer: pointer.to_owned(), rows: 0 });
    }

    /// Adds a row: its cells in the order of [`Import::sources`].
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) -> io::Result<()> {
        if let Some(page) = self.pages.last_mut() {
            page.rows += 1;
        }
        self.write(cells)
    }

    /// Says what is wrong with the last row as a row. Returns how many such rows there are.
    pub fn wrong(&mut self, fault: Fault) -> usize {
        self.faults.insert(self.rows(), fault);
        self.faults.len()
    }

    /// Returns how many rows it has.
    pub fn rows(&self) -> u64 {
        self.pages.iter().map(|page| page.rows).sum()
    }

    /// Ends the file. `source` is the URL without its query, `watermark` where the next import begins.
    pub fn finish(self, source: &str, watermark: Option<String>) -> Result<Batch, RowsError> {
        let unreadable = |source| RowsError::Unreadable { file: "answers.csv".to_owned(), source };
        let file = self.file.into_inner().map_err(|error| unreadable(error.into_error()))?;
        let state = state(&file).map_err(unreadable)?;
        Ok(Batch {
            file,
            name: source.to_owned(),
            source: source.to_owned(),
            watermark,
            numbering: Numbering::Answers(self.pages, self.faults),
            state,
        })
    }

    fn write<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) -> io::Result<()> {
        // Each cell has quotes, so that a row of one empty cell is no empty line.
        for (place, cell) in cells.into_iter().enumerate() {
            let gap = if place == 0 { "" } else { "," };
            write!(self.file, "{gap}\"{}\"", cell.unwrap_or_default().replace('"', "\"\""))?;
        }
        self.file.write_all(b"\n")
    }
}
