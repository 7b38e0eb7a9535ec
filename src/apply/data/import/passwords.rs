//! Passwords that are made up for users who have none, and the file that tells them.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};

use super::hash::is_hash_of;
use super::{ImportFailed, Importing};
use crate::adapters::database::DatabaseError;
use crate::apply::data::links::without_links;
use crate::data::import::Import;
use crate::data::sql::{identifier, table};

/// What they are made of: no two characters look alike.
const CHARACTERS: &[u8; 56] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ2345678";

/// How many characters: 116 bits.
const LENGTH: usize = 20;

/// So many names of files are tried.
const TRIES: u32 = 1000;

/// How much of a file is read that an ended import has left, in bytes: its first user.
const MOST_READ: u64 = 64 * 1024;

/// Makes up a password.
pub(super) fn random() -> Result<String, ImportFailed> {
    let mut password = String::with_capacity(LENGTH);
    let mut bytes = [0_u8; 2 * LENGTH];
    while password.len() < LENGTH {
        getrandom::fill(&mut bytes).map_err(|error| ImportFailed::Hash(error.to_string()))?;
        // 224 is the largest multiple of 56 in a byte: each character is as likely as the others.
        let fitting = bytes.iter().filter(|byte| **byte < 224).map(|byte| usize::from(byte % 56));
        let left = LENGTH - password.len();
        password.extend(fitting.take(left).map(|place| char::from(CHARACTERS[place])));
    }
    Ok(password)
}

/// A file of mode 0600 that is made with its first password, and goes away unless it is kept. Until then
/// its name ends with `.unfinished`, and it is locked: without its lock, it is that of an ended import.
#[derive(Debug)]
pub(super) struct PasswordFile {
    wanted: PathBuf,
    header: Vec<String>,
    open: Option<csv::Writer<NamedTempFile>>,
    count: u64,
}

impl PasswordFile {
    /// Chooses a place. Nothing is written yet.
    pub(super) fn at(wanted: &Path, import: &Import) -> Self {
        Self { wanted: wanted.to_owned(), header: header(import), open: None, count: 0 }
    }

    /// Adds the password of a user.
    pub(super) fn add<'a>(
        &mut self,
        key: impl Iterator<Item = &'a str>,
        password: &'a str,
    ) -> Result<(), ImportFailed> {
        let wrong = ImportFailed::write(format!("the passwords to {}", self.wanted.display()));
        let write = || {
            let writer = match &mut self.open {
                Some(writer) => writer,
                none @ None => {
                    let mut writer = csv::Writer::from_writer(create(&self.wanted)?);
                    writer.write_record(&self.header)?;
                    none.insert(writer)
                }
            };
            writer.write_record(key.chain([password]))?;
            io::Result::Ok(())
        };
        write().map_err(wrong)?;
        self.count += 1;
        Ok(())
    }

    /// Makes sure that they outlive the machine: after the import nobody knows them otherwise.
    pub(super) fn sync(&mut self) -> Result<(), ImportFailed> {
        let Some(writer) = &mut self.open else { return Ok(()) };
        let wrong = ImportFailed::write(format!("the passwords to {}", self.wanted.display()));
        writer.flush().and_then(|()| writer.get_ref().as_file().sync_all()).map_err(wrong)
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Keeps the file, if there is one, under its own name, and returns its path.
    pub(super) fn keep(mut self) -> Option<PathBuf> {
        let file = self.open.take()?.into_inner().ok()?;
        Some(keep(&self.wanted, file))
    }
}

fn header(import: &Import) -> Vec<String> {
    let keys = import.key_places().into_iter().map(|place| import.columns[place].from.clone());
    keys.chain(import.password.iter().map(|password| password.column.clone())).collect()
}

/// Gives a file the next name that is free; where that fails, it stays where it is: the passwords are
/// those of users.
fn keep(wanted: &Path, mut file: NamedTempFile) -> PathBuf {
    for number in 1..=TRIES {
        let path = numbered(wanted, number);
        match file.persist_noclobber(&path) {
            Ok(_) => return path,
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => {
                file = error.file;
                break;
            }
        }
    }
    let path = file.path().to_owned();
    file.keep().map_or(path, |(_, path)| path)
}

