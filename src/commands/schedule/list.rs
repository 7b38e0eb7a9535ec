//! `schedule --list`: the tasks, their next times, and how they ended last.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;

use super::folder;
use crate::exit::Exit;
use crate::output::{Output, Table, bad, dim, good, plain, strong, warn};
use crate::schedule::{Book, Entry, Incident, LastRun, Outcome, Schedule, Task};

/// How many times are listed for programs.
const NEXT: usize = 5;

#[derive(Debug, Serialize)]
struct Listing<'a> {
    now: Timestamp,
    tasks: Vec<Listed<'a>>,
    /// Alerts that could not be told yet.
    alerts_waiting: usize,
    /// What will fail at its time, as far as that can be seen now.
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Listed<'a> {
    task: &'a str,
    command: String,
    cron: &'a str,
    timezone: &'a str,
    /// The next times, the first of which is in the past where the task is due.
    next: Vec<Timestamp>,
    due: bool,
    running_since: Option<Timestamp>,
    last: Option<LastRun>,
    incident: Option<Incident>,
}

pub(super) fn run(
    root: &Path,
    schedule: &Schedule,
    now: Timestamp,
    warnings: Vec<String>,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let mut book = folder::look(root)?;
    book.adopt(schedule, now);
    let tasks = schedule.tasks.iter().map(|task| listed(task, &book, now)).collect();
    let listing = Listing { now, tasks, alerts_waiting: book.alerts.len(), warnings };
    output.show("tidegate/schedule/1", &listing, |output, listing| {
        let mut table = Table::new(&["TASK", "RUNS", "NEXT", "ZONE", "CRON", "LAST", ""]);
        for task in &listing.tasks {
            let next = match (task.due, task.next.first()) {
                (true, _) => warn("now"),
                (false, Some(next)) => plain(local(*next, task.timezone)),
                (false, None) => plain("never"),
            };
            let last = task.last.as_ref().map(|last| local(last.started, task.timezone));
            let state = match (&task.running_since, task.last.as_ref().map(|last| &last.outcome)) {
                (Some(_), _) => warn("runs"),
                (None, Some(Outcome::Done)) => good("done"),
                (None, Some(Outcome::NoData)) => warn("no data"),
                (None, Some(Outcome::Inconclusive)) => warn("inconclusive"),
                (None, Some(Outcome::Failed { .. })) => bad("failed"),
                (None, Some(Outcome::Stopped)) => warn("stopped"),
                (None, None) => plain(""),
            };
            table.row([
                plain(task.task),
                plain(&task.command),
                next,
                dim(task.timezone),
                dim(task.cron),
                plain(last.unwrap_or_default()),
                state,
            ]);
        }
        output.table(&table)?;
        for task in &listing.tasks {
            let Some(incident) = &task.incident else { continue };
            let since = local(incident.opened, task.timezone);
            let runs = match incident.failures {
                1 => String::new(),
                failures => format!(", {failures} runs"),
            };
            let reason = plain(&incident.reason);
            output.line(format!(
                "\n{} does not work since {since}{runs}: {reason}",
                strong(task.task)
            ))?;
        }
        match listing.alerts_waiting {
            0 => {}
            1 => output.line("\n1 alert could not be told yet")?,
            waiting => output.line(format!("\n{waiting} alerts could not be told yet"))?,
        }
        listing.warnings.iter().try_for_each(|warning| output.warning(warning))
    })?;
    Ok(Exit::Done)
}

fn listed<'a>(task: &'a Task, book: &Book, now: Timestamp) -> Listed<'a> {
    let entry: Option<&Entry> = book.tasks.get(&task.name);
    let due = entry.and_then(|entry| task.last(entry.done, now));
    let mut next: Vec<Timestamp> = due.into_iter().collect();
    let mut at = now;
    while next.len() < NEXT
        && let Some(time) = task.next(at)
    {
        next.push(time);
        at = time;
    }
    Listed {
        task: &task.name,
        command: format!("tidegate {}", task.what.arguments().join(" ")),
        cron: &task.fields,
        timezone: &task.timezone,
        next,
        due: due.is_some(),
        running_since: entry.and_then(|entry| Some(entry.running.as_ref()?.started)),
        last: entry.and_then(|entry| entry.last.clone()),
        incident: entry.and_then(|entry| entry.incident.clone()),
    }
}

/// A time as the clocks of a zone show it.
pub(super) fn local(time: Timestamp, zone: &str) -> String {
    match time.in_tz(zone) {
        Ok(time) => time.strftime("%a %Y-%m-%d %H:%M").to_string(),
        Err(_) => time.to_string(),
    }
}
