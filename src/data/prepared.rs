//! What the steps and checks of the data came to, and the snapshot that may be published.

use std::collections::BTreeMap;

use serde::Serialize;

use super::PublishedVersion;

/// How a step or a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It did what it should.
    Passed,
    /// It conclusively did not.
    Failed {
        /// What was seen, and what was expected.
        why: String,
    },
    /// Nobody can tell: it could not be run, or gave no answer.
    Inconclusive {
        /// What stood in the way.
        why: String,
    },
}

/// A command of `data.before`, or SQL of `data.aggregates`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepResult {
    /// The command, shortened, or the aggregate's name.
    pub name: String,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A check of `data.checks`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckResult {
    /// What people call it.
    pub name: String,
    /// Whether it is in the way of a publication.
    pub required: bool,
    /// The number that it looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl CheckResult {
    /// Returns its number for people: empty where there is none, and without decimals that say
    /// nothing (`14.67`, `0.0031`, `1040`).
    pub fn shown_value(&self) -> String {
        let Some(value) = self.value else { return String::new() };
        let decimals: usize = match value.abs() {
            large if large >= 1.0 => 2,
            small if small >= 0.01 => 4,
            _ => return value.to_string(),
        };
        let text = format!("{value:.decimals$}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        text.to_owned()
    }
}

/// A consistent copy of the database, in a folder of this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The file.
    pub file: String,
    /// Its digest: 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Its storage format: `duckdb v1.2.0`, `sqlite 3`.
    pub storage_format: String,
    /// The digest of what it holds, whatever its bytes are; `None` where it could not be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// The columns of a table, with their types.
pub type Columns = BTreeMap<String, String>;

/// What the steps and checks came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Prepared {
    /// The steps, in order; the first that did not pass is the last.
    pub steps: Vec<StepResult>,
    /// The checks; none where a step did not pass.
    pub checks: Vec<CheckResult>,
    /// The copy that was checked; `None` where a step did not pass, or only steps were asked for.
    pub snapshot: Option<Snapshot>,
    /// The served version, where its bytes differ from those of the copy and its content does not: then
    /// that one stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<Box<PublishedVersion>>,
    /// The numbers of the checks, by name: what the next version is compared with.
    pub figures: BTreeMap<String, f64>,
    /// The columns of the tables whose schema is checked.
    pub columns: BTreeMap<String, Columns>,
    /// What should be known, in a sentence each.
    pub warnings: Vec<String>,
}

impl Prepared {
    /// Returns what is in the way of a publication: names and outcomes of steps and required checks
    /// that did not pass.
    pub fn in_the_way(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        let steps = self.steps.iter().map(|step| (step.name.as_str(), &step.outcome));
        let checks = self.checks.iter().filter(|check| check.required);
        steps
            .chain(checks.map(|check| (check.name.as_str(), &check.outcome)))
            .filter(|(_, outcome)| **outcome != Outcome::Passed)
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckResult, Outcome};

    #[test]
    fn numbers_are_shown_with_the_digits_that_tell() {
        for (value, shown) in [
            (None, ""),
            (Some(0.0), "0"),
            (Some(1040.0), "1040"),
            (Some(14.672_161_894_498_057), "14.67"),
            (Some(-3.1), "-3.1"),
            (Some(0.123_456), "0.1235"),
            (Some(0.003_125), "0.003125"),
            (Some(1_000_000.0), "1000000"),
        ] {
            let name = "rows".to_owned();
            let check = CheckResult { name, required: true, value, outcome: Outcome::Passed };
            assert_eq!(check.shown_value(), shown);
        }
    }
}
