//! What people are told of an incident: once when it begins, once when it is over.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// The same for every try, so that a receiver can drop repeats: `sales-20261122T020000Z-failed`.
    pub id: String,
    /// What happened.
    pub event: AlertEvent,
    /// The task.
    pub task: String,
    /// What it runs, without the name of the program: `data import sales`.
    pub command: String,
    /// The time that it was to run at.
    pub due: Timestamp,
    /// Its time zone.
    pub timezone: String,
    /// Why; of a recovery, why the incident began.
    pub reason: String,
    /// When the incident began.
    pub opened: Timestamp,
    /// How many runs failed in the incident.
    pub failures: u64,
    /// When the run ended that this tells of.
    pub created: Timestamp,
}

/// What happened to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertEvent {
    /// It failed, and had not failed before.
    Failed,
    /// It ended well, and brought no rows.
    NoData,
    /// It works again.
    Recovered,
}

impl AlertEvent {
    /// Returns its name in JSON and in the environment of commands.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::NoData => "no-data",
            Self::Recovered => "recovered",
        }
    }
}

impl fmt::Display for AlertEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
