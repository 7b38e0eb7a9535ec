//! The checks of data: which query asks, and what its answer means.
//!
//! An answer is conclusive only where it is the value that was asked for. A query without an answer,
//! `NULL`, text, several rows: nobody can tell, and nothing is published either.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::{Change, CheckResult, Columns, Outcome, sql};
use crate::config::{DataCheckConfig, DataCheckKind};

mod freshness;

/// The SQL that an engine speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// DuckDB's.
    DuckDb,
    /// SQLite's.
    Sqlite,
}

/// A query that asks for what a check looks at.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The query.
    pub sql: String,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// How many rows of the answer are read.
    pub rows: usize,
}

/// What a check is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The numbers of the served version, by check.
    pub figures: &'a BTreeMap<String, f64>,
    /// The columns of its tables.
    pub columns: &'a BTreeMap<String, Columns>,
}

/// What an answer came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// The result.
    pub result: CheckResult,
    /// The number that the next version is compared with.
    pub figure: Option<f64>,
    /// The columns that the next version is compared with, by table.
    pub columns: Option<(String, Columns)>,
    /// What should be known besides.
    pub note: Option<String>,
}

/// The most columns of a table that are compared.
const MOST_COLUMNS: usize = 5000;

/// Returns the query of a check.
pub fn question(check: &DataCheckConfig, dialect: Dialect) -> Question {
    let table = check.table.as_deref().unwrap_or_default();
    let from = sql::table(table);
    // The table's own name in front: alone, SQLite takes a name between quotes that is no column for
    // a text (<https://www.sqlite.org/quirks.html#dblquote>).
    let column = format!("t.{}", sql::identifier(check.column.as_deref().unwrap_or_default()));
    let plain = |sql: String| Question { sql, parameters: Vec::new(), rows: 2 };
    match check.kind {
        None => plain(check.sql.clone().unwrap_or_default()),
        Some(DataCheckKind::Rows) => plain(format!("SELECT count(*) AS value FROM {from} AS t")),
        Some(DataCheckKind::Nulls) => {
            plain(format!("SELECT count(*) AS value FROM {from} AS t WHERE {column} IS NULL"))
        }
        Some(DataCheckKind::Distinct) => {
            plain(format!("SELECT count(DISTINCT {column}) AS value FROM {from} AS t"))
        }
        Some(DataCheckKind::Freshness) => plain(match dialect {
            Dialect::DuckDb => format!(
                "SELECT CAST(max({column}) AS VARCHAR) AS value, typeof(max({column})) AS type FROM {from} AS t"
            ),
            Dialect::Sqlite => format!(
                "SELECT max({column}) AS value, typeof(max({column})) AS type FROM {from} AS t"
            ),
        }),
        Some(DataCheckKind::Schema) => schema(table, dialect),
    }
}

fn schema(table: &str, dialect: Dialect) -> Question {
    let mut parts = sql::parts(table);
    let name = Value::String(parts.pop().unwrap_or_default());
    let schema = parts.pop().map_or(Value::Null, Value::String);
    let sql = match dialect {
        Dialect::DuckDb => {
            "SELECT column_name AS name, data_type AS type FROM duckdb_columns() \
             WHERE database_name = current_database() AND lower(table_name) = lower(CAST($1 AS VARCHAR)) \
             AND lower(schema_name) = lower(coalesce(CAST($2 AS VARCHAR), 'main')) ORDER BY column_index"
        }
        Dialect::Sqlite => {
            "SELECT name, type FROM pragma_table_xinfo(?1, coalesce(?2, 'main')) WHERE hidden <> 1"
        }
    };
    Question { sql: sql.to_owned(), parameters: vec![name, schema], rows: MOST_COLUMNS }
}

/// Judges the rows that a check's question gave, each with its values in order.
pub fn judge(
    check: &DataCheckConfig,
    dialect: Dialect,
    rows: &[Vec<Value>],
    before: Option<Before<'_>>,
    now: Timestamp,
) -> Judged {
    if check.kind == Some(DataCheckKind::Schema) {
        return columns(check, rows, before);
    }
    let mut judged = Judged { result: passed(check), figure: None, columns: None, note: None };
    let row = match rows {
        [row] => row,
        [] => return inconclusive(check, "the query gave no row".to_owned()),
        _ => return inconclusive(check, "the query gave more than one row".to_owned()),
    };
    if check.kind == Some(DataCheckKind::Freshness) {
        let most = check.max_age.as_deref().and_then(duration);
        let (value, outcome) = freshness::judge(row, most, now);
        judged.result.value = value;
        judged.result.outcome = outcome;
        return judged;
    }
    let [value] = row.as_slice() else {
        return inconclusive(check, "the query gave more than one column".to_owned());
    };
    let bounds = Bounds::of(check);
    match value {
        Value::Bool(true) if !bounds.any() => {}
        Value::Bool(false) if !bounds.any() => {
            judged.result.outcome = failed("the query gave false".to_owned());
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            judged.result.value = Some(number);
            if bounds.any() {
                judged.figure = Some(number);
                let served = before.and_then(|before| before.figures.get(&check.name)).copied();
                judged.result.outcome = bounds.judge(number, served);
                if bounds.relative() && served.is_none() {
                    judged.note = Some(uncompared(check, before, "figure"));
                }
            } else if dialect == Dialect::Sqlite && (number == 0.0 || is_one(number)) {
                // SQLite has no type of its own for true and false.
                if number == 0.0 {
                    judged.result.outcome = failed("the query gave 0, which is false".to_owned());
                }
            } else {
                let why = format!(
                    "the query gave {}, and there is neither `min` nor `max`",
                    shown(number)
                );
                judged.result.outcome = Outcome::Inconclusive { why };
            }
        }
        other => {
            let expected = if bounds.any() { "a number" } else { "true or false" };
            let why = format!("the query gave {}, expected {expected}", kind(other));
            judged.result.outcome = Outcome::Inconclusive { why };
        }
    }
    judged
}

