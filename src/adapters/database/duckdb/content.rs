//! A digest of what a DuckDB file holds, whatever its bytes are: two copies of one large database
//! differ, since DuckDB chooses how to compress strings from a random sample of them.
//!
//! - The schema is what `EXPORT DATABASE` says of an empty copy, which names also what the catalogue
//!   functions do not show, such as the defaults of a macro's parameters. Comments come from those.
//! - A table is a multiset of rows: their number, and two sums and a XOR of hashes of the rows, which
//!   depend neither on the order of the rows nor on the number of threads.
//! - Tables of tidegate's own do not count: they change at each import.
//! - `hash` takes `0.0` and `-0.0`, 30 days and a month, an empty list and NULL, and of numbers wider
//!   than 64 bits 0 and -1 for the same, and of strings of 16 and more characters many pairs. Of such
//!   types the sign or an MD5 is hashed, too.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::{Access, DuckDb, answer};
use crate::adapters::database::DatabaseError;
use crate::data::import::state::OWN;
use crate::data::sql::identifier;

/// What the digest is made of: another number makes all others differ.
const FORMAT: u32 = 1;

/// The most columns and comments that are looked at.
const MOST_NAMES: usize = 1_000_000;

/// The longest schema, in bytes.
const LONGEST_SCHEMA: u64 = 64 * 1024 * 1024;

/// How many tables one query sums up.
const TABLES_AT_ONCE: usize = 50;

/// The columns of all tables in their order, and all comments.
const NAMES: &str = "
    SELECT 'column' AS kind, schema_name, table_name AS name, column_name, data_type, comment, column_index
    FROM duckdb_columns() SEMI JOIN duckdb_tables() USING (database_name, schema_name, table_name)
    WHERE database_name = 'source' AND NOT internal
    UNION ALL SELECT 'table', schema_name, table_name, NULL, NULL, comment, NULL FROM duckdb_tables() WHERE database_name = 'source' AND comment IS NOT NULL
    UNION ALL SELECT 'view', schema_name, view_name, NULL, NULL, comment, NULL FROM duckdb_views() WHERE database_name = 'source' AND comment IS NOT NULL
    UNION ALL SELECT 'index', schema_name, index_name, NULL, NULL, comment, NULL FROM duckdb_indexes() WHERE database_name = 'source' AND comment IS NOT NULL
    UNION ALL SELECT 'sequence', schema_name, sequence_name, NULL, NULL, comment, NULL FROM duckdb_sequences() WHERE database_name = 'source' AND comment IS NOT NULL
    UNION ALL SELECT 'type', schema_name, type_name, NULL, NULL, comment, NULL FROM duckdb_types() WHERE database_name = 'source' AND comment IS NOT NULL
    UNION ALL SELECT 'macro', schema_name, function_name, NULL, NULL, comment, NULL FROM duckdb_functions() WHERE database_name = 'source' AND comment IS NOT NULL
    ORDER BY ALL";

/// Types of at most 64 bits: `hash` tells all their values apart.
const PLAIN: [&str; 21] = [
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "ENUM",
    "DATE",
    "TIME",
    "TIME_NS",
    "TIME WITH TIME ZONE",
    "TIMESTAMP",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE",
    "TIMESTAMPTZ",
    "TIMETZ",
];

/// A table: its schema and its name.
type Table = (String, String);

/// Returns the digest: the format, the version of DuckDB, whose `hash` may differ from another's, and
/// a SHA-256.
pub(super) async fn content(database: &DuckDb) -> Result<String, DatabaseError> {
    let scratch = TempDir::new().map_err(|source| DatabaseError::Io {
        path: std::env::temp_dir().display().to_string(),
        source,
    })?;
    let export = scratch.path().join("schema");
    let (source, target) = (database.path(&database.file)?, database.path(&export)?);
    let names = answer::select(NAMES, MOST_NAMES + 1);
    let said = database
        .script(
            Access::Attach,
            &format!(
                "ATTACH {source} AS source (READ_ONLY);\nATTACH ':memory:' AS skeleton;\n\
                 COPY FROM DATABASE source TO skeleton (SCHEMA);\nUSE skeleton;\n\
                 EXPORT DATABASE {target};\n{names};\n"
            ),
        )
        .await?;
    let names = answer::read(&said.output).filter(|names| names.len() <= MOST_NAMES);
    let names = names.ok_or_else(|| unreadable(database, "the names of its columns"))?;
    let mut hash = Sha256::new();
    for line in schema(database, &export.join("schema.sql"))? {
        part(&mut hash, line.as_bytes());
    }
    let mut tables: BTreeMap<Table, Vec<(String, String)>> = BTreeMap::new();
    let is_own = |name: &Map<String, Value>| {
        text(name, "schema_name") == "main" && text(name, "name").starts_with(OWN)
    };
    for name in names.iter().filter(|name| !is_own(name)) {
        if text(name, "kind") == "column" {
            let table = (text(name, "schema_name"), text(name, "name"));
            let column = (text(name, "column_name"), text(name, "data_type"));
            tables.entry(table).or_default().push(column);
        }
        if name.get("comment").is_some_and(|comment| !comment.is_null()) {
            for key in ["kind", "schema_name", "name", "column_name", "comment"] {
                part(&mut hash, text(name, key).as_bytes());
            }
        }
    }
    let tables: Vec<_> = tables.into_iter().collect();
    for tables in tables.chunks(TABLES_AT_ONCE) {
        let rows = sums(database, &source, tables).await?;
        for (((schema, table), _), row) in tables.iter().zip(rows) {
            part(&mut hash, schema.as_bytes());
            part(&mut hash, table.as_bytes());
            for key in ["number", "forward", "backward", "parity"] {
                part(&mut hash, text(&row, key).as_bytes());
            }
        }
    }
    let version = database.engine.to_ascii_lowercase().replace(' ', "-");
    Ok(format!("v{FORMAT}/{version}/{:x}", hash.finalize()))
}

