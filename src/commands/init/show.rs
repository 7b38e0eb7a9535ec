//! How people see it: what was found, the diffs, what became of the files, and what comes next.

use std::io;

use super::Report;
use crate::commands::session::Session;
use crate::doctor::Severity;
use crate::init::{Change, Design, FileChange, Survey};
use crate::output::{Fields, Output, bad, clean, clean_lines, dim, good, strong, warn};

/// Says in a short list what was found.
pub(super) fn found(
    output: &mut Output,
    session: &Session,
    survey: &Survey,
    design: &Design,
) -> io::Result<()> {
    output.line(strong("Found"))?;
    let mut fields = Fields::new();
    let name = survey.repository.as_deref().unwrap_or("not on GitHub");
    fields.add("  repository", clean(&format!("{name}, branch {}", design.branch)).as_ref());
    for job in &design.jobs {
        let commands: Vec<&str> = job
            .steps
            .iter()
            .filter(|step| !step.name.starts_with("Install"))
            .filter_map(|step| step.run.last().map(String::as_str))
            .collect();
        fields.add(
            &format!("  {}", job.name.to_ascii_lowercase()),
            clean(&commands.join("; ")).as_ref(),
        );
    }
    for build in &design.builds {
        let text = format!("{} from {}", build.image, build.dockerfile);
        fields.add("  image", clean(&text).as_ref());
    }
    if design.builds.is_empty() {
        fields.add("  images", "none: a release is a commit on the branch stable");
    }
    if let Some(streamlit) = &design.streamlit {
        let file = streamlit.file.as_deref().unwrap_or("in the requirements");
        fields.add("  Streamlit", clean(file).as_ref());
    }
    if let Some(ledger) = &design.ledger {
        let known = ledger.passed.iter().filter(|commit| session.git.has_commit(commit)).count();
        let text = format!(
            "{}, {} entries; {known} commits that passed are in this clone and count",
            ledger.path, ledger.entries
        );
        fields.add("  ledger", clean(&text).as_ref());
    }
    output.fields(&fields)?;
    for remark in &design.remarks {
        output.line(format!("  {} {}", warn("note:"), clean(remark)))?;
    }
    output.line("")
}

/// Shows what would change.
pub(super) fn diffs(output: &mut Output, changes: &[FileChange]) -> io::Result<()> {
    for change in changes.iter().filter(|own| !own.diff.is_empty()) {
        for line in clean_lines(&change.diff).lines() {
            let styled = match line.as_bytes().first() {
                _ if line.starts_with("+++") || line.starts_with("---") => strong(line),
                Some(b'+') => good(line),
                Some(b'-') => bad(line),
                Some(_) | None => dim(line),
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
        let word = match (file.change, file.written) {
            (Change::Create, _) => good("wrote"),
            (Change::Differs, true) => good("replaced"),
            (Change::Differs, false) => warn("kept"),
            (Change::Same, _) => dim("same"),
        };
        let why = match (file.change, file.written) {
            (Change::Differs, false) => " (it says something else; --force replaces it)",
            (Change::Create | Change::Same | Change::Differs, _) => "",
        };
        output.line(format!("{word} {}{why}", file.path))?;
    }
    if !report.written {
        return output.line("nothing to do");
    }
    findings(output, report)?;
    next(output, design)
}

fn findings(output: &mut Output, report: &Report) -> io::Result<()> {
    let told = report.findings.iter().filter(|own| own.severity != Severity::Note);
    let mut any = false;
    output.line("")?;
    for own in told {
        any = true;
        let word = match own.severity {
            Severity::Error => bad("error"),
            Severity::Warning => warn("warning"),
            Severity::Note => dim("note"),
        };
        output.line(format!("{word} {}: {}", strong(own.id), clean(&own.problem)))?;
        output.line(format!("  {} {}", dim("mend:"), clean(&own.mend)))?;
    }
    if !any {
        output.line(good("tidegate doctor finds nothing wrong in these files"))?;
    }
    Ok(())
}

fn next(output: &mut Output, design: &Design) -> io::Result<()> {
    output.line("")?;
    output.line(strong("Next"))?;
    let mut steps = vec![
        "look the files over: they are yours from now on".to_owned(),
        "git add .github && git commit -m \"Gate releases\"".to_owned(),
        format!("git push: if the jobs pass, this commit of {} is release 1", design.branch),
    ];
    if design.streamlit.is_some() {
        steps.push(
            "once release 1 is there, let Streamlit Community Cloud deploy the branch `stable`"
                .to_owned(),
        );
    }
    if let Some(build) = design.builds.first() {
        steps.push(format!("let your users run {}:stable", build.image));
    }
    steps.push("tidegate status shows what is live".to_owned());
    for (number, step) in (1..).zip(steps) {
        output.line(format!("  {number}. {}", clean(&step)))?;
    }
    Ok(())
}
