//! The script by which DuckDB loads the checked rows of an import: one transaction, temporary tables
//! but for what is written.

use std::fmt::Write as _;

use super::load::Load;
use super::shape::{FOUND, KNOWN, ONLY_GOOD, ScriptProblem, Shape, text};
use super::state::{self, IMPORTS};
use super::target::Fitted;
use crate::config::ColumnType;
use crate::data::check::Dialect;
use crate::data::sql::{self, SqlProblem, identifier};

/// What the script says when too many rows are bad.
pub const STOPPED: &str = "tidegate: too many rows are bad";

/// What it says where the table is no longer what it was.
pub const CHANGED: &str = "tidegate: the table was changed meanwhile";

/// The files that the script reads and writes.
#[derive(Debug, Clone, Copy)]
pub struct Paths<'a> {
    /// The checked rows.
    pub spool: &'a str,
    /// Where the faults go.
    pub found: &'a str,
    /// Where the rows are listed that the table has.
    pub known: Option<&'a str>,
}

/// Returns the query that tells the columns of the table, as [`super::target::TableColumn`] has them,
/// whether it `is_view`, and a `mark` that a change of them changes.
pub fn columns(table: &str) -> Result<String, SqlProblem> {
    let catalog = catalog(table)?;
    Ok(format!(
        "WITH found AS ({catalog})\n\
         SELECT *, (SELECT md5(to_json(list(found))::VARCHAR) FROM found) AS mark FROM found"
    ))
}

/// Holds where an index `x` may have the column `c`: DuckDB tells the expressions of an index as text.
const IN_INDEX: &str = "contains(lower(x.expressions::VARCHAR), lower(c.column_name)) \
    AND (NOT regexp_full_match(lower(c.column_name), '[a-z0-9_]+') \
    OR list_contains(regexp_split_to_array(lower(x.expressions::VARCHAR), '[^a-z0-9_]+'), lower(c.column_name)))";

fn catalog(table: &str) -> Result<String, SqlProblem> {
    let parts = sql::parts(table);
    let (schema, name) = match parts.as_slice() {
        [name] => ("current_schema()".to_owned(), name),
        [schema, name] => (text(schema)?, name),
        _ => return Err(SqlProblem::Value),
    };
    let place = |alias: &str, name: &str| {
        format!(
            "{alias}.database_name = current_database() AND lower({alias}.schema_name) = lower({schema}) \
             AND lower({alias}.{name}) = lower(tidegate_name)"
        )
    };
    Ok(format!(
        "SELECT c.column_name AS name, c.data_type AS kind, c.is_nullable AS nullable,\n\
         c.column_default IS NOT NULL AS filled,\n\
         EXISTS (SELECT 1 FROM duckdb_constraints() AS k WHERE {} AND k.constraint_type = 'PRIMARY KEY' \
         AND k.constraint_column_names = [c.column_name]) AS \"primary\",\n\
         EXISTS (SELECT 1 FROM duckdb_constraints() AS k WHERE {} \
         AND k.constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY') \
         AND list_contains(k.constraint_column_names, c.column_name)) \
         OR EXISTS (SELECT 1 FROM duckdb_indexes() AS x WHERE {} AND {IN_INDEX}) AS indexed,\n\
         EXISTS (SELECT 1 FROM duckdb_views() AS v WHERE {}) AS is_view\n\
         FROM duckdb_columns() AS c CROSS JOIN (SELECT {} AS tidegate_name)\n\
         WHERE {} ORDER BY c.column_index",
        place("k", "table_name"),
        place("k", "table_name"),
        place("x", "table_name"),
        place("v", "view_name"),
        text(name)?,
        place("c", "table_name"),
    ))
}

