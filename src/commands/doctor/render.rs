//! How people see it: how bad it is in one line, then each finding with what it breaks and how to
//! mend it, what is well in one line, and what could not be checked.

use std::io;

use super::Report;
use crate::doctor::{Finding, Place, Severity};
use crate::output::{Output, Styled, bad, clean, dim, good, plain, strong, warn};

pub(super) fn people(output: &mut Output, report: &Report) -> io::Result<()> {
    let diagnosis = &report.diagnosis;
    output.line(headline(report))?;
    let mut rest = diagnosis.findings.as_slice();
    while let Some(first) = rest.first() {
        // Findings of one kind with one cure are one block.
        let same = |own: &&Finding| {
            own.id == first.id && own.breaks == first.breaks && own.mend == first.mend
        };
        let (block, others) = rest.split_at(rest.iter().take_while(same).count());
        output.line("")?;
        show(output, first, block)?;
        rest = others;
    }
    let fixable = diagnosis.findings.iter().filter(|finding| finding.fixable).count();
    if fixable > 0 {
        let what = if fixable == 1 { "1 of them".to_owned() } else { format!("{fixable} of them") };
        output.line("")?;
        output.line(format!("{} mends {what}", strong("tidegate doctor --fix")))?;
    }
    if !report.fixed.is_empty() {
        let ids: Vec<&str> = report.fixed.iter().map(|finding| finding.id).collect();
        output.line("")?;
        output.line(format!("{} {}", good("mended:"), ids.join(", ")))?;
    }
    if let Some(issue) = &report.issue {
        output.line("")?;
        output.line(issue)?;
    }
    if !diagnosis.well.is_empty() {
        output.line("")?;
        output.line(format!("{} {}", good("well:"), diagnosis.well.join(", ")))?;
    }
    if !diagnosis.unchecked.is_empty() {
        output.line("")?;
        output.line(warn("could not be checked:"))?;
        for unchecked in &diagnosis.unchecked {
            let why = dim(format!("({})", clean(&unchecked.why)));
            output.line(format!("  {} {why}", clean(&unchecked.what)))?;
        }
    }
    Ok(())
}

fn headline(report: &Report) -> String {
    let counted = Severity::ALL
        .into_iter()
        .filter_map(|severity| match report.diagnosis.count(severity) {
            0 => None,
            1 => Some(styled(severity, &format!("1 {}", severity.word())).to_string()),
            n => Some(styled(severity, &format!("{n} {}s", severity.word())).to_string()),
        })
        .collect::<Vec<_>>();
    if counted.is_empty() { good("nothing is wrong").to_string() } else { counted.join(", ") }
}

fn styled(severity: Severity, text: &str) -> Styled {
    match severity {
        Severity::Error => bad(text),
        Severity::Warning => warn(text),
        Severity::Note => plain(text),
    }
}

fn show(output: &mut Output, first: &Finding, block: &[Finding]) -> io::Result<()> {
    let word = styled(first.severity, first.severity.word());
    output.line(format!("{word} {}", strong(first.id)))?;
    for finding in block {
        let place = finding.place.as_ref().map(at).unwrap_or_default();
        let place = if place.is_empty() { place } else { format!("{}: ", clean(&place)) };
        output.line(format!("  {place}{}", clean(&finding.problem)))?;
    }
    output.line(format!("  {} {}", dim("breaks:"), clean(&first.breaks)))?;
    output.line(format!("  {} {}", dim("mend:  "), clean(&first.mend)))
}

fn at(place: &Place) -> String {
    match place.line {
        Some(line) => format!("{}:{line}", place.file),
        None => place.file.clone(),
    }
}
