//! Bad rows, as they stood in their source, in a file that can be mended and imported again.
//!
//! The last column says what is wrong; imports leave it out. A row whose cells cannot be told apart
//! is not filled up, so that it is bad again before it is mended.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::passwords::numbered;
use super::{ImportFailed, Importing, Refused, check_row, plain, shown};
use crate::data::import::{Fault, Import, Row};
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
        let wrong = |source| ImportFailed::Rejects { file: name.clone(), source: plain(source) };
        let mut reader = importing.batch.read(importing.import)?;
        let header = reader.header().clone();
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .delimiter(u8::try_from(header.separator()).unwrap_or(b','))
            .from_writer(io::BufWriter::new(self.file));
        let kept = Kept::of(&header, importing.import);
        let names = header.names().iter().map(String::as_str);
        let names = kept.cells(names).map(|(_, name)| name).chain([REASON_COLUMN]);
        writer.write_record(names).map_err(|error| wrong(error.into()))?;
        let (mut refused, mut row) = (Refused::open(found)?, Row::default());
        while let Some(cells) = reader.next_row()? {
            let mut faults = check_row(importing, cells, &mut row).err().unwrap_or_default();
            let hidden = kept.hidden(importing.import, &faults);
            let found = refused.of(cells.number)?.into_iter();
            faults.extend(found.map(|fault| shown(importing, fault)));
            if !faults.is_empty() {
                let reason = reason(&faults, cells, importing, &hidden);
                let written = reject(&mut writer, cells, &kept, &hidden, &reason);
                written.map_err(|error| wrong(error.into()))?;
            }
        }
        let file = writer.into_inner().map_err(|error| wrong(error.into_error()))?;
        let file = file.into_inner().map_err(|error| wrong(error.into_error()))?;
        keep(&self.to, file).map_err(wrong)
    }
}

/// Which columns of a file its rejects have.
struct Kept {
    /// The places of the file.
    places: Vec<usize>,
    /// How many columns the file has.
    all: usize,
    /// Whether the file is one of rejects itself.
    has_reason: bool,
    /// The columns of the import, by the places of the file.
    columns: Vec<Option<usize>>,
    /// Where the password stands.
    password: Option<usize>,
}

/// Which cells of a row are left out, because they may be a password.
enum Hidden {
    /// None: the import has no passwords.
    None,
    /// That of the password.
    Password(usize),
    /// These, and that of the password: a cell is not what it should be, so the cells may stand in
    /// another order.
    Several(Vec<usize>),
}

impl Hidden {
    fn has(&self, place: usize) -> bool {
        match self {
            Self::None => false,
            Self::Password(password) => *password == place,
            Self::Several(places) => places.contains(&place),
        }
    }
}

impl Kept {
    /// All but the old reasons; where there are passwords, nor those that the import does not have.
    fn of(header: &Header, import: &Import) -> Self {
        let all = header.names().len();
        let columns: Vec<_> = (0..all).map(|place| header.column(place)).collect();
        let is_reason = |place: &usize| header.names()[*place] == REASON_COLUMN;
        let password = header.password();
        let is_kept = |place: &usize| {
            !is_reason(place) && (import.password.is_none() || columns[*place].is_some())
        };
        let places = (0..all).filter(is_kept).collect();
        let has_reason = (0..all).any(|place| is_reason(&place));
        Self { places, all, has_reason, columns, password }
    }

    /// Returns those of the cells of a row, with their places.
    fn cells<'a>(
        &self,
        cells: impl Iterator<Item = &'a str>,
    ) -> impl Iterator<Item = (usize, &'a str)> {
        cells.enumerate().filter(|(place, _)| self.places.contains(place))
    }

    /// Returns which cells are left out of a row with these faults of its own.
    fn hidden(&self, import: &Import, faults: &[Fault]) -> Hidden {
        let Some(password) = self.password else { return Hidden::None };
        if faults.is_empty() {
            return Hidden::Password(password);
        }
        let tells = |place: usize| {
            let column = self.columns[place].and_then(|column| import.columns.get(column));
            column.is_some_and(|column| {
                column.is_telling() && faults.iter().all(|fault| fault.column != column.from)
            })
        };
        Hidden::Several((0..self.all).filter(|place| !tells(*place)).collect())
    }
}

fn reject<W: io::Write>(
    writer: &mut csv::Writer<W>,
    cells: Cells<'_>,
    kept: &Kept,
    hidden: &Hidden,
    reason: &str,
) -> csv::Result<()> {
    if cells.misshapen().is_none() {
        let cells = kept.cells(cells.all());
        let shown = cells.map(|(place, cell)| if hidden.has(place) { "" } else { cell });
        return writer.write_record(shown.chain([reason]));
    }
    if kept.password.is_some() {
        // Any of its cells may be the password.
        return writer.write_record([reason]);
    }
    // One cell more where the number of cells fits, so that it does not pass for a row before it is
    // mended.
    let fits = cells.all().count() + usize::from(kept.has_reason) == kept.all;
    writer.write_record(cells.all().chain(fits.then_some("")).chain([reason]))
}

fn reason(
    faults: &[Fault],
    cells: Cells<'_>,
    importing: &Importing<'_>,
    hidden: &Hidden,
) -> String {
    let mut said = importing.batch.place(cells.number).to_string();
    for (place, fault) in faults.iter().enumerate() {
        said += if place == 0 { ": " } else { "; " };
        match &fault.value {
            Some(value) => said += &format!("{} {value}: {}", fault.column, fault.rule),
            None => said += &format!("{}: {}", fault.column, fault.rule),
        }
    }
    // A terminal obeys some of them, and whoever reads the file may have one.
    let mut said: String = said
        .chars()
        .map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
        .collect();
    said += match hidden {
        Hidden::None => "",
        Hidden::Password(_) => "; the password is left out",
        Hidden::Several(_) if cells.misshapen().is_some() => {
            "; its cells are left out, since one may be a password"
        }
        Hidden::Several(_) => "; what may be a password is left out",
    };
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
