//! Checked rows, read from the spool into the stage.

use std::hash::{DefaultHasher, Hasher as _};

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use super::Problem;
use super::spool::{Spool, values};
use crate::config::ColumnType;
use crate::data::import::Load;
use crate::data::import::sqlite::Statements;

/// Puts the rows of the spool into the stage; returns how many.
pub(super) fn stage(
    connection: &Connection,
    load: &Load<'_>,
    statements: &Statements,
) -> Result<u64, Problem> {
    let io = |error: std::io::Error| Problem::Io {
        path: load.spool.display().to_string(),
        source: error,
    };
    let wrong = |row: &str| {
        let short: String = row.chars().take(40).collect();
        Problem::Reason(format!("the checked rows cannot be read back, near {short:?}"))
    };
    let import = load.import;
    let kinds: Vec<ColumnType> = crate::data::import::kinds(import).collect();
    let key_place = kinds.len() + 2;
    let mut insert = connection.prepare(&statements.stage)?;
    let mut lost = connection.prepare(statements.lost)?;
    let mut spool = Spool::open(load.spool).map_err(io)?;
    let mut is_key = vec![false; kinds.len()];
    for place in &statements.keys {
        if let Some(flag) = is_key.get_mut(*place) {
            *flag = true;
        }
    }
    let mut is_exact = vec![false; kinds.len()];
    for place in &statements.exact {
        if let Some(flag) = is_exact.get_mut(*place) {
            *flag = true;
        }
    }
    let mut staged = 0;
    while let Some(record) = spool.next().map_err(io)? {
        let mut cells = values(record);
        let number = cells.next().flatten().and_then(|cell| cell.parse::<i64>().ok());
        let number = number.ok_or_else(|| wrong(record))?;
        insert.raw_bind_parameter(1, number)?;
        let mut fits = true;
        let mut hash = DefaultHasher::new();
        for (place, ((kind, is_key), is_exact)) in
            kinds.iter().zip(&is_key).zip(&is_exact).enumerate()
        {
            let cell = cells.next().ok_or_else(|| wrong(record))?;
            let value = match &cell {
                None => ValueRef::Null,
                Some(text) => typed(*kind, text).ok_or_else(|| wrong(record))?,
            };
            // Fifteen digits are held whatever they are.
            if *is_exact
                && let Some(text) = &cell
                && text.len() > 15
                && !holds(value, text)
            {
                lost.execute(rusqlite::params![number, place.to_string(), text.as_ref()])?;
                fits = false;
            }
            if *is_key {
                add(&mut hash, value);
            }
            let value = rusqlite::types::ToSqlOutput::Borrowed(value);
            insert.raw_bind_parameter(place + 2, value)?;
        }
        insert.raw_bind_parameter(key_place, hash.finish().cast_signed())?;
        if fits {
            insert.raw_execute()?;
        }
        staged += 1;
    }
    Ok(staged)
}

/// Returns a value of the spool as SQLite takes it.
fn typed(kind: ColumnType, text: &str) -> Option<ValueRef<'_>> {
    Some(match kind {
        ColumnType::Text | ColumnType::Email | ColumnType::Date | ColumnType::Timestamp => {
            ValueRef::Text(text.as_bytes())
        }
        ColumnType::Integer => ValueRef::Integer(text.parse().ok()?),
        ColumnType::Number | ColumnType::Amount => ValueRef::Real(text.parse().ok()?),
        ColumnType::Boolean => ValueRef::Integer(i64::from(text == "true")),
    })
}

/// Tells whether a floating number is the one that the text says.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "whether the number comes back is the question"
)]
fn holds(value: ValueRef<'_>, text: &str) -> bool {
    match value {
        ValueRef::Integer(number) => i128::from(number) == (number as f64) as i128,
        ValueRef::Real(number) => {
            let decimals = text.split_once('.').map_or(0, |(_, after)| after.len());
            format!("{number:.decimals$}") == text
        }
        ValueRef::Null | ValueRef::Text(_) | ValueRef::Blob(_) => true,
    }
}

/// Hashes a value: those that SQLite takes for equal have one hash.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a whole number is hashed as the real number that equals it, if there is one"
)]
pub(super) fn add(hash: &mut DefaultHasher, value: ValueRef<'_>) {
    match value {
        ValueRef::Null => hash.write_u8(0),
        ValueRef::Integer(number) if (number as f64) as i64 == number => {
            add(hash, ValueRef::Real(number as f64));
        }
        ValueRef::Integer(number) => hash.write_i64(number),
        // Zero has two signs.
        ValueRef::Real(number) => {
            hash.write_u64(if number == 0.0 { 0 } else { number.to_bits() });
        }
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            hash.write_usize(bytes.len());
            hash.write(bytes);
        }
    }
}
