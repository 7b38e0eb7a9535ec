//! Hashes the passwords of new users, on several threads.
//!
//! Argon2id with 19 MiB of memory, 2 passes and 1 lane, as OWASP's Password Storage Cheat Sheet says
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>), with a salt of
//! 16 random bytes, in the PHC string format: RFC 9106.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::thread;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use sha2::{Digest as _, Sha256};

use super::passwords::{PasswordFile, random};
use super::{ImportFailed, Importing, Listed, NO_HASH, Refused, Spool, check_row};
use crate::adapters::database::DatabaseError;
use crate::config::PasswordScheme;
use crate::data::import::Row;

/// How many users wait for their hashes, in memory, at once.
const AT_ONCE: usize = 1000;

/// The most threads: each takes 19 MiB.
const MOST_THREADS: usize = 2;

/// A good row that waits for its hash.
struct Waiting {
    number: u64,
    values: Vec<Option<String>>,
    password: String,
    /// Whether the table has the user.
    is_known: bool,
}

/// Reads the rows again, and writes those that the database takes to a spool with hashes. Which users it
/// has, it has said itself, by the comparison with which it loads them.
pub(super) fn hash(
    importing: &Importing<'_>,
    listed: Listed<'_>,
    passwords: &mut PasswordFile,
) -> Result<PathBuf, ImportFailed> {
    let mut spool = Spool::create(&importing.folder.join("hashed.csv"), importing.import)?;
    let mut reader = importing.batch.read(importing.import)?;
    let (mut refused, mut row) = (Refused::open(listed.found)?, Row::default());
    let mut known = listed.known.map(Known::open).transpose()?;
    let mut waiting = Vec::with_capacity(AT_ONCE);
    while let Some(cells) = reader.next_row()? {
        let bad = check_row(importing, cells, &mut row).is_err();
        // Bad ones are written too: the database says of them what it said before.
        if bad {
            continue;
        }
        if !refused.of(cells.number)?.is_empty() {
            spool.row(cells.number, row.values(), Some(Some(NO_HASH)))?;
            continue;
        }
        let is_known = match &mut known {
            Some(known) => known.has(cells.number)?,
            None => false,
        };
        let values = row.values().map(|value| value.map(str::to_owned)).collect();
        let password = cells.password().unwrap_or_default().to_owned();
        waiting.push(Waiting { number: cells.number, values, password, is_known });
        if waiting.len() == AT_ONCE {
            write(importing, &mut waiting, passwords, &mut spool)?;
        }
    }
    write(importing, &mut waiting, passwords, &mut spool)?;
    spool.finish()
}

/// The numbers of the rows that the table has, in their order.
pub(super) struct Known {
    lines: Lines<BufReader<File>>,
    next: Option<u64>,
    path: PathBuf,
}

impl Known {
    pub(super) fn open(path: &Path) -> Result<Self, ImportFailed> {
        let file = File::open(path).map_err(|source| Self::unreadable(path, source))?;
        let mut known =
            Self { lines: BufReader::new(file).lines(), next: None, path: path.to_owned() };
        // The header.
        known.lines.next();
        known.read()?;
        Ok(known)
    }

    /// Tells whether a row is among them; the rows are asked for in their order.
    pub(super) fn has(&mut self, number: u64) -> Result<bool, ImportFailed> {
        while self.next.is_some_and(|next| next < number) {
            self.read()?;
        }
        Ok(self.next == Some(number))
    }

    fn read(&mut self) -> Result<(), ImportFailed> {
        let line = self.lines.next().transpose();
        let line = line.map_err(|source| Self::unreadable(&self.path, source))?;
        let number = line.map(|line| line.trim().parse()).transpose();
        let wrong = |_| io::Error::other("expected the number of a row");
        self.next = number.map_err(|error| Self::unreadable(&self.path, wrong(error)))?;
        Ok(())
    }

    fn unreadable(path: &Path, source: io::Error) -> ImportFailed {
        DatabaseError::Io { path: path.display().to_string(), source }.into()
    }
}

