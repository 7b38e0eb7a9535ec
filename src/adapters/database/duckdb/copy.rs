//! A consistent copy of a DuckDB file, by the engine: `ATTACH` and `COPY FROM DATABASE`.
//!
//! A copy of the file itself would lose what is still in its `.wal`. The source is attached read-only,
//! which also keeps writers out for that time.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Access, DuckDb, answer};
use crate::adapters::database::{Database as _, DatabaseError};
use crate::data::sql::identifier;

/// The most tables whose order is looked for.
const MOST_TABLES: usize = 100_000;

/// What is in the source and not in the copy.
const MISSING: &str = "
    WITH things AS (
        SELECT database_name, 'schema' AS kind, schema_name AS name FROM duckdb_schemas() WHERE NOT internal
        UNION ALL SELECT database_name, 'table', schema_name || '.' || table_name FROM duckdb_tables() WHERE NOT internal
        UNION ALL SELECT database_name, 'view', schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal
        UNION ALL SELECT database_name, 'sequence', schema_name || '.' || sequence_name FROM duckdb_sequences()
        UNION ALL SELECT database_name, 'index', schema_name || '.' || index_name FROM duckdb_indexes()
        UNION ALL SELECT database_name, 'macro', schema_name || '.' || function_name FROM duckdb_functions() WHERE NOT internal
        UNION ALL SELECT database_name, 'type', schema_name || '.' || type_name FROM duckdb_types() WHERE NOT internal
    )
    SELECT kind || ' ' || name AS missing FROM things WHERE database_name = 'source'
    EXCEPT SELECT kind || ' ' || name FROM things WHERE database_name = 'snapshot'
    ORDER BY missing";

/// How many missing things are named.
const MOST_MISSING: usize = 10;

/// Writes the copy. Where that fails, nothing is left of it.
pub(super) async fn copy(
    database: &DuckDb,
    target: &Path,
    storage_version: Option<&str>,
) -> Result<(), DatabaseError> {
    let io = |source| DatabaseError::Io { path: target.display().to_string(), source };
    if target.symlink_metadata().is_ok() {
        return Err(io(std::io::ErrorKind::AlreadyExists.into()));
    }
    let copied = match try_copy(
        database,
        target,
        storage_version,
        "COPY FROM DATABASE source TO snapshot;\n",
    )
    .await
    {
        // DuckDB copies tables in the order of their names, and refuses a row before the one that it
        // refers to.
        Err(DatabaseError::Sql { reason, .. }) if reason.contains("foreign key constraint") => {
            remove(target);
            match in_order(database).await {
                Ok(statements) => try_copy(database, target, storage_version, &statements).await,
                Err(error) => Err(error),
            }
        }
        copied => copied,
    };
    let leftover = leftovers(target)
        .into_iter()
        .find(|file| file.metadata().is_ok_and(|found| found.len() > 0));
    let copied = match (copied, leftover) {
        (Ok(()), Some(file)) => Err(DatabaseError::Open {
            file: file.display().to_string(),
            reason: "the copy was not finished".to_owned(),
        }),
        (copied, _) => copied,
    };
    if copied.is_err() {
        remove(target);
    } else {
        for file in leftovers(target) {
            let _ = std::fs::remove_file(file);
        }
    }
    copied
}

async fn try_copy(
    database: &DuckDb,
    target: &Path,
    storage_version: Option<&str>,
    statements: &str,
) -> Result<(), DatabaseError> {
    let (source, copy) = (database.path(&database.file)?, database.path(target)?);
    let storage = match storage_version {
        Some(version) => format!(" (STORAGE_VERSION {})", database.text(version)?),
        None => String::new(),
    };
    let missing = answer::select(MISSING, MOST_MISSING + 1);
    let script = format!(
        "ATTACH {source} AS source (READ_ONLY);\nATTACH {copy} AS snapshot{storage};\n{statements}CHECKPOINT snapshot;\n{missing};\nDETACH snapshot;\n"
    );
    let said = database.script(Access::Attach, &script).await?;
    let refused = |reason: String| DatabaseError::Sql { file: database.shown.clone(), reason };
    let rows = answer::read(&said.output)
        .ok_or_else(|| refused("the copy cannot be compared with its source".to_owned()))?;
    let mut names: Vec<&str> = rows.iter().filter_map(|row| row.get("missing")?.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let more = if names.len() > MOST_MISSING { " and more" } else { "" };
    names.truncate(MOST_MISSING);
    Err(refused(format!(
        "{} did not copy {}{more}: drop it, or use a newer duckdb command",
        database.engine,
        names.join(", ")
    )))
}

/// Returns the statements that copy each table after those that it refers to.
async fn in_order(database: &DuckDb) -> Result<String, DatabaseError> {
    let texts = |rows: Vec<Vec<Value>>| -> Vec<Vec<String>> {
        let text = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
        rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect()
    };
    let tables = "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal \
                  AND database_name = current_database() ORDER BY ALL";
    let tables = texts(database.query(tables, &[], MOST_TABLES).await?.rows);
    let references = "SELECT schema_name, table_name, referenced_table FROM duckdb_constraints() \
                      WHERE constraint_type = 'FOREIGN KEY' AND database_name = current_database() ORDER BY ALL";
    let references = texts(database.query(references, &[], MOST_TABLES).await?.rows);
    let mut copied: BTreeSet<(String, String)> = BTreeSet::new();
    let mut waiting: Vec<(String, String)> = tables
        .into_iter()
        .filter_map(|row| <[String; 2]>::try_from(row).ok())
        .map(|[schema, table]| (schema, table))
        .collect();
    let mut statements =
        "BEGIN TRANSACTION;\nCOPY FROM DATABASE source TO snapshot (SCHEMA);\n".to_owned();
    while !waiting.is_empty() {
        let (ready, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|(schema, table)| {
            references.iter().all(|reference| match reference.as_slice() {
                // A foreign key stays within its schema.
                [from, by, to] if from == schema && by == table => {
                    to == table || copied.contains(&(schema.clone(), to.clone()))
                }
                _ => true,
            })
        });
        if ready.is_empty() {
            return Err(DatabaseError::Sql {
                file: database.shown.clone(),
                reason: "the foreign keys of its tables form a circle, which cannot be copied"
                    .to_owned(),
            });
        }
        for (schema, table) in ready {
            let name = format!("{}.{}", identifier(&schema), identifier(&table));
            statements
                .push_str(&format!("INSERT INTO snapshot.{name} SELECT * FROM source.{name};\n"));
            copied.insert((schema, table));
        }
        waiting = later;
    }
    statements.push_str("COMMIT;\n");
    Ok(statements)
}

/// The files that DuckDB keeps beside a database while it is open.
fn leftovers(target: &Path) -> [PathBuf; 2] {
    [".wal", ".tmp"].map(|end| {
        let mut name = target.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    })
}

fn remove(target: &Path) {
    let _ = std::fs::remove_file(target);
    for file in leftovers(target) {
        let _ = std::fs::remove_file(file);
    }
}
