//! `init`: writes the configuration and the workflows for the repository at hand.
//!
//! 1. Look at the work tree ([`survey`]), and say what was found.
//! 2. Decide what shall be gated, and ask on a terminal what nobody can know (`ask`).
//! 3. Show what would be written, as a diff, and ask.
//! 4. Write (`write`), each file at once or not at all; what differs only with `--force`.
//! 5. Examine the result, as `tidegate doctor --offline` does, and say what comes next.

use std::fs;
use std::path::Path;

use serde::Serialize;

use super::session::Session;
use crate::cli::{Global, Init, Place};
use crate::doctor::Finding;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::init::{Change, Design, FileChange, Survey, Wishes, compare, design, render};
use crate::observe::survey;
use crate::output::Output;

mod ask;
mod show;
mod write;

/// What came of it, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether anything was written.
    written: bool,
    branch: String,
    images: Vec<String>,
    /// The jobs that the gate needs.
    jobs: Vec<&'static str>,
    test_command: Option<String>,
    ledger: Option<LedgerReport>,
    streamlit: Option<StreamlitReport>,
    /// What was left out, and why.
    remarks: Vec<String>,
    files: Vec<FileReport>,
    /// What `doctor` says about the result; empty where nothing was written.
    findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct LedgerReport {
    path: String,
    entries: usize,
    passed: usize,
}

#[derive(Debug, Serialize)]
struct StreamlitReport {
    file: Option<String>,
}

#[derive(Debug, Serialize)]
struct FileReport {
    path: String,
    change: Change,
    written: bool,
    diff: String,
}

pub(super) fn run(global: &Global, args: &Init, output: &mut Output) -> anyhow::Result<Exit> {
    let (session, _) = Session::open_anyway(global, &Place::default())?;
    let survey = look(&session, global)?;
    let mut wishes = wishes(args)?;
    let asks = !args.yes && ask::can(output);
    if asks {
        ask::before(&survey, &mut wishes, output)?;
    }
    let design = design(&survey, &wishes)?;
    let changes = compare(render(&design), |path| text_of(&session.root, path));
    if !output.is_json() {
        show::found(output, &session, &survey, &design)?;
        show::diffs(output, &changes)?;
    }
    let to_write: Vec<&FileChange> = changes.iter().filter(|own| writes(own, args.force)).collect();
    if !to_write.is_empty() && !agreed(args, output, asks)? {
        return Ok(Exit::Held);
    }
    for change in &to_write {
        write::write(&session.root, change.file.path, &change.file.text)?;
    }
    let findings = match to_write.is_empty() {
        true => Vec::new(),
        false => super::doctor::offline(global)?.findings,
    };
    let report = report(&design, &changes, args.force, findings);
    output
        .show("tidegate/init/1", &report, |output, report| show::done(output, report, &design))?;
    Ok(Exit::Done)
}

fn look(session: &Session, global: &Global) -> anyhow::Result<Survey> {
    if global.config.is_some() {
        let error = "init writes .github/tidegate.yml, and no other configuration file";
        return Err(Failed::new(Exit::Usage, error)
            .with_hint("leave --config and TIDEGATE_CONFIG out; copy the file afterwards")
            .into());
    }
    survey::look(&session.git, session.repository_name()).or_exit(Exit::Usage)
}

fn wishes(args: &Init) -> anyhow::Result<Wishes> {
    Ok(Wishes {
        branch: args.branch.clone(),
        images: args.images.clone(),
        test: args.test.clone(),
        action: args.action.clone(),
        ..Wishes::default()
    })
}

/// Reads a file of the work tree as it is; one that is no text is another text.
fn text_of(root: &Path, path: &str) -> Option<String> {
    fs::read(root.join(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn writes(change: &FileChange, force: bool) -> bool {
    match change.change {
        Change::Create => true,
        Change::Differs => force,
        Change::Same => false,
    }
}

fn agreed(args: &Init, output: &mut Output, asks: bool) -> anyhow::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    if asks {
        return output.confirm("Write these files?");
    }
    let error = "nothing was written: nobody could be asked, for standard input is not a terminal";
    Err(Failed::new(Exit::Usage, error).with_hint("pass --yes to write").into())
}

fn report(design: &Design, changes: &[FileChange], force: bool, findings: Vec<Finding>) -> Report {
    let files = changes.iter().map(|own| FileReport {
        path: own.file.path.to_owned(),
        change: own.change,
        written: writes(own, force),
        diff: own.diff.clone(),
    });
    let files: Vec<FileReport> = files.collect();
    Report {
        written: files.iter().any(|file| file.written),
        branch: design.branch.to_string(),
        images: design.builds.iter().map(|own| own.image.to_string()).collect(),
        jobs: design.jobs.iter().map(|job| job.id).collect(),
        test_command: design.test_command().map(str::to_owned),
        ledger: design.ledger.as_ref().map(|own| LedgerReport {
            path: own.path.clone(),
            entries: own.entries,
            passed: own.passed.len(),
        }),
        streamlit: design.streamlit.as_ref().map(|own| StreamlitReport { file: own.file.clone() }),
        remarks: design.remarks.clone(),
        files,
        findings,
    }
}