/// Returns `x.csv.unfinished`, then `x-2.csv.unfinished`.
fn unfinished(wanted: &Path, number: u32) -> PathBuf {
    let mut name = numbered(wanted, number).into_os_string();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// Makes a file that was not there, under the next name that is free. A link of that name counts as
/// taken, wherever it leads.
fn create(wanted: &Path) -> io::Result<NamedTempFile> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for number in 1..=TRIES {
        let path = unfinished(wanted, number);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                match file.try_lock() {
                    // Where there are no locks, no other import takes the file for an ended one's.
                    Ok(()) | Err(TryLockError::Error(_)) => {}
                    Err(TryLockError::WouldBlock) => continue,
                }
                return Ok(NamedTempFile::from_parts(file, TempPath::try_from_path(path)?));
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Looks after what a killed import has left: its passwords are those of users where it had written
/// them, and get their name; else they are those of nobody, and go away. Returns those that it kept.
pub(super) async fn recover(importing: &Importing<'_>) -> Vec<PathBuf> {
    let mut kept = Vec::new();
    for number in 1..=TRIES {
        let path = unfinished(importing.passwords, number);
        if path.symlink_metadata().is_err() {
            break;
        }
        let Some(mut file) = ended(&path) else { continue };
        let mut text = String::new();
        let read = (&mut file).take(MOST_READ).read_to_string(&mut text);
        // Bytes of half a character at the end are as good as no end.
        if read.is_err() && text.is_empty() {
            continue;
        }
        match is_written(importing, &text).await {
            Some(true) => {
                let Ok(path) = TempPath::try_from_path(path) else { continue };
                kept.push(keep(importing.passwords, NamedTempFile::from_parts(file, path)));
            }
            Some(false) => {
                // What cannot be removed has a name that says what it is.
                let _ = std::fs::remove_file(path);
            }
            None => {}
        }
    }
    kept
}

/// Opens a file whose import has ended; no link, and nothing that waits.
fn ended(path: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    let file = without_links(options.read(true)).open(path).ok()?;
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    (is_file && file.try_lock().is_ok()).then_some(file)
}

/// Tells whether the first user of a file has its password in the table: all of them were written
/// together. `None` where that cannot be found out.
async fn is_written(importing: &Importing<'_>, text: &str) -> Option<bool> {
    let import = importing.import;
    let password = import.password.as_ref()?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let is_whole = reader.headers().is_ok_and(|found| found.iter().eq(header(import)));
    let Some(Ok(first)) = reader.records().next().filter(|_| is_whole) else {
        // It was made, and its first lines were not: they are made sure of before anything is written.
        return Some(false);
    };
    let places = import.key_places();
    if first.len() != places.len() + 1 {
        return Some(false);
    }
    let same: Vec<String> = places
        .iter()
        .map(|place| format!("CAST({} AS VARCHAR) = ?", identifier(&import.columns[*place].name)))
        .collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE {}",
        identifier(&password.into),
        table(&import.table),
        same.join(" AND ")
    );
    let keys: Vec<Value> =
        first.iter().take(places.len()).map(|key| Value::String(key.to_owned())).collect();
    match importing.database.query(&sql, &keys, 1).await {
        Ok(found) => {
            let Some(row) = found.rows.first() else { return Some(false) };
            let hash = row.first().and_then(Value::as_str).unwrap_or_default();
            let made = first.get(places.len()).unwrap_or_default();
            // With another password: was it changed since, or is it another user? The file stays.
            is_hash_of(hash, made).then_some(true)
        }
        // There is no such table, or no database yet.
        Err(DatabaseError::Sql { .. } | DatabaseError::Open { .. }) => Some(false),
        Err(
            DatabaseError::NoEngine { .. }
            | DatabaseError::Text { .. }
            | DatabaseError::Constraint { .. }
            | DatabaseError::Full { .. }
            | DatabaseError::Table { .. }
            | DatabaseError::Ended { .. }
            | DatabaseError::InUse { .. }
            | DatabaseError::TimedOut { .. }
            | DatabaseError::Io { .. },
        ) => None,
    }
}

/// Returns `x.csv`, then `x-2.csv`.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    match (number, path.extension()) {
        (1, _) => path.to_owned(),
        (_, Some(end)) => path.with_file_name(format!("{stem}-{number}.{}", end.to_string_lossy())),
        (_, None) => path.with_file_name(format!("{stem}-{number}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{CHARACTERS, PasswordFile, random};
    use crate::data::import::Import;

    #[test]
    fn random_passwords_are_long_and_differ() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!((one.len(), other.len()), (20, 20));
        assert_ne!(one, other);
        assert!(one.bytes().all(|byte| CHARACTERS.contains(&byte)));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_private_new_and_goes_away_unless_it_is_kept() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let users = Import::of("users", None).unwrap().unwrap();
        let (wanted, target) = (folder.path().join("p.csv"), folder.path().join("elsewhere"));
        std::os::unix::fs::symlink(&target, &wanted).unwrap();
        let mut file = PasswordFile::at(&wanted, &users);
        file.add(["ana"].into_iter(), "x,y").unwrap();
        file.sync().unwrap();
        assert!(folder.path().join("p.csv.unfinished").exists());
        let path = file.keep().unwrap();
        assert!(!folder.path().join("p.csv.unfinished").exists());
        assert_eq!(path, folder.path().join("p-2.csv"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "username,initial_password\nana,\"x,y\"\n");
        assert!(!target.exists());

        let mut unkept = PasswordFile::at(&wanted, &users);
        unkept.add(["ana"].into_iter(), "x").unwrap();
        drop(unkept);
        assert!(!folder.path().join("p-3.csv").exists());
        assert!(!folder.path().join("p.csv.unfinished").exists());
    }
}
