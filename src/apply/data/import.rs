//! Brings rows into a table of a database:
//!
//! 1. Every row is read and checked. The good ones wait in the `Spool`, a file of this run.
//! 2. Passwords are hashed, of those users only that the table does not have.
//! 3. The database does the rest, in one transaction.
//! 4. The bad rows are read again, and written to the file of rejects.
//!
//! Nothing is written where the database refuses, and no step keeps the rows in memory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::adapters::database::Database;
use crate::apply::data::swap::load_and_swap;
use crate::data::import::{BadRow, Fault, Import, Keys, Load, LoadMode, Loaded, MaxBad, Row};
use crate::observe::data::rows::{Batch, Cells};

mod failed;
mod hash;
mod passwords;
mod refused;
mod rejects;
mod spool;

pub use failed::ImportFailed;
use hash::Known;
use passwords::PasswordFile;
use refused::Refused;
use rejects::Rejects;
pub use rejects::{RejectsTo, Spared};
use spool::Spool;

/// The most bad rows that are kept in memory, and named.
pub const MOST_NAMED: usize = 1000;

/// The longest password, in bytes.
const LONGEST_PASSWORD: usize = 1000;

/// Stands where a hash would, and no password has it: for users whom the table has, whose own hash
/// stays, and where nothing is written.
const NO_HASH: &str = "*";

/// What is imported, and how.
#[derive(Clone, Copy)]
pub struct Importing<'a> {
    /// What each row has to be.
    pub import: &'a Import,
    /// The rows.
    pub batch: &'a Batch,
    /// What is done with them.
    pub mode: LoadMode,
    /// The database.
    pub database: &'a dyn Database,
    /// Its file.
    pub target: &'a Path,
    /// A private folder of this run.
    pub folder: &'a Path,
    /// Where the bad rows go, where the good ones are written.
    pub rejects: &'a RejectsTo,
    /// Where random passwords go: a file that is not there yet; a number is added where it is.
    pub passwords: &'a Path,
    /// When the import began.
    pub now: Timestamp,
    /// The file that is swapped for a copy with the rows; without it, the database takes them itself.
    pub swap: Option<&'a Swap>,
    /// Is told what happens, for people who wait.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
}

/// A file that is swapped: see [`load_and_swap`].
#[derive(Debug, Clone)]
pub struct Swap {
    /// The database's file.
    pub file: PathBuf,
    /// What it is called in messages.
    pub shown: String,
    /// How long a process is waited for that writes to it.
    pub patience: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Imported {
    /// How many rows were read.
    pub rows: u64,
    /// How many of them are bad.
    pub bad: u64,
    /// The first of them, with all that is wrong with them.
    pub bad_rows: Vec<BadRow>,
    /// What the database made of the good ones.
    pub loaded: Loaded,
    /// Where the bad rows were written.
    pub rejects: Option<PathBuf>,
    /// How many passwords were made up.
    pub random_passwords: u64,
    /// Where they stand.
    pub password_file: Option<PathBuf>,
    /// Where passwords stand of users whom an import has written that was killed right after.
    pub kept_passwords: Vec<PathBuf>,
    /// The columns of the source that the import does not have.
    pub ignored: Vec<String>,
    /// What stands between the cells of the file.
    pub separator: Option<char>,
}

/// What the rows themselves show.
#[derive(Debug, Default)]
struct Checked {
    rows: u64,
    bad: u64,
    /// Whether no two good rows have the same key, for sure.
    is_distinct: bool,
    /// The first bad rows, by their numbers.
    named: Vec<(u64, Vec<Fault>)>,
}

/// What the database lists, in files of this run.
#[derive(Debug, Clone, Copy)]
struct Listed<'a> {
    /// The faults that it found.
    found: &'a Path,
    /// The rows that the table has.
    known: Option<&'a Path>,
}

