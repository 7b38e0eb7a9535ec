//! The tables of a database, and SQL that lists, counts and reads them.

use serde_json::Value;

use super::check::Dialect;
use super::sql::identifier;

/// So many tables are counted by one query.
pub const AT_ONCE: usize = 100;

/// The most tables that are looked at.
pub const MOST: usize = 100_000;

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableName {
    schema: String,
    name: String,
}

impl TableName {
    /// Returns its name as people say it: with its schema where that is not `main`.
    pub fn shown(&self) -> String {
        match self.schema.as_str() {
            "main" => self.name.clone(),
            schema => format!("{schema}.{}", self.name),
        }
    }

    fn sql(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }
}

/// Returns the query that lists the tables of a database, without those of the engine.
pub fn list(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::DuckDb => {
            "SELECT schema_name, table_name FROM duckdb_tables() \
             WHERE database_name = current_database() AND NOT internal AND NOT temporary \
             ORDER BY ALL"
        }
        Dialect::Sqlite => {
            "SELECT 'main', name FROM sqlite_schema \
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        }
    }
}

/// Reads the answer to it.
pub fn listed(rows: &[Vec<Value>]) -> Vec<TableName> {
    let text = |value: Option<&Value>| Some(value?.as_str()?.to_owned());
    let row =
        |row: &Vec<Value>| Some(TableName { schema: text(row.first())?, name: text(row.get(1))? });
    rows.iter().filter_map(row).collect()
}

/// Returns the query that counts the rows of some tables. Of DuckDB it reads every value: the engine
/// compares the checksum of each block that it reads.
pub fn count(dialect: Dialect, tables: &[TableName]) -> String {
    let one = |(index, table): (usize, &TableName)| {
        let from = table.sql();
        match dialect {
            Dialect::DuckDb => format!(
                "SELECT {index} AS i, count(*) AS n, CAST(bit_xor(hash(tidegate_row)) AS VARCHAR) AS h \
                 FROM {from} AS tidegate_row"
            ),
            Dialect::Sqlite => format!("SELECT {index} AS i, count(*) AS n FROM {from}"),
        }
    };
    let parts: Vec<String> = tables.iter().enumerate().map(one).collect();
    parts.join(" UNION ALL ")
}

/// Reads the answer to it: the rows of each table, by its name.
pub fn counted(tables: &[TableName], rows: &[Vec<Value>]) -> Option<Vec<(String, u64)>> {
    let number = |value: Option<&Value>| match value? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let row = |row: &Vec<Value>| {
        let index = usize::try_from(number(row.first())?).ok()?;
        Some((tables.get(index)?.shown(), number(row.get(1))?))
    };
    let read: Option<Vec<(String, u64)>> = rows.iter().map(row).collect();
    read.filter(|read| read.len() == tables.len())
}

/// Returns the query that looks for damage; `None` where reading the tables does that.
pub fn integrity(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::DuckDb => None,
        Dialect::Sqlite => Some("SELECT quick_check FROM pragma_quick_check(10)"),
    }
}

/// Reads the answer to it: what is damaged; `None` where nothing is.
pub fn damage(rows: &[Vec<Value>]) -> Option<String> {
    let lines: Vec<&str> = rows.iter().filter_map(|row| row.first()?.as_str()).collect();
    match lines.as_slice() {
        ["ok"] => None,
        [] => Some("the engine did not say whether the file is damaged".to_owned()),
        lines => Some(lines.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers_are_read_by_their_numbers() {
        let rows = [vec![json!("main"), json!("a")], vec![json!("raw"), json!("b\"c")]];
        let tables = listed(&rows);
        let sql = count(Dialect::Sqlite, &tables);
        assert!(sql.contains("FROM \"raw\".\"b\"\"c\""), "{sql}");
        let answer = [vec![json!(1), json!("7")], vec![json!(0), json!(3)]];
        let read = counted(&tables, &answer);
        assert_eq!(read, Some(vec![("raw.b\"c".to_owned(), 7), ("a".to_owned(), 3)]));
        assert_eq!(counted(&tables, &answer[..1]), None, "a table without an answer");
        assert_eq!(damage(&[vec![json!("ok")]]), None);
        assert!(damage(&[]).is_some());
    }
}
