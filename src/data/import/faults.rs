//! The statements that find bad rows.

use std::fmt::Write as _;

use super::shape::text;
use crate::data::sql::SqlProblem;

/// The statements that find faults.
pub(super) struct Faults {
    /// The statements so far.
    pub(super) script: String,
    place: u32,
}

impl Faults {
    /// Begins with an empty `tidegate_fault`.
    pub(super) fn new() -> Self {
        let script = "CREATE TEMP TABLE tidegate_fault (tidegate_row BIGINT, \
                      \"column\" VARCHAR, value VARCHAR, rule VARCHAR, other BIGINT, place INTEGER);\n";
        Self { script: script.to_owned(), place: 0 }
    }

    /// Adds one: the number of the other row, the column, the value and what was expected, of the
    /// rows `s` in `from`.
    pub(super) fn add(
        &mut self,
        other: Option<&str>,
        column: &str,
        value: Option<&str>,
        rule: &str,
        from: &str,
    ) -> Result<(), SqlProblem> {
        self.place += 1;
        let _ = writeln!(
            self.script,
            "INSERT INTO tidegate_fault SELECT s.tidegate_row, {}, substr({}, 1, 100), {}, {}, {} FROM {from};",
            text(column)?,
            value.unwrap_or("NULL"),
            text(rule)?,
            other.unwrap_or("NULL"),
            self.place,
        );
        Ok(())
    }
}
