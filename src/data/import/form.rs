//! The form in which imports write values, and tables that hold them in another: a row is known again by
//! equal values only, so the rows of such a table would be doubled.

use std::fmt;

use super::spec::Import;
use super::target::{Fitted, Misfit, TableColumn, is_any, written};
use crate::config::ColumnType;
use crate::data::check::Dialect;
use crate::data::sql;

/// How days look, as a pattern of GLOB.
const DAY: &str = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]";

/// How times of a day look, without decimals.
const SECOND: &str = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]";

/// The most characters of a value that are shown.
const LONGEST: usize = 40;

/// A form in which values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A day, as a text.
    Day,
    /// A time in UTC, as a text without zeros after the last decimal.
    Time,
    /// A number.
    Number,
    /// True and false, as numbers.
    Boolean,
    /// A text.
    Text,
    /// No value, where there is no text.
    Nothing,
}

impl Form {
    fn of(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Date => Self::Day,
            ColumnType::Timestamp => Self::Time,
            ColumnType::Integer | ColumnType::Number | ColumnType::Amount => Self::Number,
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Text | ColumnType::Email => Self::Text,
        }
    }

    /// Returns what holds for values of another form, as SQL: SQLite keeps days and times as whatever text
    /// programs write, and any value in a column without a type. `None` where the column holds no others.
    fn other_in_sqlite(self, column: &TableColumn) -> Option<String> {
        let name = sql::identifier(&column.name);
        let kind = format!("typeof({name})");
        match self {
            Self::Day => Some(format!("{kind} <> 'text' OR {name} NOT GLOB '{DAY}'")),
            // In UTC, without an offset.
            Self::Time => Some(format!(
                "{kind} <> 'text' OR NOT ({name} GLOB '{DAY} {SECOND}' \
                 OR ({name} GLOB '{DAY} {SECOND}.*[1-9]' \
                 AND substr({name}, 21) NOT GLOB '*[^0-9]*' AND length({name}) <= 29))"
            )),
            Self::Boolean => Some(format!("{kind} NOT IN ('integer', 'real')")),
            Self::Number => {
                is_any(&column.kind).then(|| format!("{kind} NOT IN ('integer', 'real')"))
            }
            Self::Text => is_any(&column.kind).then(|| format!("{kind} <> 'text'")),
            Self::Nothing => Some(format!("{name} = ''")),
        }
    }

    /// Returns the same for DuckDB: only texts may be in another form, where they are days or times, or
    /// empty.
    fn other_in_duckdb(self, column: &TableColumn) -> Option<String> {
        let name = sql::identifier(&column.name);
        let cast =
            |kind| format!("CAST(TRY_CAST({name} AS {kind}) AS VARCHAR) IS DISTINCT FROM {name}");
        let other = match self {
            Self::Day => cast("DATE"),
            Self::Time => cast("TIMESTAMP"),
            Self::Nothing => format!("{name} = ''"),
            Self::Number | Self::Boolean | Self::Text => return None,
        };
        (column.kind == "VARCHAR").then_some(other)
    }
}

impl fmt::Display for Form {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Day => "\"2026-02-07\"",
            Self::Time => "\"2026-02-07 19:53:58\"",
            Self::Number => "numbers",
            Self::Boolean => "1 and 0",
            Self::Text => "texts",
            Self::Nothing => "no value (NULL) instead",
        })
    }
}

/// A look at a column of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The query: at most one row, with the type of a value in another form and the value as a text.
    pub query: String,
    table: String,
    column: String,
    form: Form,
}

impl Look {
    /// Returns those that a table needs which is there; each reads one column.
    pub fn all(import: &Import, fitted: &Fitted, dialect: Dialect) -> Vec<Self> {
        let keys = import.key_places();
        let columns = fitted.columns.iter().flatten().zip(written(import)).enumerate();
        let forms = columns.flat_map(|(place, (column, (name, kind)))| {
            // An empty cell is no value, and another one than an empty text of the key.
            let is_text = matches!(kind, ColumnType::Text | ColumnType::Email);
            let is_nullable = import.columns.get(place).is_some_and(|column| column.nullable);
            let may_be_empty = is_text && is_nullable && keys.contains(&place);
            let nothing = may_be_empty.then_some(Form::Nothing);
            [Some(Form::of(kind)), nothing]
                .into_iter()
                .flatten()
                .map(move |form| (column, name, form))
        });
        let looks = forms.filter_map(|(column, name, form)| {
            let (other, text) = match dialect {
                Dialect::DuckDb => (form.other_in_duckdb(column)?, "VARCHAR"),
                Dialect::Sqlite => (form.other_in_sqlite(column)?, "TEXT"),
            };
            let value = sql::identifier(&column.name);
            let query = format!(
                "SELECT typeof({value}) AS kind, CAST({value} AS {text}) AS value FROM {} \
                 WHERE {value} IS NOT NULL AND ({other}) LIMIT 1",
                sql::table(&import.table)
            );
            Some(Self { query, table: import.table.clone(), column: name.to_owned(), form })
        });
        looks.collect()
    }

    /// Says what the query found.
    pub fn found(self, kind: &str, value: &str) -> Misfit {
        let short: String = value.chars().take(LONGEST).collect();
        let held = match (kind, self.form) {
            ("integer" | "real", _) => format!("the number {short}"),
            ("blob", _) => "bytes".to_owned(),
            (_, Form::Day | Form::Time) => format!("{short:?}"),
            (_, Form::Number | Form::Boolean | Form::Text) => format!("the text {short:?}"),
            (_, Form::Nothing) => "an empty text".to_owned(),
        };
        Misfit::Form { table: self.table, column: self.column, held, form: self.form }
    }
}
