//! Bad rows, as they stood in their source, in a file that can be mended and imported again.
//!
//! The last column says what is wrong; imports leave it out. A row whose cells cannot be told apart
//! is not filled up, so that it is bad again before it is mended.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::passwords::numbered;
use super::{ImportFailed, Importing, Refused, check_row};
use crate::data::import::{Fault, Row};
use crate::observe::data::rows::{Cells, Header, REASON_COLUMN};

/// So many names of files are tried.
const TRIES: u32 = 1000;

/// Where bad rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectsTo {
    /// To this file, over what is there.
    Named(PathBuf),
    /// To this file; where another file has its name, a number is added: somebody may be mending that.
    Beside(PathBuf),
}

impl RejectsTo {
    fn path(&self) -> &Path {
        match self {
            Self::Named(path) | Self::Beside(path) => path,
        }
    }
}

/// The file, before it has its name.
#[derive(Debug)]
pub(super) struct Rejects {
    to: RejectsTo,
    file: NamedTempFile,
}

impl Rejects {
    /// Makes sure that it can be written.
    pub(super) fn begin(to: &RejectsTo) -> Result<Self, ImportFailed> {
        let folder = to.path().parent().filter(|folder| !folder.as_os_str().is_empty());
        let file = NamedTempFile::new_in(folder.unwrap_or(Path::new(".")));
        let wrong = ImportFailed::write(format!("the bad rows to {}", to.path().display()));
        Ok(Self { to: to.clone(), file: file.map_err(wrong)? })
    }

    /// Reads the rows again, and writes those that are not in the database.
    pub(super) fn write(
        self,
        importing: &Importing<'_>,
        found: &Path,
    ) -> Result<PathBuf, ImportFailed> {
        let name = self.to.path().display().to_string();
        let wrong = |source| ImportFailed::Rejects { file: name.clone(), source };
        let mut reader = importing.batch.read(importing.import)?;
        let header = reader.header().clone();
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .delimiter(u8::try_from(header.separator()).unwrap_or(b','))
            .from_writer(io::BufWriter::new(self.file));
        let old = header.names().iter().position(|name| name == REASON_COLUMN);
        let names = header.names().iter().map(String::as_str);
        let names = without(names, old).chain([REASON_COLUMN]);
        writer.write_record(names).map_err(|error| wrong(error.into()))?;
        let (mut refused, mut row) = (Refused::open(found)?, Row::default());
        while let Some(cells) = reader.next_row()? {
            let mut faults = check_row(importing, cells, &mut row).err().unwrap_or_default();
            faults.extend(refused.of(cells.number)?);
            if !faults.is_empty() {
                let reason = reason(&faults, cells, importing, &header);
                let written = reject(&mut writer, cells, &header, old, &reason);
                written.map_err(|error| wrong(error.into()))?;
            }
        }
        let file = writer.into_inner().map_err(|error| wrong(error.into_error()))?;
        let file = file.into_inner().map_err(|error| wrong(error.into_error()))?;
        keep(&self.to, file).map_err(wrong)
    }
}

fn reject<W: io::Write>(
    writer: &mut csv::Writer<W>,
    cells: Cells<'_>,
    header: &Header,
    old: Option<usize>,
    reason: &str,
) -> csv::Result<()> {
    let hidden = header.password();
    if cells.misshapen().is_none() {
        let cells = cells.all().take(header.names().len()).enumerate();
        let shown = cells.map(|(place, cell)| if Some(place) == hidden { "" } else { cell });
        return writer.write_record(without(shown, old).chain([reason]));
    }
    if hidden.is_some() {
        // Any of its cells may be the password.
        return writer.write_record([reason]);
    }
    // One cell more where the number of cells fits, so that it does not pass for a row before it is
    // mended.
    let fits = cells.all().count() == header.names().len();
    writer.write_record(cells.all().chain(fits.then_some("")).chain([reason]))
}

fn without<'a>(
    cells: impl Iterator<Item = &'a str>,
    place: Option<usize>,
) -> impl Iterator<Item = &'a str> {
    cells.enumerate().filter(move |(at, _)| Some(*at) != place).map(|(_, cell)| cell)
}

fn reason(
    faults: &[Fault],
    cells: Cells<'_>,
    importing: &Importing<'_>,
    header: &Header,
) -> String {
    let mut said = importing.batch.place(cells.number).to_string();
    for (place, fault) in faults.iter().enumerate() {
        said += if place == 0 { ": " } else { "; " };
        match &fault.value {
            Some(value) => said += &format!("{} {value}: {}", fault.column, fault.rule),
            None => said += &format!("{}: {}", fault.column, fault.rule),
        }
    }
    if header.password().is_some() {
        said += if cells.misshapen().is_some() {
            "; its cells are left out, since one may be a password"
        } else {
            "; the password is left out"
        };
    }
    said
}

/// Gives the file its name. Where one of the same text is there already, that is it.
fn keep(to: &RejectsTo, mut file: NamedTempFile) -> io::Result<PathBuf> {
    file.flush()?;
    let wanted = match to {
        RejectsTo::Named(path) => {
            file.persist(path)?;
            return Ok(path.clone());
        }
        RejectsTo::Beside(path) => path,
    };
    for number in 1..=TRIES {
        let path = numbered(wanted, number);
        if same(file.path(), &path) {
            return Ok(path);
        }
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

fn same(one: &Path, other: &Path) -> bool {
    let size = |path: &Path| {
        path.symlink_metadata().ok().filter(std::fs::Metadata::is_file).map(|m| m.len())
    };
    match (size(one), size(other)) {
        // A file that somebody is mending is small; a larger one gets a new name.
        (Some(own), Some(there)) if own == there && own <= 1 << 24 => {
            matches!((std::fs::read(one), std::fs::read(other)), (Ok(one), Ok(other)) if one == other)
        }
        (Some(_) | None, _) => false,
    }
}
