//! What is known of the tasks, and kept between two starts.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::alert::{Alert, AlertEvent};
use super::deliver::Outgoing;
use super::outcome::Outcome;
use super::plan::{Schedule, Task};

/// The version of the file.
const SCHEMA: &str = "tidegate/schedule-state/1";

/// A clock that was ahead, and was set right, stops a task for as long as it stops between two runs, within
/// these bounds: a time that comes again so soon is not run again.
const AHEAD: (SignedDuration, SignedDuration) =
    (SignedDuration::from_hours(1), SignedDuration::from_hours(24));

/// What is wrong with the file.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// It cannot be read.
    #[error("it is not what tidegate writes there: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A newer tidegate wrote it.
    #[error("its schema is {0:?}; this version reads {SCHEMA}")]
    Schema(String),
}

/// What is known of the tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    schema: String,
    /// The tasks, by name.
    pub tasks: BTreeMap<String, Entry>,
    /// Alerts that are not told on every channel yet, oldest first.
    #[serde(default)]
    pub alerts: Vec<Outgoing>,
}

/// What is known of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The fields that the other times are about: other fields begin anew.
    pub cron: String,
    /// Their zone.
    pub timezone: String,
    /// Its times up to this one are done with.
    pub done: Timestamp,
    /// The run that was begun last and whose end was not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// The run that ended last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRun>,
    /// What is wrong, since the first run that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Incident>,
}

/// A run that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The time of the schedule that it is for.
    pub slot: Timestamp,
    /// When it began.
    pub started: Timestamp,
    /// The file that its program prints into.
    pub output: String,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The time of the schedule that it was for.
    pub slot: Timestamp,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What is wrong with a task, from the first run that failed to the next that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// When it began.
    pub opened: Timestamp,
    /// Why it began.
    pub reason: String,
    /// How many runs have failed in it.
    pub failures: u64,
}

/// A task that is to run now.
#[derive(Debug, Clone)]
pub struct Due<'a> {
    /// The task.
    pub task: &'a Task,
    /// The last of its times that has come.
    pub slot: Timestamp,
}

impl Default for Book {
    fn default() -> Self {
        Self { schema: SCHEMA.to_owned(), tasks: BTreeMap::new(), alerts: Vec::new() }
    }
}

