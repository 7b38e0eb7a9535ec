//! The script by which DuckDB loads the checked rows of an import: one transaction, temporary tables
//! but for what is written.

use std::fmt::Write as _;

use super::load::Load;
use super::rule::alone;
use super::shape::{FOUND, KNOWN, ONLY_GOOD, ScriptProblem, Shape, text};
use super::spec::SqlRule;
use super::state::{self, IMPORTS};
use super::target::Fitted;
use crate::config::ColumnType;
use crate::data::check::Dialect;
use crate::data::sql::{self, SqlProblem, identifier};

/// What the script says when too many rows are bad.
pub const STOPPED: &str = "tidegate: too many rows are bad";

/// What it says where the table is no longer what it was.
pub const CHANGED: &str = "tidegate: the table was changed meanwhile";

/// What it says where the table has rows now.
pub const FILLED: &str = "tidegate: the table has rows";

/// Returns the query that tells the columns of the table, as [`super::target::TableColumn`] has them,
/// whether it `is_view`, its constraints for [`super::told`], a `mark` that a change of them changes, and
/// whether it seems to have no rows.
pub fn columns(table: &str) -> Result<String, SqlProblem> {
    let catalog = catalog(table)?;
    let (place, name) = (place(table, "t", "table_name")?, name(table)?);
    Ok(format!(
        "WITH found AS ({catalog})\n\
         SELECT *, (SELECT md5(to_json(list(found))::VARCHAR) FROM found) AS mark,\n\
         EXISTS (SELECT 1 FROM duckdb_tables() AS t CROSS JOIN (SELECT {name} AS tidegate_name) \
         WHERE {place} AND t.estimated_size = 0) AS is_empty FROM found"
    ))
}

/// Returns the name of a table without its schema, as a text.
fn name(table: &str) -> Result<String, SqlProblem> {
    sql::parts(table).last().map_or(Err(SqlProblem::Value), |name| text(name))
}

/// Returns the condition that `column` of a view of the catalog, which is called `alias`, names the
/// table `tidegate_name`.
fn place(table: &str, alias: &str, column: &str) -> Result<String, SqlProblem> {
    let schema = match sql::parts(table).as_slice() {
        [_] => "current_schema()".to_owned(),
        [schema, _] => text(schema)?,
        _ => return Err(SqlProblem::Value),
    };
    Ok(format!(
        "{alias}.database_name = current_database() AND lower({alias}.schema_name) = lower({schema}) \
         AND lower({alias}.{column}) = lower(tidegate_name)"
    ))
}

/// Holds where an index `x` may have the column `c`: DuckDB tells the expressions of an index as text.
const IN_INDEX: &str = "contains(lower(x.expressions::VARCHAR), lower(c.column_name)) \
    AND (NOT regexp_full_match(lower(c.column_name), '[a-z0-9_]+') \
    OR list_contains(regexp_split_to_array(lower(x.expressions::VARCHAR), '[^a-z0-9_]+'), lower(c.column_name)))";

fn catalog(table: &str) -> Result<String, SqlProblem> {
    Ok(format!(
        "SELECT c.column_name AS name, c.data_type AS kind, c.is_nullable AS nullable,\n\
         c.column_default IS NOT NULL AS filled,\n\
         EXISTS (SELECT 1 FROM duckdb_constraints() AS k WHERE {} AND k.constraint_type = 'PRIMARY KEY' \
         AND k.constraint_column_names = [c.column_name]) AS \"primary\",\n\
         EXISTS (SELECT 1 FROM duckdb_constraints() AS k WHERE {} \
         AND k.constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY') \
         AND list_contains(k.constraint_column_names, c.column_name)) \
         OR EXISTS (SELECT 1 FROM duckdb_indexes() AS x WHERE {} AND {IN_INDEX}) AS indexed,\n\
         EXISTS (SELECT 1 FROM duckdb_views() AS v WHERE {}) AS is_view,\n\
         (SELECT coalesce(to_json(list({{'kind': kind, 'columns': columns, 'schema': schema, 'parent': parent, \
         'parents': parents}} ORDER BY kind, columns, parent))::VARCHAR, '[]') FROM (\
         SELECT k.constraint_type AS kind, k.constraint_column_names AS columns, k.schema_name AS schema, \
         k.referenced_table AS parent, k.referenced_column_names AS parents FROM duckdb_constraints() AS k \
         WHERE {} AND k.constraint_type IN ('PRIMARY KEY', 'UNIQUE', 'FOREIGN KEY') UNION ALL \
         SELECT 'UNIQUE', string_split((x.expressions::VARCHAR)[2:-2], ', '), x.schema_name, NULL, [] \
         FROM duckdb_indexes() AS x WHERE {} AND x.is_unique \
         AND regexp_full_match(x.expressions::VARCHAR, '\\[[A-Za-z0-9_]+(, [A-Za-z0-9_]+)*\\]'))) AS constraints\n\
         FROM duckdb_columns() AS c CROSS JOIN (SELECT {} AS tidegate_name)\n\
         WHERE {} ORDER BY c.column_index",
        place(table, "k", "table_name")?,
        place(table, "k", "table_name")?,
        place(table, "x", "table_name")?,
        place(table, "v", "view_name")?,
        place(table, "k", "table_name")?,
        place(table, "x", "table_name")?,
        name(table)?,
        place(table, "c", "table_name")?,
    ))
}

