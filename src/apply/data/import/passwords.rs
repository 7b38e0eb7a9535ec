//! Passwords that are made up for users who have none, and the file that tells them.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::ImportFailed;
use crate::data::import::Import;

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

/// A file of mode 0600 that is made with its first password, and goes away unless it is kept.
#[derive(Debug)]
pub(super) struct PasswordFile {
    wanted: PathBuf,
    header: Vec<String>,
    open: Option<(PathBuf, csv::Writer<File>)>,
    count: u64,
}

impl PasswordFile {
    /// Chooses a place. Nothing is written yet.
    pub(super) fn at(wanted: &Path, import: &Import) -> Self {
        let keys = import.key_places().into_iter().map(|place| import.columns[place].from.clone());
        let password = import.password.iter().map(|password| password.column.clone());
        let header = keys.chain(password).collect();
        Self { wanted: wanted.to_owned(), header, open: None, count: 0 }
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
                Some((_, writer)) => writer,
                none @ None => {
                    let (path, file) = create(&self.wanted)?;
                    let mut writer = csv::Writer::from_writer(file);
                    writer.write_record(&self.header)?;
                    &mut none.insert((path, writer)).1
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
        let Some((path, writer)) = &mut self.open else { return Ok(()) };
        let wrong = ImportFailed::write(format!("the passwords to {}", path.display()));
        writer.flush().and_then(|()| writer.get_ref().sync_all()).map_err(wrong)
    }

    /// Returns how many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Keeps the file, if there is one, and returns its path.
    pub(super) fn keep(mut self) -> Option<PathBuf> {
        self.open.take().map(|(path, _)| path)
    }
}

impl Drop for PasswordFile {
    fn drop(&mut self) {
        if let Some((path, mut writer)) = self.open.take() {
            // What cannot be removed holds passwords of nobody.
            let _ = writer.flush();
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Makes a file that was not there, under the next name that is free. A link of that name counts as
/// taken, wherever it leads.
fn create(wanted: &Path) -> io::Result<(PathBuf, File)> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for number in 1..=TRIES {
        let path = numbered(wanted, number);
        match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.map(|file| (path, file)),
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
        let path = file.keep().unwrap();
        assert_eq!(path, folder.path().join("p-2.csv"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "username,initial_password\nana,\"x,y\"\n");
        assert!(!target.exists());

        let mut unkept = PasswordFile::at(&wanted, &users);
        unkept.add(["ana"].into_iter(), "x").unwrap();
        drop(unkept);
        assert!(!folder.path().join("p-3.csv").exists());
    }
}