/// Carries an import out, or looks what it would do.
pub async fn import(importing: &Importing<'_>) -> Result<Imported, ImportFailed> {
    let Importing { import, batch, mode, folder, .. } = *importing;
    importing.rejects.check()?;
    let reader = batch.read(import)?;
    let mut imported = Imported {
        ignored: reader.header().ignored().into_iter().map(str::to_owned).collect(),
        separator: batch.is_file().then(|| reader.header().separator()),
        ..Imported::default()
    };
    drop(reader);
    // Found out before anything is written: where the bad rows will go.
    let rejects = match mode {
        LoadMode::Good(_) => Some(Rejects::begin(importing.rejects)?),
        LoadMode::All | LoadMode::Plan => None,
    };
    (importing.say)(&format!("checking {}", batch.name()));
    // What is read more than once stays the same, also while the database is waited for.
    let is_read_again = rejects.is_some() || (import.password.is_some() && mode != LoadMode::Plan);
    let copy = (is_read_again && batch.is_file()).then(|| batch.copied(folder)).transpose()?;
    let importing = &Importing { batch: copy.as_ref().unwrap_or(batch), ..*importing };
    let mut spool = Spool::create(&folder.join("rows.csv"), import)?;
    let checked = check(importing, &mut spool)?;
    let mut path = spool.finish()?;
    if checked.rows == 0 && batch.is_file() {
        return Err(batch.wrong("it has a header and no rows").into());
    }
    (imported.rows, imported.bad) = (checked.rows, checked.bad);

    (importing.say)(&format!("importing into {}", import.table));
    let mut found = folder.join("found.csv");
    let mut passwords = None;
    if import.password.is_some() && mode != LoadMode::Plan {
        let known = folder.join("known.csv");
        let listed = Listed { found: &found, known: Some(&known) };
        let seen = load(importing, &checked, &path, listed, LoadMode::Plan).await?;
        if is_stopped(mode, checked.bad + seen.bad, checked.rows) {
            return Ok(summed(imported, importing, checked, seen));
        }
        imported.kept_passwords = passwords::recover(importing).await;
        let mut made = PasswordFile::at(importing.passwords, importing.target, import);
        (importing.say)("hashing passwords");
        path = hash::hash(importing, listed, &mut made)?;
        made.sync()?;
        (found, passwords) = (folder.join("found-again.csv"), Some(made));
        (importing.say)(&format!("importing into {}", import.table));
    }
    let again = folder.join("known-again.csv");
    let listed = Listed { found: &found, known: passwords.is_some().then_some(again.as_path()) };
    let loaded = match load(importing, &checked, &path, listed, mode).await {
        Ok(loaded) => loaded,
        // The users may be in the table, and nobody else knows their passwords.
        Err(error) if error.may_be_written() => {
            let kept = passwords.and_then(PasswordFile::keep);
            return Err(match kept {
                Some(kept) => ImportFailed::Unclear {
                    file: kept.path.display().to_string(),
                    source: Box::new(error),
                },
                None => error,
            });
        }
        Err(error) => return Err(error),
    };
    let written = loaded.written;
    let kept = passwords.filter(|_| written).and_then(|passwords| taken(passwords, &found, &again));
    if let Some(kept) = kept {
        (imported.random_passwords, imported.password_file) = (kept.count, Some(kept.path));
    }
    let any = checked.bad + loaded.bad > 0;
    if let Some(rejects) = rejects.filter(|_| written && any) {
        imported.rejects =
            Some(rejects.write(importing, &found, imported.password_file.as_deref())?);
    }
    Ok(summed(imported, importing, checked, loaded))
}

/// Keeps the passwords of the users whom the database has taken: neither those whom it has found bad, nor
/// those whom it had already, since another import has written them after this one had looked.
fn taken(passwords: PasswordFile, found: &Path, known: &Path) -> Option<passwords::Kept> {
    let (Ok(mut refused), Ok(mut known)) = (Refused::open(found), Known::open(known)) else {
        return passwords.keep();
    };
    passwords.keep_taken(|row| Ok(!known.has(row)? && refused.of(row)?.is_empty()))
}

/// Tells whether so many bad rows stop an import.
pub fn is_stopped(mode: LoadMode, bad: u64, rows: u64) -> bool {
    match mode {
        LoadMode::Plan => false,
        LoadMode::All => bad > 0,
        LoadMode::Good(max) => max.is_some_and(|max: MaxBad| max.is_exceeded(bad, rows)),
    }
}

