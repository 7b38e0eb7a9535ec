//! Rows of the spool, put into a table of SQLite one by one.

use std::hash::{DefaultHasher, Hasher as _};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Statement};

use super::Problem;
use super::spool::{Spool, values};
use crate::config::ColumnType;
use crate::data::import::Load;
use crate::data::import::sqlite::Statements;

/// Puts the rows into the stage, each with its number and the hash of its key; returns how many there
/// are. Those with a value that the table does not hold are kept aside.
pub(super) fn stage(
    connection: &Connection,
    load: &Load<'_>,
    statements: &Statements,
) -> Result<u64, Problem> {
    let (insert, keys, exact) = (&statements.stage, &statements.keys, &statements.exact);
    let mut lost = connection.prepare(statements.lost)?;
    let (mut hash, mut row) = (DefaultHasher::new(), 0);
    each(connection, load, insert, exact, |insert, cell| {
        match cell {
            Cell::Lost(place, text) => {
                lost.execute(rusqlite::params![row, place.to_string(), text])?;
            }
            Cell::Number(number) => {
                (hash, row) = (DefaultHasher::new(), number);
                insert.raw_bind_parameter(1, number)?;
            }
            Cell::Value(place, value) => {
                if keys.contains(&place) {
                    add(&mut hash, value);
                }
                insert.raw_bind_parameter(place + 2, ToSqlOutput::Borrowed(value))?;
            }
            Cell::End(columns) => {
                insert.raw_bind_parameter(columns + 2, hash.finish().cast_signed())?;
            }
        }
        Ok(())
    })
}

/// Puts the rows into their table; returns how many. `None` where a row has a value that the table does
/// not hold: what was put in is to be taken back.
pub(super) fn straight(
    connection: &Connection,
    load: &Load<'_>,
    insert: &str,
    exact: &[usize],
) -> Result<Option<u64>, Problem> {
    let mut is_lost = false;
    let rows = each(connection, load, insert, exact, |insert, cell| match cell {
        Cell::Number(_) | Cell::End(_) => Ok(()),
        Cell::Lost(..) => {
            is_lost = true;
            Ok(())
        }
        Cell::Value(place, value) => {
            insert.raw_bind_parameter(place + 1, ToSqlOutput::Borrowed(value))
        }
    })?;
    Ok((!is_lost).then_some(rows))
}

/// A part of a row.
enum Cell<'a> {
    /// The number that its source gives it.
    Number(i64),
    /// The value of a column, from 0.
    Value(usize, ValueRef<'a>),
    /// The text of a column that the table would not hold as it is: the row is not inserted.
    Lost(usize, &'a str),
    /// How many columns there were.
    End(usize),
}

/// Reads the spool, and inserts each row as `bind` binds it. The values at the places `exact` have to be
/// held exactly.
fn each(
    connection: &Connection,
    load: &Load<'_>,
    insert: &str,
    exact: &[usize],
    mut bind: impl FnMut(&mut Statement<'_>, Cell<'_>) -> Result<(), rusqlite::Error>,
) -> Result<u64, Problem> {
    let io = |error: std::io::Error| Problem::Io {
        path: load.spool.display().to_string(),
        source: error,
    };
    // What stands there is not for messages: the rows may have hashes of passwords.
    let wrong = |rows: u64| {
        let line = rows + 2;
        Problem::Reason(format!("the checked rows cannot be read back, near line {line} of them"))
    };
    let kinds: Vec<ColumnType> = crate::data::import::kinds(load.import).collect();
    let mut insert = connection.prepare(insert)?;
    let mut spool = Spool::open(load.spool).map_err(io)?;
    let mut rows = 0_u64;
    while let Some(record) = spool.next().map_err(io)? {
        let mut cells = values(record);
        let number = cells.next().flatten().and_then(|cell| cell.parse::<i64>().ok());
        bind(&mut insert, Cell::Number(number.ok_or_else(|| wrong(rows))?))?;
        let mut fits = true;
        for (place, kind) in kinds.iter().enumerate() {
            let cell = cells.next().ok_or_else(|| wrong(rows))?;
            let value = match &cell {
                None => ValueRef::Null,
                Some(text) => typed(*kind, text).ok_or_else(|| wrong(rows))?,
            };
            // Fifteen digits are held whatever they are.
            if let Some(text) = &cell
                && text.len() > 15
                && exact.contains(&place)
                && !holds(value, text)
            {
                bind(&mut insert, Cell::Lost(place, text))?;
                fits = false;
            }
            bind(&mut insert, Cell::Value(place, value))?;
        }
        bind(&mut insert, Cell::End(kinds.len()))?;
        if fits {
            insert.raw_execute()?;
        }
        rows += 1;
    }
    Ok(rows)
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
