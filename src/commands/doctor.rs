//! `doctor`: tries what a release and a rollback will need, and changes nothing.
//!
//! 1. Look (`look`): the files of the work tree, the remote, the registries, GitHub. What cannot be
//!    had is a fact too, and no error.
//! 2. Examine what was seen ([`crate::doctor`], pure).
//! 3. Show it (`render`), write it as SARIF where that was asked for (`sarif`).
//!
//! The exit code is [`Exit::BadInput`] where there is an error, else [`Exit::Done`].

use jiff::Timestamp;
use serde::Serialize;

use super::session::Session;
use super::status::look::said;
use crate::cli::{self, Global};
use crate::doctor::{Diagnosis, Severity, Unchecked, examine};
use crate::exit::Exit;
use crate::output::Output;

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
}

pub(super) fn run(
    global: &Global,
    args: &cli::Doctor,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let (mut session, problem) = Session::open_anyway(global, &args.place)?;
    let login = if args.offline { None } else { session.log_in(output).err() };
    let progress = output.progress("looking at the remote");
    let checkup = look::look(&session, global, problem, args.offline, &|what| progress.say(what))?;
    drop(progress);
    let mut diagnosis = examine(&checkup);
    if let Some(error) = login {
        let what = "the login of the GitHub App".to_owned();
        diagnosis.unchecked.insert(0, Unchecked { what, why: said(error) });
    }
    let report = Report { now: session.now, worst: diagnosis.worst(), diagnosis };
    if let Some(path) = &args.sarif {
        sarif::write(path, &report.diagnosis)?;
    }
    output.show("tidegate/doctor/1", &report, render::people)?;
    Ok(match report.worst {
        Some(Severity::Error) => Exit::BadInput,
        Some(Severity::Warning | Severity::Note) | None => Exit::Done,
    })
}

/// Examines what is in this clone, and asks nobody: for `init`, about what it has just written.
pub(super) fn offline(global: &Global) -> anyhow::Result<Diagnosis> {
    let (session, problem) = Session::open_anyway(global, &cli::Place::default())?;
    let checkup = look::look(&session, global, problem, true, &|_| ())?;
    Ok(examine(&checkup))
}
