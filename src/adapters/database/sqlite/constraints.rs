//! The constraints of a table of SQLite, as its catalogue tells them
//! (<https://sqlite.org/pragma.html#pragma_index_list>).

use rusqlite::{Connection, Error};

use crate::data::import::{Constraint, Part};

/// Reads them. Not told are partial indexes, those with expressions, and references of the table to
/// itself: whether a row breaks these, only SQLite knows in the end.
pub(super) fn constraints(connection: &Connection, table: &str) -> Result<Vec<Constraint>, Error> {
    let mut found = unique(connection, table)?;
    found.extend(references(connection, table)?);
    Ok(found)
}

fn unique(connection: &Connection, table: &str) -> Result<Vec<Constraint>, Error> {
    let mut statement = connection.prepare(
        "SELECT i.seq, x.cid, x.name, x.coll FROM pragma_index_list(?1, 'main') AS i \
         JOIN pragma_index_xinfo(i.name, 'main') AS x \
         WHERE i.\"unique\" <> 0 AND i.partial = 0 AND x.key <> 0 ORDER BY i.seq, x.seqno",
    )?;
    let mut rows = statement.query([table])?;
    let mut indexes: Vec<(i64, Option<Vec<Part>>)> = Vec::new();
    while let Some(row) = rows.next()? {
        let (index, cid): (i64, i64) = (row.get(0)?, row.get(1)?);
        let collation: String = row.get(3)?;
        let part = match collation.to_ascii_uppercase().as_str() {
            _ if cid < 0 => None,
            "BINARY" => Some(Part { column: row.get(2)?, collation: None }),
            known @ ("NOCASE" | "RTRIM") => {
                Some(Part { column: row.get(2)?, collation: Some(known.to_owned()) })
            }
            _ => None,
        };
        match indexes.last_mut() {
            Some((last, parts)) if *last == index => match (parts.as_mut(), part) {
                (Some(parts), Some(part)) => parts.push(part),
                _ => *parts = None,
            },
            _ => indexes.push((index, part.map(|part| vec![part]))),
        }
    }
    Ok(indexes.into_iter().filter_map(|(_, parts)| parts.map(Constraint::Unique)).collect())
}

/// A foreign key: its number, the other table, the columns, and those of the other table.
type Key = (i64, String, Vec<String>, Vec<Option<String>>);

fn references(connection: &Connection, table: &str) -> Result<Vec<Constraint>, Error> {
    let mut statement = connection.prepare(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?1, 'main') \
         WHERE lower(\"table\") <> lower(?1) ORDER BY id, seq",
    )?;
    let mut rows = statement.query([table])?;
    let mut keys: Vec<Key> = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, parent): (i64, String) = (row.get(0)?, row.get(1)?);
        match keys.last_mut() {
            Some((last, _, columns, to)) if *last == id => {
                columns.push(row.get(2)?);
                to.push(row.get(3)?);
            }
            _ => keys.push((id, parent, vec![row.get(2)?], vec![row.get(3)?])),
        }
    }
    let mut found = Vec::new();
    for (_, parent, columns, to) in keys {
        // Where no columns are named, the primary key is meant.
        let to: Vec<String> = match to.into_iter().collect::<Option<Vec<_>>>() {
            Some(to) => to,
            None => names(
                connection,
                &parent,
                "SELECT name FROM pragma_table_xinfo(?1, 'main') WHERE pk <> 0 ORDER BY pk",
            )?,
        };
        let there =
            names(connection, &parent, "SELECT lower(name) FROM pragma_table_xinfo(?1, 'main')")?;
        // A reference to what is missing refuses every row.
        if to.len() == columns.len()
            && to.iter().all(|name| there.contains(&name.to_ascii_lowercase()))
        {
            found.push(Constraint::Reference {
                columns,
                schema: "main".to_owned(),
                table: parent,
                to,
            });
        }
    }
    Ok(found)
}

fn names(connection: &Connection, table: &str, query: &str) -> Result<Vec<String>, Error> {
    connection.prepare(query)?.query_map([table], |row| row.get(0))?.collect()
}
