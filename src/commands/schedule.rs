//! `schedule`: runs the tasks of the configuration at their times.
//!
//! 1. The tasks are put together ([`crate::schedule`], pure).
//! 2. A folder of the workspace is held (`folder`): one schedule at a time, and what is known of the
//!    tasks is kept there.
//! 3. Whatever is due runs, one task after the other (`runner`), each as a program of its own
//!    (`child`). One task at a time, because DuckDB lets one process write.
//! 4. Incidents are told (`tell`); everything is logged (`journal`).

use std::ffi::OsString;

use super::session::block_on;
use super::workspace::Workspace;
use crate::adapters::notify::{parts_of, variables};
use crate::cli::{self, Emit, Global};
use crate::exit::{Exit, Failed};
use crate::output::Output;
use crate::schedule::{Schedule, github};

mod child;
mod fit;
mod folder;
mod journal;
mod list;
mod runner;
mod shown;
mod stop;
mod tell;

use folder::Folder;
use journal::Journal;
use runner::{Clock, Runner};
use stop::Stop;

pub(super) fn run(
    global: &Global,
    args: &cli::Schedule,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    if args.at.is_some() && !(args.list || args.once) {
        let error = "--at goes with --list or --once only";
        return Err(Failed::new(Exit::Usage, error).with_hint("leave it out").into());
    }
    let workspace = Workspace::for_database(global, args.env_file.as_deref())?;
    workspace.mask_secrets(output)?;
    if args.once && args.at.is_some_and(|at| at > workspace.now) {
        // Backups would get names of days that have not come, and prune would take all for old.
        let error = "--once --at: that time has not come, and the tasks would take it for now";
        let hint = "look ahead with --list --at";
        return Err(Failed::new(Exit::Usage, error).with_hint(hint).into());
    }
    let now = args.at.unwrap_or(workspace.now);
    let schedule = Schedule::of(&workspace.config.schedule.clone().unwrap_or_default(), now)?;
    if args.emit == Some(Emit::Github) {
        output.text(&github::workflow(&schedule)?)?;
        for warning in github::warnings(&schedule, now) {
            output.warning(&warning)?;
        }
        return Ok(Exit::Done);
    }
    if args.list {
        let warnings = fit::warnings(&workspace, &schedule);
        return list::run(&workspace.root, &schedule, now, warnings, output);
    }
    let task = args.run.as_deref().map(|name| schedule.task(name)).transpose()?;
    let journal = Journal::open(&*workspace.lookup(), &workspace.root, now)?;
    let config = tell::with_channels(&workspace);
    if task.is_none() {
        for warning in fit::warnings(&workspace, &schedule) {
            output.warning(&warning)?;
        }
    }
    let folder = Folder::hold(&workspace.root, now)?;
    let book = folder.read()?;
    let lookup = workspace.lookup();
    let mut redactor = workspace.redactor();
    for value in variables(&config).iter().filter_map(|name| lookup(name)) {
        parts_of(&value).iter().for_each(|secret| redactor.add(secret));
    }
    let channels = tell::channels(&config, &workspace, &*lookup);
    let mut runner = Runner {
        schedule: &schedule,
        book,
        folder,
        journal,
        told_on: channels.of_alerts(),
        channels,
        program: child::Program::own(arguments(global, args), args.at)?,
        redactor,
        clock: args.at.map_or(Clock::Real, Clock::Fixed),
        output,
        unsaved: false,
    };
    block_on(async {
        let mut stop = Stop::new()?;
        match (args.once, task) {
            (_, Some(task)) => runner.one(task, &mut stop).await,
            (true, None) => runner.once(&mut stop).await,
            (false, None) => runner.serve(&mut stop).await,
        }
    })
}

/// What every task is started with besides its own arguments: the same folder, configuration and
/// variables.
fn arguments(global: &Global, args: &cli::Schedule) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["--json".into()];
    let named = [
        ("--directory", &global.directory),
        ("--config", &global.config),
        ("--env-file", &args.env_file),
    ];
    for (name, path) in named {
        if let Some(path) = path {
            arguments.extend([name.into(), path.into()]);
        }
    }
    arguments
}
