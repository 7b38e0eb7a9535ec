//! A digest of what a SQLite file holds, whatever its bytes are: a database that was written anew with
//! the same rows has other counters, free pages and orders of pages.
//!
//! Tables of tidegate's own do not count: they change at each import.
//!
//! A table is a multiset of rows: their number, and the sum of their hashes, in two halves. The
//! hidden number of a row counts only where a column shows it.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use sha2::{Digest as _, Sha256};

use crate::data::import::state::OWN;
use crate::data::sql::identifier;

/// What the digest is made of: another number makes all others differ.
const FORMAT: u32 = 1;

/// What counts beside schema and rows.
const PRAGMAS: [&str; 3] = ["application_id", "encoding", "user_version"];

/// Returns the digest: the format, and a SHA-256.
pub(super) fn content(connection: &Connection) -> Result<String, rusqlite::Error> {
    // One state, whatever others write.
    connection.execute_batch("BEGIN")?;
    let mut hash = Sha256::new();
    for pragma in PRAGMAS {
        connection.query_row(&format!("PRAGMA {pragma}"), [], |row| {
            value(&mut hash, row.get_ref(0)?);
            Ok(())
        })?;
    }
    let mut schema = connection.prepare(
        "SELECT type, name, tbl_name, sql, type = 'table' AND rootpage <> 0 FROM sqlite_schema \
         WHERE substr(tbl_name, 1, length(?1)) <> ?1 ORDER BY type, name",
    )?;
    let mut found = schema.query([OWN])?;
    let mut tables: Vec<String> = Vec::new();
    while let Some(row) = found.next()? {
        for column in 0..4 {
            value(&mut hash, row.get_ref(column)?);
        }
        // The rows of a virtual table lie in tables of its own.
        if row.get(4)? {
            tables.push(row.get(1)?);
        }
    }
    for table in tables {
        value(&mut hash, ValueRef::Text(table.as_bytes()));
        let (number, sums) = rows(connection, &table)?;
        hash.update(number.to_le_bytes());
        for sum in sums {
            hash.update(sum.to_le_bytes());
        }
    }
    connection.execute_batch("ROLLBACK")?;
    Ok(format!("v{FORMAT}/sqlite/{:x}", hash.finalize()))
}

/// Sums the rows of a table up.
fn rows(connection: &Connection, table: &str) -> Result<(u64, [u128; 2]), rusqlite::Error> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {}", identifier(table)))?;
    let columns = statement.column_count();
    let mut found = statement.query([])?;
    let (mut number, mut sums) = (0_u64, [0_u128; 2]);
    while let Some(row) = found.next()? {
        let mut hash = Sha256::new();
        for column in 0..columns {
            value(&mut hash, row.get_ref(column)?);
        }
        let digest = hash.finalize();
        for (sum, half) in sums.iter_mut().zip(digest.chunks_exact(16)) {
            let half = half.iter().fold(0_u128, |half, byte| half << 8 | u128::from(*byte));
            *sum = sum.wrapping_add(half);
        }
        number += 1;
    }
    Ok((number, sums))
}

/// Hashes a value with its type and, where they differ, its length.
fn value(hash: &mut Sha256, value: ValueRef<'_>) {
    let mut sized = |kind: u8, bytes: &[u8]| {
        hash.update([kind]);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    match value {
        ValueRef::Null => sized(0, &[]),
        ValueRef::Integer(number) => sized(1, &number.to_le_bytes()),
        ValueRef::Real(number) => sized(2, &number.to_bits().to_le_bytes()),
        ValueRef::Text(text) => sized(3, text),
        ValueRef::Blob(bytes) => sized(4, bytes),
    }
}
