//! What `schedule --once` and `--run` show, and their exit code.

use jiff::Timestamp;
use serde::Serialize;

use super::list::local;
use super::runner::Runner;
use super::stop::Stop;
use crate::exit::Exit;
use crate::output::plain;
use crate::schedule::{LastRun, Outcome, Task};

/// What was done.
#[derive(Debug, Serialize)]
struct Ran {
    tasks: Vec<RanTask>,
    /// How many alerts wait to be told.
    alerts_waiting: usize,
    /// When something is due again.
    next: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct RanTask {
    task: String,
    #[serde(flatten)]
    run: LastRun,
}

impl Runner<'_> {
    /// Shows what was done, and tells of it.
    pub(super) async fn show(&mut self, ran: &[&Task], stop: &mut Stop) -> anyhow::Result<Exit> {
        self.tell(stop).await;
        let last = |task: &&Task| {
            let run = self.book.tasks.get(&task.name)?.last.clone()?;
            Some(RanTask { task: task.name.clone(), run })
        };
        let now = self.clock.now();
        let times = self.schedule.tasks.iter().filter_map(|task| Some((task.next(now)?, task)));
        let next = times.min_by_key(|(time, _)| *time);
        let next = next
            .map(|(time, Task { timezone, .. })| format!("{} {timezone}", local(time, timezone)));
        let ran = Ran {
            tasks: ran.iter().filter_map(last).collect(),
            alerts_waiting: self.book.alerts.len(),
            next: self.book.next(self.schedule, now),
        };
        self.output.show("tidegate/schedule-run/1", &ran, |output, ran| {
            // A timer starts this each minute.
            if ran.tasks.is_empty() && !output.settings().quiet {
                let next = next.map(|next| format!("; next: {next}")).unwrap_or_default();
                output.line(format!("nothing is due{next}"))?;
            }
            for ran in &ran.tasks {
                output.line(format!("{}: {}", ran.task, plain(words(&ran.run))))?;
            }
            Ok(())
        })?;
        // What was run would be run again.
        if self.unsaved {
            self.folder.write(&self.book)?;
        }
        Ok(ran.tasks.iter().find_map(|ran| exit(&ran.run.outcome)).unwrap_or(Exit::Done))
    }
}

/// How a run ended, for people.
pub(super) fn words(run: &LastRun) -> String {
    match &run.outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::NoData => "done, and its source had no rows".to_owned(),
        Outcome::Inconclusive => {
            "inconclusive: another process held the database, which was not looked into".to_owned()
        }
        Outcome::Failed { reason, .. } => format!("failed: {reason}"),
        Outcome::Stopped => "stopped; it is due again".to_owned(),
    }
}

/// The exit code of `--once` and `--run` for a task that did not end well.
fn exit(outcome: &Outcome) -> Option<Exit> {
    match outcome {
        Outcome::Done | Outcome::NoData | Outcome::Inconclusive => None,
        // It did not come to its end: after its timeout, or by a signal of others.
        Outcome::Stopped | Outcome::Failed { exit: None, .. } => Some(Exit::Incomplete),
        Outcome::Failed { exit: Some(exit), .. } => {
            let known = Exit::ALL.into_iter().find(|known| known.code() == *exit);
            Some(known.unwrap_or(Exit::Internal))
        }
    }
}