impl Book {
    /// Reads the file.
    pub fn parse(text: &[u8]) -> Result<Self, BookError> {
        let book: Self = serde_json::from_slice(text)?;
        if book.schema == SCHEMA { Ok(book) } else { Err(BookError::Schema(book.schema)) }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// None in practice: every value can be written as JSON.
    pub fn text(&self) -> Result<Vec<u8>, BookError> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Takes over the tasks of a schedule. A task that is new here, or whose times have changed, is
    /// done up to now: there is nothing to catch up.
    pub fn adopt(&mut self, schedule: &Schedule, now: Timestamp) {
        self.tasks.retain(|name, entry| {
            entry.running.is_some() || schedule.tasks.iter().any(|task| task.name == *name)
        });
        for task in &schedule.tasks {
            let entry = self.tasks.entry(task.name.clone()).or_insert_with(|| Entry {
                cron: task.fields.clone(),
                timezone: task.timezone.clone(),
                done: now,
                running: None,
                last: None,
                incident: None,
            });
            if entry.cron != task.fields || entry.timezone != task.timezone {
                entry.cron.clone_from(&task.fields);
                entry.timezone.clone_from(&task.timezone);
                entry.done = now;
            }
        }
        self.set_right(schedule, now);
    }

    /// Takes note of a clock that was set back: tasks that are done up to a time far ahead are done up to
    /// now. Returns their names.
    pub fn set_right<'a>(&mut self, schedule: &'a Schedule, now: Timestamp) -> Vec<&'a str> {
        let mut set = Vec::new();
        for task in &schedule.tasks {
            let Some(entry) = self.tasks.get_mut(&task.name) else { continue };
            let ahead = entry.done.duration_since(now);
            let (least, most) = AHEAD;
            if ahead <= least {
                continue;
            }
            let pause = task.next(entry.done).map(|next| next.duration_since(entry.done));
            if ahead > pause.unwrap_or(most).clamp(least, most) {
                entry.done = now;
                set.push(task.name.as_str());
            }
        }
        set
    }

    /// Returns what is to run now, in order. However many times of a task were missed, it is there
    /// once. A task whose run was begun, and whose end was not seen, is not there.
    pub fn due<'a>(&self, schedule: &'a Schedule, now: Timestamp) -> Vec<Due<'a>> {
        let mut due: Vec<Due<'a>> = schedule
            .tasks
            .iter()
            .filter_map(|task| {
                let entry = self.tasks.get(&task.name).filter(|entry| entry.running.is_none())?;
                Some(Due { task, slot: task.last(entry.done, now)? })
            })
            .collect();
        due.sort_by_key(|due| due.slot);
        due
    }

    /// Returns when the next task is due after `now`.
    pub fn next(&self, schedule: &Schedule, now: Timestamp) -> Option<Timestamp> {
        schedule.tasks.iter().filter_map(|task| task.next(now)).min()
    }

    /// Notes that a run begins.
    pub fn begin(&mut self, task: &Task, slot: Timestamp, now: Timestamp, output: String) {
        if let Some(entry) = self.tasks.get_mut(&task.name) {
            entry.running = Some(Running { slot, started: now, output });
        }
    }

    /// Forgets a run that was begun and of which nobody knows whether it has ended: its time is due
    /// again.
    pub fn forget(&mut self, task: &str) {
        if let Some(entry) = self.tasks.get_mut(task) {
            entry.running = None;
        }
    }

    /// Notes how the run of a task ended. An incident begins with the first run that fails, and is
    /// over with the next that does not; each time there is one alert for `channels`.
    pub fn end(&mut self, task: &Task, now: Timestamp, outcome: Outcome, channels: &[String]) {
        let Some(entry) = self.tasks.get_mut(&task.name) else { return };
        let Some(running) = entry.running.take() else { return };
        if outcome != Outcome::Stopped {
            entry.done = entry.done.max(running.slot);
        }
        let event = entry.event(&outcome, now);
        if let Some((event, incident)) = event {
            let stamp = running.slot.strftime("%Y%m%dT%H%M%SZ");
            let alert = Alert {
                id: format!("{}-{stamp}-{event}", task.name),
                event,
                task: task.name.clone(),
                command: task.what.arguments().join(" "),
                due: running.slot,
                timezone: task.timezone.clone(),
                reason: incident.reason,
                opened: incident.opened,
                failures: incident.failures,
                created: now,
            };
            self.alerts.extend(Outgoing::new(alert, channels));
        }
        let (slot, started) = (running.slot, running.started);
        if let Some(entry) = self.tasks.get_mut(&task.name) {
            entry.last = Some(LastRun { slot, started, ended: now, outcome });
        }
    }
}

impl Entry {
    /// Opens, goes on with or closes the incident. Returns what is to be told of it.
    fn event(&mut self, outcome: &Outcome, now: Timestamp) -> Option<(AlertEvent, Incident)> {
        let (event, reason) = match outcome {
            Outcome::Done => {
                return self.incident.take().map(|incident| (AlertEvent::Recovered, incident));
            }
            Outcome::Stopped | Outcome::Inconclusive => return None,
            Outcome::NoData => (AlertEvent::NoData, "its source had no rows"),
            Outcome::Failed { reason, .. } => (AlertEvent::Failed, reason.as_str()),
        };
        if let Some(incident) = &mut self.incident {
            incident.failures = incident.failures.saturating_add(1);
            return None;
        }
        let incident = Incident { opened: now, reason: reason.to_owned(), failures: 1 };
        self.incident = Some(incident.clone());
        Some((event, incident))
    }
}
