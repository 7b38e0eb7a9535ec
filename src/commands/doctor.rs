//! `doctor`: tries what a release and a rollback will need.
//!
//! 1. Look (`look`): the files of the work tree, the remote, the registries, GitHub. What cannot be
//!    had is a fact too, and no error.
//! 2. Examine what was seen ([`crate::doctor`], pure).
//! 3. With `--fix`, mend the workflows of the work tree (`fix`), and examine them again.
//! 4. With `--open-issue`, keep one issue on GitHub (`issue`).
//! 5. Show it (`render`), write it as SARIF where that was asked for (`sarif`).
//!
//! The exit code is [`Exit::BadInput`] where there is an error, else [`Exit::Done`].

use jiff::Timestamp;
use serde::Serialize;

use super::session::Session;
use super::status::look::said;
use crate::cli::{self, Global};
use crate::doctor::{Diagnosis, Finding, Severity, Unchecked, examine, mend};
use crate::exit::{Exit, Failed, Failure};
use crate::observe::checkup::workflows;
use crate::output::Output;

mod fix;
mod issue;
mod look;
mod render;
mod sarif;

/// Everything that `doctor` says, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    /// When it was asked.
    now: Timestamp,
    /// The worst severity; `None` where there is no finding.
    worst: Option<Severity>,
    #[serde(flatten)]
    diagnosis: Diagnosis,
    /// What `--fix` has mended: no finding any more.
    fixed: Vec<Finding>,
    /// What became of the issue; `None` where none was asked for.
    issue: Option<issue::Kept>,
}

pub(super) fn run(
    global: &Global,
    args: &cli::Doctor,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    if args.open_issue && (args.offline || args.fix) {
        let error =
            "--open-issue tells of what is released, and goes with neither --offline nor --fix";
        return Err(Failed::new(Exit::Usage, error).with_hint("leave one of them out").into());
    }
    let (mut session, problem) = Session::open_anyway(global, &args.place)?;
    let login = if args.offline { None } else { session.log_in(output).err() };
    let progress = output.progress("looking at the remote");
    let mut checkup =
        look::look(&session, global, problem, args.offline, &|what| progress.say(what))?;
    drop(progress);
    let mut diagnosis = examine(&checkup);
    let mended = mend(&checkup);
    diagnosis.mark_fixable(&mended);
    let mut fixed = Vec::new();
    if args.fix && !mended.files.is_empty() {
        if !fix::write(&session.git, &mended, args.yes, output)? {
            return Ok(Exit::Held);
        }
        checkup.workflows = workflows::read(&session.git)?;
        diagnosis = examine(&checkup);
        fixed = mended.findings;
    }
    if let Some(error) = login {
        let what = "the login of the GitHub App".to_owned();
        diagnosis.unchecked.insert(0, Unchecked { what, why: said(error) });
    }
    let mut unkept = None;
    let issue = args.open_issue.then(|| {
        issue::keep(&session, &diagnosis).unwrap_or_else(|error| {
            let failure = Failure::of(&error);
            unkept = Some(failure.exit);
            issue::Kept::failed(&failure)
        })
    });
    let worst = diagnosis.worst();
    let report = Report { now: session.now, worst, diagnosis, fixed, issue };
    if let Some(path) = &args.sarif {
        sarif::write(path, &report.diagnosis)?;
    }
    output.show("tidegate/doctor/1", &report, render::people)?;
    Ok(match report.worst {
        Some(Severity::Error) => Exit::BadInput,
        Some(Severity::Warning | Severity::Note) | None => unkept.unwrap_or(Exit::Done),
    })
}

/// Examines what is in this clone, and asks nobody: for `init`, about what it has just written.
pub(super) fn offline(global: &Global) -> anyhow::Result<Diagnosis> {
    let (session, problem) = Session::open_anyway(global, &cli::Place::default())?;
    let checkup = look::look(&session, global, problem, true, &|_| ())?;
    let mut diagnosis = examine(&checkup);
    diagnosis.mark_fixable(&mend(&checkup));
    Ok(diagnosis)
}