/// Returns the script. `mark` is what [`columns`] said, `None` where the table is missing; `most`, how
/// many rows may be bad before nothing is written, `None` where it only looks. `answer` puts a query
/// into the form that the caller reads.
pub fn script(
    load: &Load<'_>,
    fitted: &Fitted,
    mark: Option<&str>,
    paths: Paths<'_>,
    is_flat: bool,
    answer: &dyn Fn(&str) -> String,
) -> Result<String, ScriptProblem> {
    let import = load.import;
    let most = load.most_found();
    let shape = Shape::new(load, fitted, Dialect::DuckDb);
    let mut script = "BEGIN TRANSACTION;\n".to_owned();
    let _ = writeln!(
        script,
        "SELECT CASE WHEN (SELECT coalesce(md5(to_json(list(q))::VARCHAR), '') FROM ({}) AS q) <> {} \
         THEN error('{CHANGED}') END AS guard;",
        catalog(&import.table)?,
        text(mark.unwrap_or_default())?,
    );
    script.push_str(&stage(&shape, paths.spool, is_flat)?);
    script.push_str("CREATE TEMP TABLE tidegate_match (tidegate_row UBIGINT, changed INTEGER);\n");
    script.push_str(&shape.matches());
    script.push_str(&shape.faults()?);
    let _ = write!(
        script,
        "COPY ({FOUND}) TO {} (FORMAT csv, HEADER, QUOTE '\"', ESCAPE '\"');\n{ONLY_GOOD}{};\n",
        text(paths.found)?,
        answer(&format!(
            "SELECT (SELECT count(DISTINCT tidegate_row) FROM tidegate_fault) AS bad,\n\
             (SELECT count(*) FROM tidegate_stage) AS good,\n\
             count(*) FILTER (changed <> 0) AS changed,\n\
             count(*) FILTER (changed = 0) AS same,\n\
             {} AS reached FROM tidegate_match",
            state::reached(load, Dialect::DuckDb)?
        ))
    );
    if let Some(known) = paths.known {
        let _ = writeln!(script, "COPY ({KNOWN}) TO {} (FORMAT csv, HEADER);", text(known)?);
    }
    let Some(most) = most else {
        script.push_str("ROLLBACK;\n");
        return Ok(script);
    };
    if most < u64::MAX {
        let _ = writeln!(
            script,
            "SELECT CASE WHEN (SELECT count(DISTINCT tidegate_row) FROM tidegate_fault) > {most} \
             THEN error('{STOPPED}') END AS guard;"
        );
    }
    script.push_str(&shape.make());
    script.push_str(&shape.write());
    let _ = write!(
        script,
        "CREATE TABLE IF NOT EXISTS {IMPORTS} (name VARCHAR PRIMARY KEY, table_name VARCHAR, \
         watermark VARCHAR, imported_at TIMESTAMP, rows BIGINT, source VARCHAR);\n{};\nCOMMIT;\n",
        state::upsert(load, Dialect::DuckDb)?
    );
    Ok(script)
}

/// Returns the type of a column that the import makes.
pub fn made(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text | ColumnType::Email => "VARCHAR",
        ColumnType::Integer => "BIGINT",
        ColumnType::Number => "DOUBLE",
        ColumnType::Amount => "DECIMAL(18,2)",
        ColumnType::Boolean => "BOOLEAN",
        ColumnType::Date => "DATE",
        ColumnType::Timestamp => "TIMESTAMP",
    }
}

/// Reads the spool. Where it is not flat, a value has a line break: several threads would begin to read
/// in the middle of values, and may take their lines for rows. Values that the type of the table does not hold as they are come beside it.
fn stage(shape: &Shape<'_>, spool: &str, is_flat: bool) -> Result<String, SqlProblem> {
    let mut types = vec!["'tidegate_row': 'UBIGINT'".to_owned()];
    let mut staged = vec!["tidegate_row".to_owned()];
    let mut lost = Vec::new();
    for (place, column) in shape.columns.iter().enumerate() {
        types.push(format!("{}: '{}'", text(column.name)?, made(column.kind)));
        let name = identifier(column.name);
        if column.is_cast(Dialect::DuckDb) {
            let cast = format!("TRY_CAST({name} AS {})", column.table_kind);
            staged.push(format!("{cast} AS {name}"));
            let inexact = matches!(column.kind, ColumnType::Number | ColumnType::Amount)
                && matches!(column.table_kind.as_str(), "FLOAT" | "DOUBLE");
            let is_text = made(column.kind) == "VARCHAR" || column.table_kind == "VARCHAR";
            let is_lost = if inexact || is_text {
                format!("{cast} IS NULL")
            } else {
                format!("{cast} IS DISTINCT FROM {name}")
            };
            lost.push(format!(
                "CASE WHEN {name} IS NOT NULL AND {is_lost} THEN {name}::VARCHAR END AS tidegate_lost_{place}"
            ));
        } else {
            staged.push(name);
        }
    }
    staged.append(&mut lost);
    let keys: Vec<String> = shape.keys().map(|key| identifier(key.name)).collect();
    Ok(format!(
        "CREATE TEMP TABLE tidegate_stage AS SELECT *, hash({}) AS tidegate_key FROM (\n\
         SELECT {}\nFROM read_csv({}, header=true, auto_detect=false, delim=',', quote='\"', escape='\"', \
         nullstr='\\N', allow_quoted_nulls=false, parallel={is_flat}, columns={{{}}}));\n",
        keys.join(", "),
        staged.join(", "),
        text(spool)?,
        types.join(", "),
    ))
}
