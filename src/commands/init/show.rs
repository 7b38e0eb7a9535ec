//! How people see it: what was found, the diffs, what became of the files, and what comes next.

use std::io;

use super::report::{FileReport, Report};
use crate::doctor::{Finding, Severity};
use crate::init::{Change, Design, logins};
use crate::output::{Fields, Output, bad, clean, clean_lines, dim, good, plain, strong, warn};

/// So many lines of a hand-written step are quoted; the diff below has them all.
const SHOWN: usize = 4;

/// Says in a short list what was found.
pub(super) fn found(output: &mut Output, report: &Report) -> io::Result<()> {
    output.line(strong("Found"))?;
    let mut fields = Fields::new();
    let name = report.repository.as_deref().unwrap_or("not on GitHub");
    fields.add("  repository", format!("{name}, branch {}", report.branch));
    let (named, known): (Vec<_>, Vec<_>) =
        report.jobs.iter().partition(|job| job.commands.is_empty());
    for job in known {
        // One line for each command; the name stands before the first.
        let mut name = format!("  {}", job.id);
        for command in &job.shown {
            fields.add(&std::mem::take(&mut name), command.as_str());
        }
    }
    if !named.is_empty() {
        let ids: Vec<&str> = named.iter().map(|job| job.id.as_str()).collect();
        fields.add("  jobs", ids.join(", "));
    }
    for own in &report.images {
        fields.add("  image", format!("{} from {}", own.image, own.dockerfile));
    }
    if report.images.is_empty() {
        fields.add("  images", "none: a release is a commit on the branch stable");
    }
    if let Some(app) = &report.streamlit {
        fields.add("  Streamlit", app.file.as_deref().unwrap_or("in the requirements"));
    }
    if let Some(ledger) = &report.ledger {
        let counts = match &ledger.last_good {
            Some(commit) => format!("a failure would go back to {}", &commit[..7]),
            None => "none of its commits counts: a failure has nothing to go back to".to_owned(),
        };
        let entries = if ledger.entries == 1 { "entry" } else { "entries" };
        fields.add("  ledger", format!("{}, {} {entries}; {counts}", ledger.path, ledger.entries));
    }
    output.fields(&fields)?;
    for remark in &report.remarks {
        output.line(format!("  {} {}", warn("note:"), clean(remark)))?;
    }
    output.line("")
}

/// Says line by line what is written by hand, what breaks because of it, and what replaces it.
pub(super) fn handwritten(output: &mut Output, report: &Report) -> io::Result<()> {
    let Some(found) = &report.handwritten else { return Ok(()) };
    let path = clean(&found.path);
    output.line(strong(format!("{path} releases by hand-written steps")))?;
    let mut replacements = found.replacements.iter().peekable();
    while let Some(own) = replacements.next() {
        let job = own.job.as_deref().map(|job| format!(" (job {})", clean(job)));
        let lines = if own.first_line == own.last_line {
            format!("line {}", own.first_line)
        } else {
            format!("lines {} to {}", own.first_line, own.last_line)
        };
        output.line(format!("  {lines}{}", job.unwrap_or_default()))?;
        let text = clean_lines(&own.text);
        for line in text.lines().take(SHOWN) {
            output.line(dim(format!("    | {line}")))?;
        }
        if text.lines().count() > SHOWN {
            output.line(dim("    | ..."))?;
        }
        // Lines that do the same are explained once.
        if replacements.peek().is_some_and(|next| next.does == own.does && next.job == own.job) {
            continue;
        }
        for (word, text) in
            [("does:   ", own.does), ("breaks: ", own.breaks), ("instead:", own.instead)]
        {
            output.line(format!("    {} {}", dim(word), clean(text)))?;
        }
    }
    for own in &found.left {
        let at = own.first_line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let (what, why) = (clean(&own.what), clean(&own.why));
        output.line(format!("  {} {at}{what}: {why}", warn("left to you:")))?;
        output.line(format!("    {} {}", dim("mend:   "), clean(&own.todo)))?;
    }
    if !found.rewritable {
        output.line(format!("  {} it cannot be rewritten, and stays as it is", warn("note:")))?;
    }
    output.line("")
}