/// Reads every row, and keeps the good ones.
fn check(importing: &Importing<'_>, spool: &mut Spool) -> Result<Checked, ImportFailed> {
    let mut reader = importing.batch.read(importing.import)?;
    let (mut checked, mut row) = (Checked::default(), Row::default());
    let mut keys = Keys::of(importing.import);
    let hash = importing.import.password.as_ref().map(|_| Some(NO_HASH));
    while let Some(cells) = reader.next_row()? {
        checked.rows += 1;
        match check_row(importing, cells, &mut row) {
            Ok(()) => {
                keys.add(&row);
                spool.row(cells.number, row.values(), hash)?;
            }
            Err(faults) => {
                checked.bad += 1;
                if checked.named.len() < MOST_NAMED {
                    checked.named.push((cells.number, faults));
                }
            }
        }
    }
    checked.is_distinct = keys.are_distinct();
    Ok(checked)
}

/// Checks one row.
fn check_row(importing: &Importing<'_>, cells: Cells<'_>, row: &mut Row) -> Result<(), Vec<Fault>> {
    checked_row(importing, cells, row)
        .map_err(|faults| faults.into_iter().map(|fault| shown(importing, fault)).collect())
}

/// Returns a fault as it may be shown: where an import has passwords, each value may be one, because
/// the cells of its row may stand in another order than the header says.
fn shown(importing: &Importing<'_>, fault: Fault) -> Fault {
    let fault = fault.placed(|number| importing.batch.place(number));
    if importing.import.password.is_some() { fault.without_value() } else { fault }
}

fn checked_row(
    importing: &Importing<'_>,
    cells: Cells<'_>,
    row: &mut Row,
) -> Result<(), Vec<Fault>> {
    if let Some(fault) = cells.misshapen() {
        return Err(vec![fault]);
    }
    let checked = importing.import.check(cells.wanted(), importing.now, row);
    let long = cells.password().is_some_and(|password| password.len() > LONGEST_PASSWORD);
    if let (true, Some(password)) = (long, &importing.import.password) {
        let rule = format!("expected at most {LONGEST_PASSWORD} bytes");
        let mut faults = checked.err().unwrap_or_default();
        faults.push(Fault::new(&password.column, None, rule));
        return Err(faults);
    }
    checked
}

async fn load(
    importing: &Importing<'_>,
    checked: &Checked,
    spool: &Path,
    listed: Listed<'_>,
    mode: LoadMode,
) -> Result<Loaded, ImportFailed> {
    let load = Load {
        import: importing.import,
        spool,
        rows: checked.rows,
        bad: checked.bad,
        is_distinct: checked.is_distinct,
        mode,
        watermark: importing.batch.watermark.as_deref(),
        source: &importing.batch.source,
        now: importing.now,
        rejects: Some(listed.found),
        known: listed.known,
    };
    let database = importing.database;
    Ok(match importing.swap {
        Some(Swap { file, shown, patience }) => {
            load_and_swap(database, file, shown, *patience, &load).await?
        }
        None => database.load(&load).await?,
    })
}

/// Puts together what the check and the database found.
fn summed(
    mut imported: Imported,
    importing: &Importing<'_>,
    checked: Checked,
    mut loaded: Loaded,
) -> Imported {
    imported.bad = checked.bad + loaded.bad;
    let mut named = checked.named;
    for (number, fault) in std::mem::take(&mut loaded.faults) {
        let fault = shown(importing, fault);
        // The faults of a row stand together.
        match named.last_mut() {
            Some((last, faults)) if *last == number => faults.push(fault),
            Some(_) | None => named.push((number, vec![fault])),
        }
    }
    named.sort_by_key(|(number, _)| *number);
    named.truncate(MOST_NAMED);
    let placed = named.into_iter();
    imported.bad_rows = placed
        .map(|(number, faults)| BadRow { place: importing.batch.place(number), faults })
        .collect();
    imported.loaded = loaded;
    imported
}
