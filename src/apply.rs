//! Performs a plan: the only code that changes anything.
//!
//! 1. Steps run in order. Before the commit point a failure ends the run, and nothing that users
//!    see has changed.
//! 2. A lost compare-and-swap ends the run too: the caller observes and decides again.
//! 3. Steps that follow from the record are not performed one by one but completed: always those
//!    of the newest record, which is read again after each change. What is refused is named and
//!    tried again by every later run.
//! 4. Once a record is written, what follows from it is completed before anything else is tried,
//!    and however the run ends: users must not be left between two releases because main is
//!    protected.

use crate::adapters::git::{Git, Signer};
use crate::adapters::github::GitHub;
use crate::adapters::image_cache::ImageCache;
use crate::adapters::registry::{Manifest, Reference, Registries, RegistryError};
use crate::adapters::state_branch::Observed;
use crate::config::Config;
use crate::exit::{Exit, Failed};
use crate::model::{CommitSha, Digest, ImageRef, RunIdentity};
use crate::plan::Step;
use crate::secret::Redactor;
use crate::state::{Record, RecordKind};

mod append_ledger;
mod check_image;
mod complete;
pub mod data;
mod dispatch_retry;
mod keep_digest;
pub mod keep_issue;
mod move_stable;
mod move_tag;
mod notify;
mod pull_request;
mod released_data;
mod roll_back;
mod run_live;
mod write_state;

pub use complete::{Completion, Pending};
pub use dispatch_retry::Dispatch;
pub use notify::{Teller, Told};
pub use pull_request::{Proposed, PullState};
pub use released_data::container;
pub use roll_back::RolledBack;

use roll_back::MainRollback;

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
    /// A command of `before_promote` did not do what it has to do before the release.
    #[error("before_promote: {command} {problem}; nothing was promoted, and {ran}")]
    BeforePromote {
        /// The command, shortened.
        command: String,
        /// What went wrong.
        problem: String,
        /// Whether it has run.
        ran: Ran,
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
    /// The branch is protected, and there is no other way.
    #[error("the remote refused to move {branch}: {reason}; it is protected, and {instead}")]
    Protected {
        /// The branch.
        branch: String,
        /// What the remote said.
        reason: String,
        /// Why no pull request was opened.
        instead: &'static str,
        /// What to do.
        mend: &'static str,
    },
}

/// Whether a command has run, where something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ran {
    /// It was not begun.
    No,
    /// It was begun, and nobody knows how far it came.
    Perhaps,
    /// It has ended.
    Yes,
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::No => "the command did not run",
            Self::Perhaps => "the command was begun, and may have done a part of its work",
            Self::Yes => "the command ran, and what it did stands",
        })
    }
}

/// A run that ended after its commit point: what has happened all the same. It stands in front of
/// the error that ended it.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct RecordStands {
    /// The number of the record.
    pub release: u64,
    /// What was completed of it, and what is pending.
    pub completion: Completion,
}

impl RecordStands {
    fn text(&self) -> String {
        let mut text = format!("record {} stands", self.release);
        let Completion { changed, pending, .. } = &self.completion;
        if !changed.is_empty() {
            text = format!("{text} (done: {})", changed.join("; "));
        }
        for pending in pending {
            text = format!("{text}; pending: {}: {}", pending.step, pending.reason);
        }
        format!("{text}; what came after it was not done")
    }
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
    /// The retry workflow that was to be started.
    pub retry: Option<Dispatch>,
    /// The rollback of main that waits in a pull request.
    pub proposed: Option<Proposed>,
    /// The projections that were completed, and those that are pending.
    pub completion: Completion,
    /// The state after the last write of this run.
    pub observed: Observed,
}

/// How variables are looked up.
pub type Variables = std::sync::Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Copies of databases in folders of this run, by the 64 digits of their digests.
pub type Snapshots = std::collections::BTreeMap<String, std::path::PathBuf>;

/// How far a run has come.
struct Performed {
    observed: Observed,
    applied: Applied,
}

impl Performed {
    /// What stands although the run fails, where a record was written.
    fn stands(&self) -> Option<RecordStands> {
        let record = self.applied.record.as_ref()?;
        let completion = self.applied.completion.clone();
        Some(RecordStands { release: record.number, completion })
    }
}

/// Performs steps against the world.
pub struct Applier<'a> {
    /// The repository.
    pub git: &'a Git,
    /// The registries.
    pub registries: &'a Registries,
    /// GitHub, where there is a token for it.
    pub github: Option<&'a GitHub>,
    /// The configuration.
    pub config: &'a Config,
    /// Who signs, and when.
    pub signer: Signer,
    /// How variables of the environment are looked up: secrets for commands, and the engine.
    pub environment: fn(&str) -> Option<String>,
    /// The same for the credentials of stores, which may come from a file that a person names.
    pub stores: Variables,
    /// What is not shown of what commands print.
    pub redactor: Redactor,
    /// What was read of images already.
    pub images: ImageCache,
    /// The copies of databases that this run has checked, by the digits of their digests.
    pub snapshots: Snapshots,
    /// Is told each step before it is performed.
    pub on_step: &'a dyn Fn(&str),
}

