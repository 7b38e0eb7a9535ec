//! Hashes the passwords of new users, on several threads.
//!
//! Argon2id with 19 MiB of memory, 2 passes and 1 lane, as OWASP's Password Storage Cheat Sheet says
//! (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html>), with a salt of
//! 16 random bytes, in the PHC string format: RFC 9106.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::thread;

use argon2::password_hash::{PasswordHasher as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::passwords::{PasswordFile, random};
use super::{ImportFailed, Importing, NO_HASH, Refused, Spool, check_row};
use crate::config::PasswordScheme;
use crate::data::check::Dialect;
use crate::data::import::Row;
use crate::data::sql::identifier;

/// How many users are looked up, and kept in memory, at once.
const AT_ONCE: usize = 1000;

/// The most threads: each takes 19 MiB.
const MOST_THREADS: usize = 2;

/// A good row that waits for its hash.
struct Waiting {
    number: u64,
    values: Vec<Option<String>>,
    password: String,
}

/// Reads the rows again, and writes those that the database takes to a spool with hashes.
pub(super) async fn hash(
    importing: &Importing<'_>,
    found: &Path,
    passwords: &mut PasswordFile,
) -> Result<PathBuf, ImportFailed> {
    let mut spool = Spool::create(&importing.folder.join("hashed.csv"), importing.import)?;
    let mut reader = importing.batch.read(importing.import)?;
    let (mut refused, mut row) = (Refused::open(found)?, Row::default());
    let has_table = has_table(importing).await?;
    let mut waiting = Vec::with_capacity(AT_ONCE);
    while let Some(cells) = reader.next_row()? {
        let bad = check_row(importing, cells, &mut row).is_err();
        // Bad ones are written too: the database says of them what it said before.
        if bad {
            continue;
        }
        if !refused.of(cells.number)?.is_empty() {
            spool.row(cells.number, row.values(), Some(NO_HASH))?;
            continue;
        }
        let values = row.values().map(|value| value.map(str::to_owned)).collect();
        let password = cells.password().unwrap_or_default().to_owned();
        waiting.push(Waiting { number: cells.number, values, password });
        if waiting.len() == AT_ONCE {
            write(importing, has_table, &mut waiting, passwords, &mut spool).await?;
        }
    }
    write(importing, has_table, &mut waiting, passwords, &mut spool).await?;
    spool.finish()
}

async fn write(
    importing: &Importing<'_>,
    has_table: bool,
    waiting: &mut Vec<Waiting>,
    passwords: &mut PasswordFile,
    spool: &mut Spool,
) -> Result<(), ImportFailed> {
    let there = if has_table { there(importing, waiting).await? } else { HashSet::new() };
    let places = importing.import.key_places();
    let mut new = Vec::new();
    for user in waiting.iter_mut() {
        let key = key(&places, &user.values);
        if there.contains(&key) {
            user.password.clear();
            continue;
        }
        if user.password.trim().is_empty() {
            user.password = random()?;
            passwords
                .add(key.iter().map(|part| part.as_deref().unwrap_or_default()), &user.password)?;
        }
        new.push(user.password.as_str());
    }
    let scheme = importing.import.password.as_ref().map(|password| password.scheme);
    let hashes = all(&new, scheme.unwrap_or_default())?;
    let mut hashes = hashes.iter();
    for user in waiting.iter() {
        let hash = if user.password.is_empty() { None } else { hashes.next() };
        let hash = hash.map_or(NO_HASH, String::as_str);
        spool.row(user.number, user.values.iter().map(Option::as_deref), Some(hash))?;
    }
    waiting.clear();
    Ok(())
}

fn key(places: &[usize], values: &[Option<String>]) -> Vec<Option<String>> {
    places.iter().map(|place| values.get(*place).cloned().flatten()).collect()
}

async fn has_table(importing: &Importing<'_>) -> Result<bool, ImportFailed> {
    if !importing.exists {
        return Ok(false);
    }
    let sql = match importing.database.dialect() {
        Dialect::DuckDb => {
            "SELECT count(*) FROM information_schema.tables WHERE lower(table_name) = lower(?)"
        }
        Dialect::Sqlite => "SELECT count(*) FROM sqlite_master WHERE lower(name) = lower(?)",
    };
    let name = Value::String(importing.import.table.clone());
    let rows = importing.database.query(sql, &[name], 1).await?;
    let count = rows.rows.first().and_then(|row| row.first());
    Ok(count.is_some_and(|count| count.as_u64() != Some(0) && count.as_str() != Some("0")))
}

/// Returns the keys of those users whom the table has.
async fn there(
    importing: &Importing<'_>,
    waiting: &[Waiting],
) -> Result<HashSet<Vec<Option<String>>>, ImportFailed> {
    let places = importing.import.key_places();
    let text = |place: &usize| {
        format!("CAST({} AS VARCHAR)", identifier(&importing.import.columns[*place].name))
    };
    let firsts: HashSet<&str> = waiting
        .iter()
        .filter_map(|user| places.first().and_then(|place| user.values.get(*place)?.as_deref()))
        .collect();
    if firsts.is_empty() {
        return Ok(HashSet::new());
    }
    let columns: Vec<String> = places.iter().map(text).collect();
    let marks = vec!["?"; firsts.len()].join(", ");
    let sql = format!(
        "SELECT DISTINCT {} FROM {} WHERE {} IN ({marks})",
        columns
            .iter()
            .enumerate()
            .map(|(n, column)| format!("{column} AS k{n}"))
            .collect::<Vec<_>>()
            .join(", "),
        identifier(&importing.import.table),
        columns[0],
    );
    let parameters: Vec<Value> =
        firsts.into_iter().map(|first| Value::String(first.to_owned())).collect();
    // Where more rows have these keys, some hashes are made that the database then leaves out.
    let rows = importing.database.query(&sql, &parameters, 10 * AT_ONCE).await?;
    let text = |value: Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(other.to_string())
        }
    };
    Ok(rows.rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect())
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