/// What the scripts work on.
#[derive(Clone, Copy)]
pub struct On<'a> {
    /// What [`columns`] said, `None` where the table is missing.
    pub mark: Option<&'a str>,
    /// The checked rows.
    pub spool: &'a str,
    /// Whether each line of them is a row.
    pub is_flat: bool,
    /// The most bytes of a row, where that may be more than DuckDB takes by itself.
    pub longest: Option<usize>,
    /// Where the faults are listed.
    pub found: &'a str,
    /// Where the rows are listed that the table has.
    pub known: Option<&'a str>,
    /// Puts a query into the form that the caller reads.
    pub answer: &'a (dyn Fn(&str) -> String + Sync),
}

impl On<'_> {
    /// Begins the transaction, and makes sure that the table is what it was.
    fn begin(&self, table: &str) -> Result<String, SqlProblem> {
        Ok(format!(
            "BEGIN TRANSACTION;\n\
             SELECT CASE WHEN (SELECT coalesce(md5(to_json(list(q))::VARCHAR), '') FROM ({}) AS q) <> {} \
             THEN error('{CHANGED}') END AS guard;\n",
            catalog(table)?,
            text(self.mark.unwrap_or_default())?,
        ))
    }

    fn list(&self, faults: &str) -> Result<String, SqlProblem> {
        let found = text(self.found)?;
        Ok(format!("COPY ({faults}) TO {found} (FORMAT csv, HEADER, QUOTE '\"', ESCAPE '\"');\n"))
    }

    fn list_known(&self, rows: &str) -> Result<String, SqlProblem> {
        let Some(known) = self.known else { return Ok(String::new()) };
        Ok(format!("COPY ({rows}) TO {} (FORMAT csv, HEADER);\n", text(known)?))
    }
}

/// Remembers the import, and ends the transaction.
fn end(load: &Load<'_>) -> Result<String, SqlProblem> {
    Ok(format!(
        "CREATE TABLE IF NOT EXISTS {IMPORTS} (name VARCHAR PRIMARY KEY, table_name VARCHAR, \
         watermark VARCHAR, imported_at TIMESTAMP, rows BIGINT, source VARCHAR);\n{};\nCOMMIT;\n",
        state::upsert(load, Dialect::DuckDb)?
    ))
}

/// Returns the script by which rows go into a table that is missing, or has no rows, without a stage:
/// in half the time. `None` where something about them is still to be found out.
pub fn straight(
    load: &Load<'_>,
    fitted: &Fitted,
    on: On<'_>,
) -> Result<Option<String>, ScriptProblem> {
    let shape = Shape::new(load, fitted, Dialect::DuckDb);
    if !shape.goes_straight(load) {
        return Ok(None);
    }
    let (table, names) = (&shape.table, shape.names());
    let (id, number) = match shape.numbered() {
        None => (String::new(), ""),
        Some(id) => (format!("{id}, "), "row_number() OVER (ORDER BY tidegate_row), "),
    };
    let mut script = on.begin(&load.import.table)?;
    if on.mark.is_some() {
        let rows = format!("SELECT 1 FROM {table}");
        let _ = writeln!(
            script,
            "SELECT CASE WHEN EXISTS ({rows}) THEN error('{FILLED}') END AS guard;"
        );
    }
    script.push_str(&shape.make());
    let _ = write!(
        script,
        "INSERT INTO {table} ({id}{names}) SELECT {number}{names} FROM {};\n{}{}{};\n{}",
        read(&shape, on)?,
        on.list("SELECT 0 AS tidegate_row, '' AS \"column\", '' AS value, '' AS rule, 0 AS other LIMIT 0")?,
        on.list_known("SELECT 0 AS tidegate_row LIMIT 0")?,
        (on.answer)(&format!(
            "SELECT 0 AS bad, count(*) AS good, 0 AS changed, 0 AS same FROM {table}"
        )),
        end(load)?,
    );
    Ok(Some(script))
}