/// Shows what would change. Where somebody is asked, the question about a hand-written workflow
/// comes later.
pub(super) fn diffs(output: &mut Output, report: &Report, asks: bool) -> io::Result<()> {
    let rewritten = report.handwritten.as_ref().map(|own| &own.path).filter(|_| asks);
    for file in report.files.iter().filter(|own| !own.diff.is_empty()) {
        if !file.wanted && rewritten != Some(&file.path) {
            let stays = "stays as it is; `tidegate init --force` would change this:";
            output.line(warn(format!("{} {stays}", clean(&file.path))))?;
        }
        for line in clean_lines(&file.diff).lines() {
            let styled = match line.as_bytes().first() {
                _ if line.starts_with("+++ ") || line.starts_with("--- ") => strong(line),
                Some(b'+') => good(line),
                Some(b'-') => bad(line),
                Some(b'@') => dim(line),
                Some(_) | None => plain(line),
            };
            output.line(styled)?;
        }
        output.line("")?;
    }
    Ok(())
}

/// Says what became of the files, what `doctor` says, and what comes next.
pub(super) fn done(output: &mut Output, report: &Report, design: &Design) -> io::Result<()> {
    for file in &report.files {
        let (word, why) = match (file.change, file.written) {
            (Change::Create, _) => (good("wrote"), ""),
            (Change::Differs, true) => (good("replaced"), ""),
            (Change::Differs, false) => {
                (warn("kept"), ", which says something else; `tidegate init --force` replaces it")
            }
            (Change::Same, _) => (dim("unchanged"), ""),
        };
        output.line(format!("{word} {}{why}", clean(&file.path)))?;
    }
    if !report.written {
        let kept = report.files.iter().any(|file| file.change == Change::Differs);
        return output.line(if kept { "nothing was written" } else { "nothing to do" });
    }
    output.line("")?;
    findings(output, &report.findings)?;
    next(output, report, design)
}

/// Notes are left out: a repository without a release has some, and nothing is wrong with it. What
/// is said twice is shown once.
fn findings(output: &mut Output, findings: &[Finding]) -> io::Result<()> {
    let told = findings.iter().filter(|own| own.severity != Severity::Note);
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for own in told {
        if seen.contains(&(own.id, &own.problem)) {
            continue;
        }
        let first = seen.iter().all(|(id, _)| *id != own.id);
        seen.push((own.id, &own.problem));
        let word = match own.severity {
            Severity::Error => bad("error"),
            Severity::Warning => warn("warning"),
            Severity::Note => dim("note"),
        };
        let place = own.place.as_ref().map(|place| format!(" in {}", place.file));
        let place = place.unwrap_or_default();
        output.line(format!(
            "{word} {}: {}{}",
            strong(own.id),
            clean(&own.problem),
            clean(&place)
        ))?;
        if first {
            output.line(format!("  {} {}", dim("mend:"), clean(&own.mend)))?;
        }
    }
    if seen.is_empty() {
        return output.line(good("tidegate doctor finds nothing wrong in the files"));
    }
    let fixable = findings.iter().any(|own| own.fixable);
    let fix = if fixable { ", and `tidegate doctor --fix` mends what it can" } else { "" };
    output.line(format!("`tidegate doctor` says more{fix}"))
}

fn next(output: &mut Output, report: &Report, design: &Design) -> io::Result<()> {
    output.line("")?;
    output.line(strong("Next"))?;
    let mut steps = vec!["look the files over: they are yours from now on".to_owned()];
    if report.findings.iter().any(|own| own.severity == Severity::Error) {
        steps.push("mend the errors above".to_owned());
    }
    if let Some(found) = &report.handwritten {
        let kept = |file: &FileReport| file.path == found.path && !file.written;
        if report.files.iter().any(kept) {
            steps.push("tidegate init --force, when you agree with what replaces it".to_owned());
        }
        if !found.left.is_empty() {
            steps.push("do what is left to you above".to_owned());
        }
    }
    for login in logins(design) {
        steps.push(format!(
            "for {}, set the variable {} and the secret {} of the repository",
            login.host, login.user, login.password
        ));
    }
    steps.push("git add .github && git commit -m \"Gate releases\"".to_owned());
    let branch = &design.branch;
    steps.push(format!(
        "push it to {branch}, or merge it there; when its jobs pass, it is released"
    ));
    if design.streamlit.is_some() {
        let deploy = "then let Streamlit Community Cloud deploy the branch stable, not";
        steps.push(format!("{deploy} {}", design.branch));
    }
    for build in &design.builds {
        steps.push(format!("then let users run {}:stable", build.image));
    }
    steps.push("tidegate status".to_owned());
    for (number, step) in (1..).zip(steps) {
        output.line(format!("  {number}. {}", clean(&step)))?;
    }
    Ok(())
}
