//! Passwords that are made up for users who have none, and the file that tells them.

use std::fs::{OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::{NamedTempFile, TempPath};

use super::ImportFailed;
use crate::adapters::scratch;
use crate::data::import::Import;

mod recover;

pub(in crate::apply::data::import) use recover::recover;

/// What they are made of: no two characters look alike.
const CHARACTERS: &[u8; 56] = b"abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ2345678";

/// How many characters: 116 bits.
const LENGTH: usize = 20;

/// So many names of files are tried.
const TRIES: u32 = 1000;

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
    /// The letters of the database.
    database: String,
    header: Vec<String>,
    open: Option<csv::Writer<NamedTempFile>>,
    /// The numbers of the rows whose passwords they are.
    rows: Vec<u64>,
}

/// A file of passwords that stays.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// Where it is.
    pub(super) path: PathBuf,
    /// How many passwords it has.
    pub(super) count: u64,
}

impl PasswordFile {
    /// Chooses a place, for users of a database. Nothing is written yet.
    pub(super) fn at(wanted: &Path, database: &Path, import: &Import) -> Self {
        Self {
            wanted: wanted.to_owned(),
            database: letters(database),
            header: header(import),
            open: None,
            rows: Vec::new(),
        }
    }

    /// Adds the password of a user, by the number and the key of its row.
    pub(super) fn add<'a>(
        &mut self,
        row: u64,
        key: impl Iterator<Item = &'a str>,
        password: &'a str,
    ) -> Result<(), ImportFailed> {
        let wrong = ImportFailed::write(format!("the passwords to {}", self.wanted.display()));
        let write = || {
            let writer = match &mut self.open {
                Some(writer) => writer,
                none @ None => {
                    let file = create(&self.wanted, &self.database)?;
                    let mut writer = csv::Writer::from_writer(file);
                    writer.write_record(&self.header)?;
                    none.insert(writer)
                }
            };
            writer.write_record(key.chain([password]))?;
            io::Result::Ok(())
        };
        write().map_err(wrong)?;
        self.rows.push(row);
        Ok(())
    }

    /// Makes sure that they outlive the machine: after the import nobody knows them otherwise. From now on
    /// no signal removes them, because the database may have taken the users.
    pub(super) fn sync(&mut self) -> Result<(), ImportFailed> {
        let Some(writer) = &mut self.open else { return Ok(()) };
        let wrong = ImportFailed::write(format!("the passwords to {}", self.wanted.display()));
        writer.flush().and_then(|()| writer.get_ref().as_file().sync_all()).map_err(wrong)?;
        scratch::forget(writer.get_ref().path());
        Ok(())
    }

    /// Keeps all of them under their own name, if there are any.
    pub(super) fn keep(mut self) -> Option<Kept> {
        let file = self.open.take()?.into_inner().ok()?;
        let path = keep(&self.wanted, file);
        Some(Kept { path, count: self.rows.len() as u64 })
    }

    /// Keeps those of the users whom the database has taken from this import: others have had them
    /// written meanwhile, or they were refused, and these passwords would be those of nobody.
    pub(super) fn keep_taken(
        mut self,
        mut is_taken: impl FnMut(u64) -> Result<bool, ImportFailed>,
    ) -> Option<Kept> {
        let taken: Result<Vec<bool>, _> = self.rows.iter().map(|row| is_taken(*row)).collect();
        // Where that cannot be found out, rather too many.
        let Ok(taken) = taken else { return self.keep() };
        if taken.iter().all(|taken| *taken) {
            return self.keep();
        }
        if !taken.contains(&true) {
            return None;
        }
        let count = taken.iter().filter(|taken| **taken).count() as u64;
        let file = self.open.take()?.into_inner().ok()?;
        match fewer(&self, file.path(), &taken) {
            Ok(fewer) => Some(Kept { path: keep(&self.wanted, fewer), count }),
            Err(_) => Some(Kept { path: keep(&self.wanted, file), count: taken.len() as u64 }),
        }
    }
}

impl Drop for PasswordFile {
    fn drop(&mut self) {
        if let Some(writer) = &self.open {
            scratch::forget(writer.get_ref().path());
        }
    }
}

/// Writes those of the passwords that are told to another file.
fn fewer(file: &PasswordFile, all: &Path, taken: &[bool]) -> io::Result<NamedTempFile> {
    let fewer = create(&file.wanted, &file.database)?;
    // It holds passwords of users from the first on.
    scratch::forget(fewer.path());
    let mut reader = csv::Reader::from_path(all)?;
    let mut writer = csv::Writer::from_writer(fewer);
    writer.write_record(reader.headers()?)?;
    for (record, taken) in reader.records().zip(taken) {
        if *taken {
            writer.write_record(&record?)?;
        }
    }
    let fewer = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    fewer.as_file().sync_all()?;
    Ok(fewer)
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

/// Returns `x.csv.1a2b3c4d.unfinished`, then `x-2.csv.1a2b3c4d.unfinished`: the letters are those of the
/// database, so that an import into another one leaves the file alone.
fn unfinished(wanted: &Path, database: &str, number: u32) -> PathBuf {
    let mut name = numbered(wanted, number).into_os_string();
    name.push(format!(".{database}.unfinished"));
    PathBuf::from(name)
}

/// Returns letters by which a database is known again: of its path, without links.
fn letters(database: &Path) -> String {
    let folder = database.parent().filter(|folder| !folder.as_os_str().is_empty());
    let place = database.canonicalize().or_else(|_| {
        let folder = folder.unwrap_or(Path::new(".")).canonicalize()?;
        Ok::<_, io::Error>(folder.join(database.file_name().unwrap_or_default()))
    });
    let place = place.unwrap_or_else(|_| database.to_owned());
    let digest = Sha256::digest(place.as_os_str().as_encoded_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a file that was not there, under the next name that is free. A link of that name counts as
/// taken, wherever it leads.
fn create(wanted: &Path, database: &str) -> io::Result<NamedTempFile> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for number in 1..=TRIES {
        let path = unfinished(wanted, database, number);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => {
                match file.try_lock() {
                    // Where there are no locks, no other import takes the file for an ended one's.
                    Ok(()) | Err(TryLockError::Error(_)) => {}
                    Err(TryLockError::WouldBlock) => continue,
                }
                scratch::note(&path);
                return Ok(NamedTempFile::from_parts(file, TempPath::try_from_path(path)?));
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
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
    use super::{CHARACTERS, Kept, PasswordFile, letters, random, unfinished};
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
        let database = folder.path().join("app.db");
        let unfinished = unfinished(&wanted, &letters(&database), 1);
        let mut file = PasswordFile::at(&wanted, &database, &users);
        file.add(2, ["ana"].into_iter(), "x,y").unwrap();
        file.sync().unwrap();
        assert!(unfinished.exists());
        let Kept { path, count } = file.keep().unwrap();
        assert!(!unfinished.exists());
        assert_eq!(count, 1);
        assert_eq!(path, folder.path().join("p-2.csv"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "username,initial_password\nana,\"x,y\"\n");
        assert!(!target.exists());

        let mut unkept = PasswordFile::at(&wanted, &database, &users);
        unkept.add(2, ["ana"].into_iter(), "x").unwrap();
        drop(unkept);
        assert!(!folder.path().join("p-3.csv").exists());
        assert!(!unfinished.exists());
    }
}
