//! What the steps and checks of the data found, as people see it.

use std::fmt::Write as _;
use std::io;

use crate::actions::markdown::inline;
use crate::data::Outcome;
use crate::evidence::data::DataEvidence;
use crate::output::{Output, Styled, Table, bad, clean, good, plain, warn};

/// One line of the table.
struct Row<'a> {
    name: &'a str,
    value: String,
    /// Whether it is in the way where it did not pass.
    required: bool,
    outcome: &'a Outcome,
}

/// Returns every step and every check.
fn rows(found: &DataEvidence) -> Vec<Row<'_>> {
    let Some(prepared) = found.prepared() else { return Vec::new() };
    let steps = prepared.steps.iter().map(|step| Row {
        name: &step.name,
        value: String::new(),
        required: true,
        outcome: &step.outcome,
    });
    let checks = prepared.checks.iter().map(|check| Row {
        name: &check.name,
        value: check.shown_value(),
        required: check.required,
        outcome: &check.outcome,
    });
    steps.chain(checks).collect()
}

fn words(row: &Row<'_>) -> String {
    let advisory = if row.required { "" } else { " (advisory)" };
    match row.outcome {
        Outcome::Passed => format!("passed{advisory}"),
        Outcome::Failed { why } => format!("failed{advisory}: {why}"),
        Outcome::Inconclusive { why } => format!("not known{advisory}: {why}"),
    }
}

/// Shows a table.
pub(super) fn show(output: &mut Output, found: &DataEvidence) -> io::Result<()> {
    let rows = rows(found);
    if rows.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["data", "value", "found"]).right(1);
    for row in &rows {
        let said = clean(&words(row)).into_owned();
        let said: Styled = match row.outcome {
            Outcome::Passed => good(said),
            Outcome::Failed { .. } if row.required => bad(said),
            Outcome::Failed { .. } | Outcome::Inconclusive { .. } => warn(said),
        };
        table.row([plain(clean(row.name)), plain(clean(&row.value)), said]);
    }
    output.line("")?;
    output.table(&table)
}

/// Adds the table to a job summary.
pub(super) fn markdown(text: &mut String, found: &DataEvidence) {
    let rows = rows(found);
    if rows.is_empty() {
        return;
    }
    text.push_str(
        "\n**Data**\n\n|  | step or check | value | found |\n| --- | --- | ---: | --- |\n",
    );
    for row in &rows {
        let mark = match row.outcome {
            Outcome::Passed => "✅",
            Outcome::Failed { .. } => "❌",
            Outcome::Inconclusive { .. } => "❔",
        };
        let _ = writeln!(
            text,
            "| {mark} | {} | {} | {} |",
            inline(row.name),
            inline(&row.value),
            inline(&words(row))
        );
    }
}