/// Returns the script that finds out which rows are bad and which the table has, and writes.
pub fn script(load: &Load<'_>, fitted: &Fitted, on: On<'_>) -> Result<String, ScriptProblem> {
    let most = load.most_found();
    let shape = Shape::new(load, fitted, Dialect::DuckDb);
    let mut script = on.begin(&load.import.table)?;
    script.push_str(&stage(&shape, on)?);
    script.push_str("CREATE TEMP TABLE tidegate_match (tidegate_row UBIGINT, changed INTEGER);\n");
    script.push_str(&shape.matches());
    script.push_str(&shape.faults()?);
    let _ = writeln!(
        script,
        "{}{ONLY_GOOD}{};",
        on.list(FOUND)?,
        (on.answer)(&format!(
            "SELECT (SELECT count(DISTINCT tidegate_row) FROM tidegate_fault) AS bad,\n\
             (SELECT count(*) FROM tidegate_stage) AS good,\n\
             count(*) FILTER (changed <> 0) AS changed,\n\
             count(*) FILTER (changed = 0) AS same,\n\
             {} AS reached FROM tidegate_match",
            state::reached(load, Dialect::DuckDb)?
        ))
    );
    script.push_str(&on.list_known(KNOWN)?);
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
    script.push_str(&end(load)?);
    Ok(script)
}

/// Returns the script that fails where the engine cannot carry out a rule, and writes nothing.
pub fn rule_script(
    load: &Load<'_>,
    fitted: &Fitted,
    rule: &SqlRule,
    on: On<'_>,
) -> Result<String, ScriptProblem> {
    let shape = Shape::new(load, fitted, Dialect::DuckDb);
    let (stage, alone) = (stage(&shape, on)?, alone(load.import, rule)?);
    Ok(format!("BEGIN TRANSACTION;\n{stage}{alone};\nROLLBACK;\n"))
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
/// in the middle of values, and may take their lines for rows.
fn read(shape: &Shape<'_>, on: On<'_>) -> Result<String, SqlProblem> {
    let mut types = vec!["'tidegate_row': 'UBIGINT'".to_owned()];
    for column in &shape.columns {
        types.push(format!("{}: '{}'", text(column.name)?, made(column.kind)));
    }
    // It reads in pieces of 16 times that, so it is left alone where it can be.
    let longest = on.longest.map_or_else(String::new, |most| format!(", max_line_size={most}"));
    Ok(format!(
        "read_csv({}, header=true, auto_detect=false, delim=',', quote='\"', escape='\"', \
         nullstr='\\N', allow_quoted_nulls=false, parallel={}{longest}, columns={{{}}})",
        text(on.spool)?,
        on.is_flat,
        types.join(", "),
    ))
}

/// Puts the rows into the stage. Values that the type of the table does not hold as they are come
/// beside it.
fn stage(shape: &Shape<'_>, on: On<'_>) -> Result<String, SqlProblem> {
    let mut staged = vec!["tidegate_row".to_owned()];
    let mut lost = Vec::new();
    for (place, column) in shape.columns.iter().enumerate() {
        let name = identifier(column.name);
        if column.is_cast(Dialect::DuckDb) {
            let cast = format!("TRY_CAST({name} AS {})", column.table_kind);
            staged.push(format!("{cast} AS {name}"));
            let inexact = matches!(column.table_kind.as_str(), "FLOAT" | "DOUBLE");
            let is_text = made(column.kind) == "VARCHAR" || column.table_kind == "VARCHAR";
            let is_lost = if inexact && column.kind != ColumnType::Number {
                format!("TRY_CAST({cast} AS {}) IS DISTINCT FROM {name}", made(column.kind))
            } else if inexact || is_text {
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
         SELECT {}\nFROM {});\n",
        keys.join(", "),
        staged.join(", "),
        read(shape, on)?,
    ))
}
