//! Data before it is published: the steps that make it, the snapshot, and what the checks see in it.
//!
//! The steps change the team's own database, as the team's own commands do; nothing that is
//! published is touched here.

use std::path::Path;

use jiff::Timestamp;

use super::probes::shown;
use crate::adapters::database::{self, DatabaseError};
use crate::config::DataConfig;
use crate::data::{Outcome, Pointer, Prepared};
use crate::secret::Redactor;

pub mod absent;
mod aggregates;
pub mod api;
mod checks;
pub mod compare;
pub mod content;
mod dbt;
mod handed_out;
pub mod health;
pub mod kept;
pub mod layer;
pub mod proof;
pub mod rows;
pub mod scan;
mod served;
mod snapshot;
mod steps;
mod stored;
pub mod tables;
mod unchanged;

pub use handed_out::UrlFile;
pub use served::{served, version};
pub use stored::{StoredVersion, backups, versions};
pub use unchanged::match_served;

/// What is to be prepared, and with what.
#[derive(Clone, Copy)]
pub struct Preparation<'a> {
    /// The configuration.
    pub config: &'a DataConfig,
    /// The root of the repository.
    pub root: &'a Path,
    /// An empty folder for the snapshot.
    pub scratch: &'a Path,
    /// Looks variables of the environment up.
    pub environment: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// What is not shown of any output.
    pub redactor: &'a Redactor,
    /// What is served now: relative checks compare with it.
    pub served: Option<&'a Pointer>,
    /// Whether to run the steps and the aggregates.
    pub steps: bool,
    /// The database that the aggregates fill where no layer has a `file`, from the root.
    pub database: Option<&'a str>,
    /// Whether to take the snapshot and check it.
    pub publish: bool,
    /// The time of this run.
    pub now: Timestamp,
    /// Is told what happens, for people who wait.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
    /// Is told each line that the steps say, for logs: without secrets, and nothing else is taken away.
    pub line: &'a (dyn Fn(&str) + Send + Sync),
}

impl std::fmt::Debug for Preparation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preparation")
            .field("root", &self.root)
            .field("steps", &self.steps)
            .field("publish", &self.publish)
            .finish_non_exhaustive()
    }
}

/// Runs the steps, takes the snapshot and checks it.
///
/// What did not pass is part of the result. An error is returned where nothing could be tried: no
/// `duckdb` command, a disk that is full.
pub async fn prepare(preparation: &Preparation<'_>) -> anyhow::Result<Prepared> {
    let mut prepared = Prepared::default();
    if preparation.steps {
        for step in &preparation.config.before {
            prepared.steps.push(steps::run(preparation, step).await);
            if stopped(&prepared) {
                return Ok(prepared);
            }
        }
    }
    let (config, root) = (preparation.config, preparation.root);
    let published = config.database().map(|(_, _, file)| file);
    if preparation.steps
        && !config.aggregates.is_empty()
        && let Some(file) = published.or(preparation.database)
    {
        let database = database::open(config, root, file, preparation.environment).await?;
        for aggregate in &config.aggregates {
            prepared.steps.push(aggregates::run(preparation, database.as_ref(), aggregate).await?);
            if stopped(&prepared) {
                return Ok(prepared);
            }
        }
    }
    if preparation.publish
        && let Some(file) = published
        && let Some(snapshot) = snapshot::take(preparation, file, &mut prepared).await?
    {
        checks::run(preparation, &snapshot, &mut prepared).await?;
        prepared.snapshot = Some(snapshot);
    }
    Ok(prepared)
}

fn stopped(prepared: &Prepared) -> bool {
    prepared.steps.last().is_some_and(|step| step.outcome != Outcome::Passed)
}

/// Says how an operation ended that a database did not do: refused SQL is conclusive, a file that is
/// in use or cannot be opened is not. An engine that is missing, or a full disk, is an error.
fn outcome(preparation: &Preparation<'_>, error: DatabaseError) -> anyhow::Result<Outcome> {
    let why = shown::long_line(&error.to_string(), preparation.redactor);
    match error {
        DatabaseError::NoEngine { .. } | DatabaseError::Io { .. } | DatabaseError::Full { .. } => {
            Err(error.into())
        }
        DatabaseError::Sql { .. }
        | DatabaseError::Text { .. }
        | DatabaseError::Table { .. }
        | DatabaseError::Constraint { .. } => Ok(Outcome::Failed { why }),
        DatabaseError::Open { .. }
        | DatabaseError::Ended { .. }
        | DatabaseError::InUse { .. }
        | DatabaseError::TimedOut { .. } => Ok(Outcome::Inconclusive { why }),
    }
}