/// Sums some tables up, in their order.
async fn sums(
    database: &DuckDb,
    source: &str,
    tables: &[(Table, Vec<(String, String)>)],
) -> Result<Vec<Map<String, Value>>, DatabaseError> {
    let queries: Vec<String> = tables
        .iter()
        .enumerate()
        .map(|(place, (table, columns))| sum(place, table, columns))
        .collect();
    let query = format!("{}\nORDER BY place", queries.join("\nUNION ALL "));
    let select = answer::select(&query, tables.len());
    // Nothing but the file is there for what the file may define, such as generated columns.
    let script = format!(
        "ATTACH {source} AS source (READ_ONLY);\nSET autoload_known_extensions=false;\n\
         SET enable_external_access=false;\nSET lock_configuration=true;\n{select};\n"
    );
    let said = database.script(Access::Attach, &script).await?;
    let rows = answer::read(&said.output).filter(|rows| rows.len() == tables.len());
    rows.ok_or_else(|| unreadable(database, "the sums of its tables"))
}

/// The query that sums a table up. The order of the columns differs in the two hashes, so that rows
/// which one takes for the same are told apart by the other.
fn sum(place: usize, (schema, table): &Table, columns: &[(String, String)]) -> String {
    let terms: Vec<String> = columns.iter().map(|(name, kind)| term(name, kind)).collect();
    let backward: Vec<&str> = terms.iter().rev().map(String::as_str).collect();
    format!(
        "SELECT {place} AS place, count(*)::VARCHAR AS number, sum(forward::HUGEINT)::VARCHAR AS forward, \
         sum(backward::HUGEINT)::VARCHAR AS backward, bit_xor(forward)::VARCHAR AS parity \
         FROM (SELECT hash({}) AS forward, hash('tidegate', {}) AS backward FROM source.{}.{})",
        terms.join(", "),
        backward.join(", "),
        identifier(schema),
        identifier(table),
    )
}

/// What of a column is hashed.
fn term(name: &str, kind: &str) -> String {
    let name = identifier(name);
    let base = kind.split('(').next().unwrap_or_default();
    let is_list = kind.ends_with(']');
    match base {
        base if PLAIN.contains(&base) && !is_list => name,
        "DECIMAL" if !is_list && is_narrow(kind) => name,
        "FLOAT" | "DOUBLE" if !is_list => format!("{name}, signbit({name})"),
        "VARCHAR" | "BLOB" if !is_list => format!("md5_number_lower({name})"),
        _ => format!("{name}, md5_number_lower({name}::VARCHAR)"),
    }
}

/// Whether a `DECIMAL(18,3)` is kept in 64 bits: up to 18 digits are.
fn is_narrow(kind: &str) -> bool {
    let digits = kind.strip_prefix("DECIMAL(").and_then(|rest| rest.split(',').next());
    digits.and_then(|digits| digits.parse::<u8>().ok()).is_some_and(|digits| digits <= 18)
}

/// Reads the lines of an exported schema, in an order of their own.
fn schema(database: &DuckDb, file: &Path) -> Result<Vec<String>, DatabaseError> {
    let io = |source| DatabaseError::Io { path: file.display().to_string(), source };
    let mut text = String::new();
    let limit = LONGEST_SCHEMA + 1;
    std::fs::File::open(file).map_err(io)?.take(limit).read_to_string(&mut text).map_err(io)?;
    if text.len() as u64 == limit {
        return Err(unreadable(database, "its schema"));
    }
    let own = format!("CREATE TABLE {OWN}");
    let lines = text.lines().filter(|line| !line.starts_with(&own));
    let mut lines: Vec<String> = lines.map(str::to_owned).collect();
    lines.sort();
    Ok(lines)
}

fn unreadable(database: &DuckDb, what: &str) -> DatabaseError {
    let reason = format!("{} does not tell {what}", database.engine);
    DatabaseError::Sql { file: database.shown.clone(), reason }
}

fn text(row: &Map<String, Value>, key: &str) -> String {
    row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Hashes a text with its length, so that no two sequences of texts are the same bytes.
fn part(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_le_bytes());
    hash.update(bytes);
}
