//! What is wrong with a row, and where it stands.

use std::fmt;

use serde::Serialize;

/// The longest value that is shown, in characters.
const LONGEST: usize = 80;

/// Where a row stands in its source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RowPlace {
    /// The line of the file at which it begins, from 1; the header is line 1.
    Line(u64),
    /// The place in an answer of an API.
    Answer {
        /// The page, from 1.
        page: u32,
        /// The row, as a JSON pointer (RFC 6901).
        pointer: String,
    },
}

impl fmt::Display for RowPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(formatter, "line {line}"),
            Self::Answer { page, pointer } => write!(formatter, "page {page}, {pointer}"),
        }
    }
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The column of the source, or the name of the rule between columns.
    pub column: String,
    /// The value, shortened; `None` where there is none, or it is a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What was expected, in words: `expected a number greater than 0`.
    pub rule: String,
    /// The number of another row that the rule speaks of, until [`Fault::placed`] names it.
    #[serde(skip)]
    pub other: Option<u64>,
}

impl Fault {
    /// Makes a fault of a value that may be shown.
    pub fn new(column: &str, value: Option<&str>, rule: impl Into<String>) -> Self {
        let value = value.map(|value| {
            let short: String = value.chars().take(LONGEST).collect();
            if short.len() < value.len() { format!("{short}…") } else { short }
        });
        Self { column: column.to_owned(), value, rule: rule.into(), other: None }
    }

    /// Says where the other row stands.
    #[must_use]
    pub fn placed(mut self, place: impl FnOnce(u64) -> RowPlace) -> Self {
        if let Some(other) = self.other.take() {
            self.rule = format!("{}: see {}", self.rule, place(other));
        }
        self
    }

    /// Leaves the value out: it may be a password.
    #[must_use]
    pub fn without_value(self) -> Self {
        Self { value: None, ..self }
    }
}

/// A row that is not written, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BadRow {
    /// Where it stands.
    pub place: RowPlace,
    /// What is wrong with it, all of it.
    pub faults: Vec<Fault>,
}
