//! Data before it is published: the steps that make it, the snapshot, and what the checks see in it.
//!
//! The steps change the team's own database, as the team's own commands do; nothing that is
//! published is touched here.

use std::path::Path;

use jiff::Timestamp;

use crate::config::DataConfig;
use crate::data::{Pointer, Prepared};
use crate::secret::Redactor;

mod handed_out;
pub mod proof;
mod served;
mod stored;

pub use handed_out::UrlFile;
pub use served::{served, version};
pub use stored::{StoredVersion, backups, versions};

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
    /// Whether to take the snapshot and check it.
    pub publish: bool,
    /// The time of this run.
    pub now: Timestamp,
    /// Is told what happens, for people who wait.
    pub say: &'a (dyn Fn(&str) + Send + Sync),
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
#[expect(clippy::unused_async, reason = "the steps and checks are still to come")]
pub async fn prepare(_preparation: &Preparation<'_>) -> anyhow::Result<Prepared> {
    anyhow::bail!("the steps and checks of data are not there yet")
}
