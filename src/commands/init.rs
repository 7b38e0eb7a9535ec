//! `init`: writes the configuration and the workflows for the repository at hand.
//!
//! 1. Look at the work tree ([`survey`]).
//! 2. Decide what shall be gated, and ask on a terminal what nobody can know (`ask`).
//! 3. Show what was found, and what would be written, as a diff; ask.
//! 4. Write (`write`), each file at once or not at all; what differs only with `--force`.
//! 5. Examine the result, as `tidegate doctor --offline` does, and say what comes next.

use super::session::Session;
use crate::cli::{Global, Init, Place};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::init::{Change, FileChange, Wishes, compare, render};
use crate::observe::survey;
use crate::output::Output;

mod ask;
mod good;
mod report;
mod show;
mod write;

use report::Report;

pub(super) fn run(global: &Global, args: &Init, output: &mut Output) -> anyhow::Result<Exit> {
    check(global)?;
    let (session, _) = Session::open_anyway(global, &Place::default())?;
    let survey = survey::look(&session.git, session.repository_name()).or_exit(Exit::Usage)?;
    let asks = !args.yes && ask::can(output);
    let design = ask::design(&survey, wishes(args), asks, output)?;
    let root = &session.root;
    let files = render(&design);
    let there: Vec<Option<String>> =
        files.iter().map(|file| write::read(root, &file.path)).collect::<Result<_, _>>()?;
    let changes = compare(files, there);
    let mut report = Report::new(&session, &survey, &design, changes, args.force)?;
    if !output.is_json() {
        show::found(output, &report)?;
        show::handwritten(output, &report)?;
        show::diffs(output, &report, asks)?;
    }
    if asks {
        ask::about_rewriting(&mut report, output)?;
    }
    if report.has_work() {
        match agreed(args, asks, &report, output) {
            Ok(true) => {}
            Ok(false) => return Ok(Exit::Held),
            // The one object of the result says it too: `written` is false.
            Err(nobody) if output.is_json() => {
                output.json(report::SCHEMA, &report)?;
                output.warning(&format!("{nobody}; pass --yes to write"))?;
                return Ok(Exit::Usage);
            }
            Err(nobody) => return Err(nobody),
        }
        for file in report.files.iter_mut().filter(|file| file.wanted) {
            write::write(root, &file.path, file.old.as_deref(), &file.text)?;
            file.written = true;
        }
        report.written = true;
        report.findings = super::doctor::offline(global)?.findings;
    }
    output.show(report::SCHEMA, &report, |output, report| show::done(output, report, &design))?;
    Ok(Exit::Done)
}

fn check(global: &Global) -> anyhow::Result<()> {
    if global.config.is_some() {
        let error = "init writes .github/tidegate.yml, and no other configuration file";
        return Err(Failed::new(Exit::Usage, error)
            .with_hint("leave --config and TIDEGATE_CONFIG out; copy the file afterwards")
            .into());
    }
    Ok(())
}

fn wishes(args: &Init) -> Wishes {
    Wishes {
        branch: args.branch.clone(),
        images: args.images.clone(),
        test: args.test.clone(),
        action: args.action.clone(),
        ..Wishes::default()
    }
}

/// Tells whether a file is to be written.
fn wants(change: &FileChange, force: bool) -> bool {
    match change.change {
        Change::Create => true,
        Change::Differs => force,
        Change::Same => false,
    }
}

fn agreed(args: &Init, asks: bool, report: &Report, output: &mut Output) -> anyhow::Result<bool> {
    if args.yes {
        return Ok(true);
    }
    if asks {
        return output.confirm("Write these files?");
    }
    let error = "nothing was written: nobody could be asked, for standard input is not a terminal";
    let hint = if report.files.iter().any(|file| !file.wanted && file.change == Change::Differs) {
        "pass --yes to write; `tidegate init --force --yes` also replaces what is there"
    } else {
        "pass --yes to write"
    };
    Err(Failed::new(Exit::Usage, error).with_hint(hint).into())
}
