//! Bad rows, as they stood in their source, in a file that can be mended and imported again.
//!
//! The last column says what is wrong; imports leave it out. A row whose cells cannot be told apart
//! is not filled up, so that it is bad again before it is mended.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::passwords::numbered;
use super::{ImportFailed, Importing, Refused, check_row, shown};
use crate::adapters::scratch;
use crate::data::import::{Fault, Import, Row};
use crate::observe::data::rows::{Cells, Header, REASON_COLUMN};

mod target;

pub use target::Spared;

/// So many names of files are tried.
const TRIES: u32 = 1000;

/// So much is written at once, in bytes.
const AT_ONCE: usize = 64 * 1024;

/// Where bad rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RejectsTo {
    /// To this file, over an older file of rejects, but never over one of these.
    Named(PathBuf, Vec<Spared>),
    /// To this file; where another file has its name, a number is added: somebody may be mending that.
    Beside(PathBuf),
}

impl RejectsTo {
    fn path(&self) -> &Path {
        match self {
            Self::Named(path, _) | Self::Beside(path) => path,
        }
    }

    /// Makes sure that no other file would be replaced.
    pub(super) fn check(&self) -> Result<(), ImportFailed> {
        let problem = match self {
            Self::Named(path, spared) => target::problem(path, spared),
            Self::Beside(_) => None,
        };
        let file = self.path().display().to_string();
        problem.map_or(Ok(()), |problem| Err(ImportFailed::Target { file, problem }))
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
        let file = file.map_err(wrong)?;
        scratch::note(file.path());
        Ok(Self { to: to.clone(), file })
    }

    /// Reads the rows again, and writes those that are not in the database. `passwords` is the file with
    /// those of new users, which is to be named in any case.
    ///
    /// # Errors
    /// [`ImportFailed::Rejects`] only: the good rows are written.
    pub(super) fn write(
        self,
        importing: &Importing<'_>,
        found: &Path,
        passwords: Option<&Path>,
    ) -> Result<PathBuf, ImportFailed> {
        let file = self.to.path().display().to_string();
        self.written(importing, found).map_err(|error| {
            let source = match error {
                ImportFailed::Write { source, .. } => source,
                error => io::Error::other(error.to_string()),
            };
            let passwords = passwords.map(Path::display);
            let passwords = passwords.map(|file| format!(" (their new passwords: {file})"));
            ImportFailed::Rejects { passwords: passwords.unwrap_or_default(), file, source }
        })
    }

    fn written(self, importing: &Importing<'_>, found: &Path) -> Result<PathBuf, ImportFailed> {
        let wrong = |source| ImportFailed::write("the bad rows")(source);
        let mut reader = importing.batch.read(importing.import)?;
        let header = reader.header().clone();
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .delimiter(u8::try_from(header.separator()).unwrap_or(b','))
            .buffer_capacity(AT_ONCE)
            .from_writer(self.file.as_file());
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
                let written = match kept.as_written(cells, header.separator()) {
                    Some(text) => writer.flush().and_then(|()| {
                        self.file.as_file().write_all(text.as_bytes())?;
                        Ok(writer.write_record([&reason])?)
                    }),
                    None => {
                        reject(&mut writer, cells, &kept, &hidden, &reason).map_err(io::Error::from)
                    }
                };
                written.map_err(wrong)?;
            }
        }
        writer.flush().map_err(wrong)?;
        drop(writer);
        // Whoever has made a file of that name meanwhile keeps it.
        let to = match self.to {
            RejectsTo::Named(path, spared) if target::problem(&path, &spared).is_some() => {
                RejectsTo::Beside(path)
            }
            to => to,
        };
        scratch::forget(self.file.path());
        keep(&to, self.file).map_err(wrong)
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

    /// Returns the cells of a row whose quotes are wrong, as they stand in the source, up to its reason.
    /// Its quotes make it bad again; without them it would be another row.
    fn as_written(&self, cells: Cells<'_>, separator: char) -> Option<String> {
        // Any of its cells may be the password.
        let written = cells.as_written().filter(|_| self.password.is_none())?;
        let mut text = String::new();
        for (_, cell) in self.cells(written) {
            text.push_str(cell);
            text.push(separator);
        }
        Some(text)
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
    let wanted = match to {
        RejectsTo::Named(path, _) => {
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
