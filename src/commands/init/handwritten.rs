//! How people see what replaces a hand-written pipeline, line by line.

use std::io;

use serde::Serialize;

use super::report::Report;
use crate::init::Design;
use crate::init::handwritten::{HandWritten, Left, Replacement};
use crate::output::{Output, bad, clean, dim, good, strong, warn};

/// A workflow that releases or takes back by hand.
#[derive(Debug, Serialize)]
pub(super) struct HandWrittenReport {
    pub(super) path: String,
    /// Whether it gets a gate.
    pub(super) rewritten: bool,
    /// The jobs that go.
    pub(super) removed: Vec<String>,
    pub(super) replacements: Vec<ReplacementReport>,
    pub(super) left: Vec<LeftReport>,
}

/// Lines, and what replaces them.
#[derive(Debug, Serialize)]
pub(super) struct ReplacementReport {
    pub(super) job: Option<String>,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) text: String,
    pub(super) does: &'static str,
    pub(super) breaks: &'static str,
    pub(super) instead: &'static str,
}

/// What is left to a person.
#[derive(Debug, Serialize)]
pub(super) struct LeftReport {
    pub(super) job: Option<String>,
    pub(super) from: Option<usize>,
    pub(super) to: Option<usize>,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) todo: String,
}

/// Puts together what is said about each.
pub(super) fn reports(design: &Design) -> Vec<HandWrittenReport> {
    let report = |own: &HandWritten| HandWrittenReport {
        path: own.path.clone(),
        rewritten: own.rewritten.is_some(),
        removed: own.removed.clone(),
        replacements: own.replacements.iter().map(replacement).collect(),
        left: own.left.iter().map(left).collect(),
    };
    design.handwritten.iter().map(report).collect()
}

fn replacement(own: &Replacement) -> ReplacementReport {
    ReplacementReport {
        job: own.job.clone(),
        from: *own.lines.start(),
        to: *own.lines.end(),
        text: own.text.clone(),
        does: own.does,
        breaks: own.breaks,
        instead: own.instead,
    }
}

fn left(own: &Left) -> LeftReport {
    let lines = own.lines.as_ref();
    LeftReport {
        job: own.job.clone(),
        from: lines.map(|lines| *lines.start()),
        to: lines.map(|lines| *lines.end()),
        what: own.what.clone(),
        why: own.why.clone(),
        todo: own.todo.clone(),
    }
}

/// Shows what each line does, what breaks because of it, and what replaces it.
pub(super) fn replacements(output: &mut Output, report: &Report) -> io::Result<()> {
    for own in &report.handwritten {
        let title = format!("{} releases and takes back by hand", clean(&own.path));
        output.line(strong(&title))?;
        let mut rest = own.replacements.as_slice();
        while let Some(first) = rest.first() {
            // Lines that do the same are explained once.
            let same =
                |other: &&ReplacementReport| other.job == first.job && other.does == first.does;
            let count = rest.iter().take_while(same).count();
            let (group, others) = rest.split_at(count);
            for one in group {
                lines(output, one)?;
            }
            output.line(format!("    {}    {}", dim("does:"), first.does))?;
            output.line(format!("    {}  {}", bad("breaks:"), first.breaks))?;
            output.line(format!("    {} {}", good("instead:"), first.instead))?;
            rest = others;
        }
        output.line("")?;
    }
    Ok(())
}

fn lines(output: &mut Output, own: &ReplacementReport) -> io::Result<()> {
    let job = own.job.as_deref().map_or(String::new(), |job| format!(" ({job})"));
    let place = match own.to {
        to if to == own.from => format!("line {to}"),
        to => format!("lines {}-{to}", own.from),
    };
    output.line(format!("  {}", dim(clean(&format!("{place}{job}")))))?;
    for line in own.text.lines() {
        output.line(format!("    {}", clean(line)).trim_end())?;
    }
    Ok(())
}

/// Says what a person has to do.
pub(super) fn left_to_do(output: &mut Output, report: &Report) -> io::Result<()> {
    for own in report
        .handwritten
        .iter()
        .flat_map(|own| own.left.iter().map(move |left| (own.path.as_str(), left)))
    {
        let (path, left) = own;
        let line = left.from.map_or(String::new(), |line| format!(":{line}"));
        output.line(format!("{} {}", warn("by hand"), clean(&left.what)))?;
        output.line(format!("  {}", clean(&format!("{path}{line}: {}", left.why))))?;
        output.line(format!("  {} {}", dim("do:"), clean(&left.todo)))?;
    }
    Ok(())
}