/// Says that a check has no answer, and why.
pub fn inconclusive(check: &DataCheckConfig, why: String) -> Judged {
    let result = CheckResult { outcome: Outcome::Inconclusive { why }, ..passed(check) };
    Judged { result, figure: None, columns: None, note: None }
}

/// Says that nothing was compared.
fn uncompared(check: &DataCheckConfig, before: Option<Before<'_>>, what: &str) -> String {
    let name = &check.name;
    match before {
        Some(_) => format!("check {name}: the served version has no {what} to compare with"),
        None => format!("check {name}: nothing is served yet that could be compared with"),
    }
}

fn passed(check: &DataCheckConfig) -> CheckResult {
    CheckResult {
        name: check.name.clone(),
        required: check.required.unwrap_or(true),
        value: None,
        outcome: Outcome::Passed,
    }
}

fn failed(why: String) -> Outcome {
    Outcome::Failed { why }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a struct",
    }
}

fn is_one(number: f64) -> bool {
    (number - 1.0).abs() < f64::EPSILON
}

/// Returns an age such as `36h` or `2d`, in days of 24 hours; `None` where it is none, is negative, or has
/// months or years, whose length varies.
pub fn duration(text: &str) -> Option<Duration> {
    let duration: jiff::Span = text.parse().ok()?;
    let days = jiff::SpanRelativeTo::days_are_24_hours();
    Duration::try_from(duration.to_duration(days).ok()?).ok()
}

/// Shows a number without needless digits.
pub(super) fn shown(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{number:.0}");
    }
    let text = format!("{number:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.trim_start_matches(['-', '0', '.']).is_empty() {
        format!("{number:e}")
    } else {
        text.to_owned()
    }
}

/// How far a number may go.
struct Bounds {
    min: Option<f64>,
    max: Option<f64>,
    drop: Option<Change>,
    rise: Option<Change>,
}

impl Bounds {
    fn of(check: &DataCheckConfig) -> Self {
        let change = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        Self {
            min: check.min,
            max: check.max,
            drop: change(&check.max_drop),
            rise: change(&check.max_rise),
        }
    }

    fn any(&self) -> bool {
        self.min.is_some() || self.max.is_some() || self.relative()
    }

    fn relative(&self) -> bool {
        self.drop.is_some() || self.rise.is_some()
    }

    fn judge(&self, number: f64, served: Option<f64>) -> Outcome {
        if !number.is_finite() {
            return Outcome::Inconclusive { why: "the query gave no finite number".to_owned() };
        }
        let is = shown(number);
        if let Some(min) = self.min.filter(|min| number < *min) {
            return failed(format!("{is} is below {}", shown(min)));
        }
        if let Some(max) = self.max.filter(|max| number > *max) {
            return failed(format!("{is} is above {}", shown(max)));
        }
        let Some(before) = served else { return Outcome::Passed };
        let was = shown(before);
        if let Some(drop) = self.drop
            && number < before - drop.of(before)
        {
            return failed(format!(
                "{is}, after {was} in the served version, {}",
                most("drop", drop)
            ));
        }
        if let Some(rise) = self.rise
            && number > before + rise.of(before)
        {
            return failed(format!(
                "{is}, after {was} in the served version, {}",
                most("rise", rise)
            ));
        }
        Outcome::Passed
    }
}

fn most(what: &str, change: Change) -> String {
    let most = match change {
        Change::Share(share) => format!("{}%", shown(share * 100.0)),
        Change::Amount(amount) => shown(amount),
    };
    format!("a {what} of more than {most}")
}

/// The most differences that are named.
const MOST_NAMED: usize = 5;

/// Compares the columns of a table with those of the served version: none may be missing or of
/// another type; new ones may come.
fn columns(check: &DataCheckConfig, rows: &[Vec<Value>], before: Option<Before<'_>>) -> Judged {
    let table = check.table.clone().unwrap_or_default();
    let found: Option<Columns> = rows
        .iter()
        .map(|row| match row.as_slice() {
            [Value::String(name), Value::String(kind)] => Some((name.clone(), kind.clone())),
            _ => None,
        })
        .collect();
    let Some(found) = found else {
        return inconclusive(check, "the columns of the table cannot be read".to_owned());
    };
    let served = before.and_then(|before| before.columns.get(&table));
    let mut judged = Judged { result: passed(check), figure: None, columns: None, note: None };
    let Some(served) = served else {
        if found.is_empty() {
            return inconclusive(check, format!("there is no table {table}"));
        }
        judged.note = Some(uncompared(check, before, "columns"));
        judged.columns = Some((table, found));
        return judged;
    };
    let mut wrong: Vec<String> = served
        .iter()
        .filter_map(|(name, kind)| match found.get(name) {
            None => Some(format!("{name} is missing")),
            Some(other) if other != kind => Some(format!("{name} is {other}, was {kind}")),
            Some(_) => None,
        })
        .collect();
    if found.is_empty() {
        wrong = vec![format!("there is no table {table} any more")];
    }
    if !wrong.is_empty() {
        let more = wrong.len().saturating_sub(MOST_NAMED);
        wrong.truncate(MOST_NAMED);
        let more = if more > 0 { format!(", and {more} more") } else { String::new() };
        judged.result.outcome = failed(format!("{}{more}", wrong.join(", ")));
    }
    judged.columns = Some((table, found));
    judged
}

#[cfg(test)]
mod tests;
