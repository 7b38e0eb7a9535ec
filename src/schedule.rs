//! What runs when: cron in time zones, what is due, and which incidents are open.
//!
//! 1. [`Schedule::of`] puts the tasks together: the usual ones, and what the configuration says.
//! 2. [`Book`] is what is kept between two starts: up to when each task is done, how it ended last,
//!    the incident that is open, the alerts that were not delivered yet.
//! 3. [`Book::due`] says what is to run now: a task whose time has come, once, however many of its
//!    times were missed.
//! 4. [`Outcome::of`] reads how a task ended; [`Book::end`] opens and closes incidents by it.
//! 5. [`github::workflow`] writes the same plan for GitHub.
//!
//! Nothing in here reads a clock: the time is always an argument.

mod alert;
mod book;
mod cron;
mod deliver;
pub mod github;
mod outcome;
mod plan;

#[cfg(test)]
mod tests;

pub use alert::{Alert, AlertEvent};
pub use book::{Book, BookError, Due, Entry, Incident, LastRun, Running};
pub use cron::{Cron, CronError, Doubled};
pub use deliver::{Attempt, Delivery, Outgoing};
pub use outcome::Outcome;
pub use plan::{Schedule, ScheduleError, Task, What};