fn write(
    importing: &Importing<'_>,
    waiting: &mut Vec<Waiting>,
    passwords: &mut PasswordFile,
    spool: &mut Spool,
) -> Result<(), ImportFailed> {
    let places = importing.import.key_places();
    let mut new = Vec::new();
    for user in waiting.iter_mut() {
        if user.is_known {
            continue;
        }
        if user.password.trim().is_empty() {
            user.password = random()?;
            let key = places.iter().map(|place| user.values.get(*place)?.as_deref());
            passwords.add(user.number, key.map(Option::unwrap_or_default), &user.password)?;
        }
        new.push(user.password.as_str());
    }
    let scheme = importing.import.password.as_ref().map(|password| password.scheme);
    let hashes = all(&new, scheme.unwrap_or_default())?;
    let mut hashes = hashes.iter();
    for user in waiting.iter() {
        let hash = if user.is_known { None } else { hashes.next() };
        // Without one: where the user is gone meanwhile, the database refuses a row without a password.
        let hash = hash.map(String::as_str);
        spool.row(user.number, user.values.iter().map(Option::as_deref), Some(hash))?;
    }
    waiting.clear();
    Ok(())
}

/// Hashes all, in their order.
fn all(passwords: &[&str], scheme: PasswordScheme) -> Result<Vec<String>, ImportFailed> {
    let threads = thread::available_parallelism().map_or(1, usize::from).clamp(1, MOST_THREADS);
    let part = passwords.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = passwords
            .chunks(part)
            .map(|part| {
                scope.spawn(move || part.iter().map(|one| self::one(one, scheme)).collect())
            })
            .collect();
        let mut hashes = Vec::with_capacity(passwords.len());
        for part in parts {
            let part: Result<Vec<String>, ImportFailed> = part
                .join()
                .unwrap_or_else(|_| Err(ImportFailed::Hash("a thread ended early".to_owned())));
            hashes.extend(part?);
        }
        Ok(hashes)
    })
}

/// Tells whether a hash, of either scheme, is that of a password.
pub(super) fn is_hash_of(hash: &str, password: &str) -> bool {
    match PasswordHash::new(hash) {
        Ok(hash) => Argon2::default().verify_password(password.as_bytes(), &hash).is_ok(),
        Err(_) => one(password, PasswordScheme::Sha256).is_ok_and(|own| own == hash),
    }
}

fn one(password: &str, scheme: PasswordScheme) -> Result<String, ImportFailed> {
    let wrong = |error: String| ImportFailed::Hash(error);
    match scheme {
        PasswordScheme::Sha256 => {
            Ok(Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect())
        }
        PasswordScheme::Argon2id => {
            let mut salt = [0_u8; 16];
            getrandom::fill(&mut salt).map_err(|error| wrong(error.to_string()))?;
            let salt = SaltString::encode_b64(&salt).map_err(|error| wrong(error.to_string()))?;
            let params =
                Params::new(19 * 1024, 2, 1, None).map_err(|error| wrong(error.to_string()))?;
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let hash = argon2.hash_password(password.as_bytes(), &salt);
            Ok(hash.map_err(|error| wrong(error.to_string()))?.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use argon2::Argon2;
    use argon2::password_hash::{PasswordHash, PasswordVerifier as _};

    use super::{PasswordScheme, all};

    #[test]
    fn hashes_are_those_of_their_passwords_in_order() {
        let passwords = ["tide", "Gezeiten ü", "x"];
        let hashes = all(&passwords, PasswordScheme::Argon2id).unwrap();
        for (password, hash) in passwords.iter().zip(&hashes) {
            assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
            let parsed = PasswordHash::new(hash).unwrap();
            Argon2::default().verify_password(password.as_bytes(), &parsed).unwrap();
        }
        assert_ne!(hashes[0], all(&["tide"], PasswordScheme::Argon2id).unwrap()[0], "salted");
    }

    #[test]
    fn sha256_is_the_hexadecimal_of_the_fields_apps() {
        let hashes = all(&["abc"], PasswordScheme::Sha256).unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashes, [expected]);
    }
}