impl Applier<'_> {
    /// Performs steps on top of the observed state.
    ///
    /// # Errors
    /// After a record was written, [`RecordStands`] comes before the cause.
    pub async fn apply(&mut self, steps: &[Step], observed: &Observed) -> anyhow::Result<Ended> {
        let mut run = Performed { observed: observed.clone(), applied: Applied::default() };
        let mut completed = false;
        // People are told last, whatever the plan was: see `notify`.
        let own = |step: &&Step| !step.is_projection() && !matches!(step, Step::Notify { .. });
        for step in steps.iter().filter(own) {
            if run.applied.record.is_some() && !completed {
                completed = true;
                self.complete_own(&mut run).await?;
            }
            (self.on_step)(&step.to_string());
            let moved = match self.perform(step, &mut run).await {
                Ok(None) => continue,
                Ok(Some(moved)) => Ok(moved),
                Err(error) => Err(error),
            };
            return match (run.stands(), moved) {
                (None, moved) => moved.map(|what| Ended::Moved { what }),
                (Some(stands), Err(error)) => Err(error.context(stands)),
                (Some(stands), Ok(what)) => {
                    let moved = Failed::new(Exit::StalePlan, format!("{what} has moved meanwhile"));
                    Err(anyhow::Error::new(moved).context(stands))
                }
            };
        }
        if steps.iter().any(Step::is_projection) && !completed {
            self.complete_own(&mut run).await?;
        }
        Ok(Ended::Done(Box::new(Applied { observed: run.observed, ..run.applied })))
    }

    /// Performs one step that is no projection. Returns what has moved, where something has.
    async fn perform(
        &mut self,
        step: &Step,
        run: &mut Performed,
    ) -> anyhow::Result<Option<String>> {
        match step {
            Step::CheckImage { image, digest } => self.check_image(image, digest).await?,
            Step::KeepDigest { image, digest, tag } => {
                self.keep_digest(image, digest, tag).await?;
            }
            Step::UploadData { data } => self.upload_data(data).await?,
            Step::CheckData { data } => self.check_data(data).await?,
            Step::RunLive(step) => {
                // A hold, or a newer release, may have come while the probes ran. Then nothing is
                // promoted, and what users have must not be changed for it.
                if self.git.list_remote()?.branch(&self.config.state_branch)
                    != run.observed.head.as_ref()
                {
                    return Ok(Some("the state branch".to_owned()));
                }
                self.run_live(step).await?;
            }
            Step::WriteState { change } => match self.write_state(&run.observed, change)? {
                Some(written) => {
                    if change.record.is_some() {
                        run.applied.record.clone_from(&change.record);
                    }
                    run.observed = written;
                }
                None => return Ok(Some("the state branch".to_owned())),
            },
            Step::RollBack(step) => match self.roll_back(step).await? {
                MainRollback::Done(done) => run.applied.rolled_back = Some(done),
                MainRollback::Proposed(mut proposed) => {
                    self.note_pull(&mut run.observed, &mut proposed);
                    run.applied.proposed = Some(proposed);
                }
                MainRollback::Moved => return Ok(Some(format!("branch {}", step.branch))),
            },
            Step::DispatchRetry { workflow, branch, run: id, attempt } => {
                let run_identity = RunIdentity { id: *id, attempt: *attempt };
                let done = self.dispatch_retry(workflow, branch, &run_identity).await;
                if done.problem.is_none() {
                    self.note_dispatch(&run.observed, &run_identity);
                }
                run.applied.retry = Some(done);
            }
            // Completed as a whole, for whichever record is the newest by then.
            // People are told at the end of the command, with what earlier runs have left.
            Step::MoveData { .. }
            | Step::MoveTag { .. }
            | Step::MoveStable { .. }
            | Step::AppendLedger(_)
            | Step::Notify { .. } => {}
        }
        Ok(None)
    }

    /// Completes the newest record; that is the one that was written, or a newer one.
    async fn complete_own(&mut self, run: &mut Performed) -> anyhow::Result<()> {
        // A release of data alone has the tags of the release before it, which are asked.
        let fresh = run.applied.record.as_ref().filter(|record| match record.kind {
            RecordKind::Promotion | RecordKind::Rollback { .. } => true,
            RecordKind::Data { .. } => false,
        });
        let fresh = fresh.map(|record| record.number);
        match self.complete(run.observed.clone(), fresh).await {
            Ok(completion) => {
                run.applied.completion = completion;
                Ok(())
            }
            Err(error) => Err(match run.stands() {
                Some(stands) => error.context(stands),
                None => error,
            }),
        }
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
