//! Performs a plan: the only code that changes anything.
//!
//! 1. Steps run in order. Before the commit point a failure ends the run, and nothing that users
//!    see has changed.
//! 2. A lost compare-and-swap ends the run too: the caller observes and decides again.
//! 3. Steps that follow from the record are not performed one by one but completed: always those
//!    of the newest record, which is read again after each change. What is refused is named and
//!    tried again by every later run.

use crate::adapters::git::{Git, Signer};
use crate::adapters::image_cache::ImageCache;
use crate::adapters::registry::{Manifest, Reference, Registries, RegistryError};
use crate::adapters::state_branch::Observed;
use crate::config::Config;
use crate::model::{CommitSha, Digest, ImageRef};
use crate::plan::Step;
use crate::state::Record;

mod append_ledger;
mod check_image;
mod complete;
mod keep_digest;
mod move_stable;
mod move_tag;
mod roll_back;
mod write_state;

pub use complete::{Completion, Pending};
pub use roll_back::RolledBack;

/// A ref that others move all the time is tried so often.
const TRIES: usize = 5;

/// Why a plan could not be performed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An image is not complete in its registry.
    #[error("{image}@{digest} lacks {}; nothing was changed", .missing.join(", "))]
    IncompleteImage {
        /// The image.
        image: ImageRef,
        /// The digest.
        digest: Digest,
        /// What the registry does not have.
        missing: Vec<String>,
    },
    /// Others moved the same ref each time.
    #[error("{what} was moved by others {TRIES} times in a row")]
    LostRace {
        /// What was to be moved.
        what: String,
    },
    /// The remote does not let the branch move.
    #[error("the remote refused to move {branch}: {reason}")]
    Refused {
        /// The branch.
        branch: String,
        /// What the remote said.
        reason: String,
    },
}

/// How performing steps ended.
#[derive(Debug)]
pub enum Ended {
    /// Everything was done that could be done.
    Done(Box<Applied>),
    /// The world has moved since it was observed; nothing that users see has changed.
    Moved {
        /// What has moved.
        what: String,
    },
}

/// What was done.
#[derive(Debug, Default)]
pub struct Applied {
    /// The record that was written.
    pub record: Option<Record>,
    /// The rollback of main that was pushed.
    pub rolled_back: Option<RolledBack>,
    /// The projections that were completed, and those that are pending.
    pub completion: Completion,
}

/// Performs steps against the world.
pub struct Applier<'a> {
    /// The repository.
    pub git: &'a Git,
    /// The registries.
    pub registries: &'a Registries,
    /// The configuration.
    pub config: &'a Config,
    /// Who signs, and when.
    pub signer: Signer,
    /// Reads the configuration of a commit: what follows from a record is made by the one of its
    /// own commit. `None` where it cannot be read.
    pub config_at: &'a dyn Fn(&CommitSha) -> Option<Config>,
    /// What was read of images already.
    pub images: ImageCache,
    /// Is told each step before it is performed.
    pub on_step: &'a dyn Fn(&str),
}

impl Applier<'_> {
    /// Performs steps on top of the observed state.
    pub async fn apply(&mut self, steps: &[Step], observed: &Observed) -> anyhow::Result<Ended> {
        let mut applied = Applied::default();
        let mut observed = observed.clone();
        for step in steps {
            if !step.is_projection() {
                (self.on_step)(&step.to_string());
            }
            match step {
                Step::CheckImage { image, digest } => self.check_image(image, digest).await?,
                Step::KeepDigest { image, digest, tag } => {
                    self.keep_digest(image, digest, tag).await?;
                }
                Step::WriteState { change } => match self.write_state(&observed, change)? {
                    Some(written) => {
                        applied.record.clone_from(&change.record);
                        observed = written;
                    }
                    None => return Ok(Ended::Moved { what: "the state branch".to_owned() }),
                },
                Step::RollBack(step) => match self.roll_back(step)? {
                    Some(done) => applied.rolled_back = Some(done),
                    None => return Ok(Ended::Moved { what: format!("branch {}", step.branch) }),
                },
                // Completed below, for whichever record is the newest by then.
                Step::MoveTag { .. } | Step::MoveStable { .. } | Step::AppendLedger(_) => {}
            }
        }
        if steps.iter().any(Step::is_projection) {
            let fresh = applied.record.as_ref().map(|record| record.number);
            applied.completion = self.complete(observed, fresh).await?;
        }
        Ok(Ended::Done(Box::new(applied)))
    }

    /// Returns a manifest, from the cache where it was read already.
    async fn manifest(
        &mut self,
        image: &ImageRef,
        digest: &Digest,
    ) -> Result<Option<Manifest>, RegistryError> {
        if let Some(manifest) = self.images.manifest(image, digest) {
            return Ok(Some(manifest.clone()));
        }
        let found = self.registries.manifest(image, &Reference::Digest(digest.clone())).await?;
        if let Some(manifest) = &found {
            self.images.add(image, manifest.clone());
        }
        Ok(found)
    }

    fn signer(&self) -> &Signer {
        &self.signer
    }

    fn commit_subject(&self, commit: &CommitSha) -> String {
        self.git.commit(commit).map(|info| info.subject().to_owned()).unwrap_or_default()
    }
}
