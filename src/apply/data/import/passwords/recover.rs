//! Files of passwords that an import has left which was killed.

use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::{NamedTempFile, TempPath};

use super::{TRIES, header, keep, letters, unfinished};
use crate::adapters::database::DatabaseError;
use crate::apply::data::import::Importing;
use crate::apply::data::import::hash::is_hash_of;
use crate::apply::data::links::without_links;
use crate::data::sql::{identifier, table};

/// How much of a file is read, in bytes: its first users.
const MOST_READ: u64 = 64 * 1024;

/// How many users are looked for in the table.
const MOST_USERS: usize = 20;

/// Looks after what a killed import has left: its passwords are those of users where it had written
/// them, and get their name; else they are those of nobody, and go away. Returns those that it kept.
pub(in crate::apply::data::import) async fn recover(importing: &Importing<'_>) -> Vec<PathBuf> {
    let mut kept = Vec::new();
    let database = letters(importing.target);
    for number in 1..=TRIES {
        let path = unfinished(importing.passwords, &database, number);
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

/// Tells whether one of the first users of a file has its password in the table: they were written
/// together, except those whom another import had written before. `None` where that cannot be found out.
async fn is_written(importing: &Importing<'_>, text: &str) -> Option<bool> {
    let import = importing.import;
    let password = import.password.as_ref()?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    // Else it was made, and its first lines were not: they are made sure of before anything is written.
    let is_whole = reader.headers().is_ok_and(|found| found.iter().eq(header(import)));
    let places = import.key_places();
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
    let mut is_there = false;
    for user in reader.records().take(if is_whole { MOST_USERS } else { 0 }).map_while(Result::ok) {
        if user.len() != places.len() + 1 {
            break;
        }
        let keys: Vec<Value> =
            user.iter().take(places.len()).map(|key| Value::String(key.to_owned())).collect();
        match importing.database.query(&sql, &keys, 1).await {
            Ok(found) => {
                let Some(row) = found.rows.first() else { continue };
                let hash = row.first().and_then(Value::as_str).unwrap_or_default();
                if is_hash_of(hash, user.get(places.len()).unwrap_or_default()) {
                    return Some(true);
                }
                is_there = true;
            }
            // There is no such table, or no database yet.
            Err(DatabaseError::Sql { .. } | DatabaseError::Open { .. }) => return Some(false),
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
            ) => return None,
        }
    }
    // With other passwords: were they changed since, or are they other users? The file stays.
    if is_there { None } else { Some(false) }
}
