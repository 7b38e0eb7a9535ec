//! Completes the projections of the newest record.
//!
//! After each change, and after each failure whose effect is not known, the state branch is read
//! again: a gate that was paused must not leave an
//! older release behind it. Where there is a newer record by then, that one is completed instead.

use serde::Serialize;

use super::data::PublishError;
use super::{Applier, TRIES};
use crate::adapters::state_branch::{self, Observed};
use crate::adapters::store::StoreError;
use crate::exit::{Exit, Failed};
use crate::plan::{Step, projections};
use crate::state::Record;

/// A projection that could not be made. Every later run tries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pending {
    /// The step, in words.
    pub step: String,
    /// Why it could not be made.
    pub reason: String,
    /// The exit code that the error stands for.
    pub exit: Exit,
    /// Whether it is the data's: readers may be served another version than the record's.
    #[serde(skip)]
    pub is_data: bool,
    /// Whether that is because the store has its version no more.
    #[serde(skip)]
    pub is_lost: bool,
}

impl Pending {
    fn of(step: &Step, error: &anyhow::Error) -> Self {
        let is_data = matches!(step, Step::MoveData { .. });
        let is_lost = is_data
            && error.chain().any(|cause| {
                matches!(cause.downcast_ref(), Some(PublishError::NoVersion { .. }))
                    || matches!(cause.downcast_ref(), Some(StoreError::Missing { .. }))
            });
        Self { is_data, is_lost, ..Self::new(step.to_string(), error) }
    }

    fn new(step: String, error: &anyhow::Error) -> Self {
        let failure = crate::exit::Failure::of(error);
        let mut reason = failure.error;
        for cause in failure.causes {
            if !reason.contains(&cause) {
                reason.push_str(": ");
                reason.push_str(&cause);
            }
        }
        Self { step, reason, exit: failure.exit, is_data: false, is_lost: false }
    }
}

/// What completing came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Completion {
    /// The number of the record; 0 where there is none.
    pub release: u64,
    /// The steps that changed something.
    pub changed: Vec<String>,
    /// The steps that could not be made.
    pub pending: Vec<Pending>,
}

impl Completion {
    /// Returns what keeps the data of the newest record from readers, where something does. Nothing
    /// is released over it: the next record could name the same data, and who has no credentials for
    /// the store takes that for what readers have.
    pub fn pending_data(&self) -> Option<&Pending> {
        self.pending.iter().find(|pending| pending.is_data)
    }

    /// Tells whether the data of the newest record is pending since the store has its version no more:
    /// no later run can complete that, and only other data can be shown to readers.
    pub fn has_lost_data(&self) -> bool {
        self.pending_data().is_some_and(|pending| pending.is_lost)
    }

    /// Refuses a release while the data of the newest one is pending.
    ///
    /// # Errors
    /// [`Exit::Held`]
    pub fn refuse_over_pending_data(&self) -> Result<(), Failed> {
        let Some(pending) = self.pending_data() else { return Ok(()) };
        let error = format!(
            "the data of release {} is not served yet ({}: {}), so nothing is released over it",
            self.release, pending.step, pending.reason
        );
        let failed = Failed::new(Exit::Held, error);
        if pending.is_lost {
            return Err(failed.with_hint("the store has it no more: `tidegate sync` of the database publishes its data again; `tidegate rollback --stable-only` and `tidegate data restore` go back"));
        }
        Err(failed
            .with_hint("`tidegate repair` tries again once the cause is gone; `tidegate rollback --stable-only` and `tidegate data restore` go back"))
    }
}

impl Applier<'_> {
    /// Completes the newest record. `fresh` is the number of a record that was written just now,
    /// whose tags are known to be old.
    pub async fn complete(
        &mut self,
        mut observed: Observed,
        fresh: Option<u64>,
    ) -> anyhow::Result<Completion> {
        let mut changed = Vec::new();
        for _ in 0..TRIES {
            let Some(record) = observed.state.newest().cloned() else {
                return Ok(Completion::default());
            };
            let ask = fresh != Some(record.number);
            let (pending, newer) = self.project(&record, &observed, ask, &mut changed).await?;
            match newer {
                Some(newer) => observed = newer,
                None => return Ok(Completion { release: record.number, changed, pending }),
            }
        }
        Err(super::ApplyError::LostRace { what: "the state branch".to_owned() }.into())
    }

    /// Makes the projections of one record; stops where a newer state is found.
    async fn project(
        &mut self,
        record: &Record,
        observed: &Observed,
        ask: bool,
        changed: &mut Vec<String>,
    ) -> anyhow::Result<(Vec<Pending>, Option<Observed>)> {
        let mut pending: Vec<Pending> = Vec::new();
        // What users had already needs no credentials: a job that never had any moves code alone. Any
        // other error may mean that the pointer never moved, so code waits for it as always.
        let before = observed.state.records.get(&record.number.saturating_sub(1));
        let kept = record.data.is_some()
            && before.and_then(|before| before.data.as_ref()) == record.data.as_ref();
        let (mut waits_for_data, mut waits_for_others) = (false, false);
        let mut steps = projections(record).into_iter();
        while let Some(step) = steps.next() {
            // Code must never be newer than its images and its data: tags wait for the data, a
            // branch for its tags, and on the way back the data for both.
            let waits = match &step {
                Step::MoveStable { .. } => waits_for_others,
                Step::MoveData { .. } => record.kind.is_rollback() && waits_for_others,
                Step::MoveTag { .. } => waits_for_data,
                Step::CheckImage { .. }
                | Step::KeepDigest { .. }
                | Step::UploadData { .. }
                | Step::CheckData { .. }
                | Step::RunLive(_)
                | Step::WriteState { .. }
                | Step::AppendLedger(_)
                | Step::RollBack(_)
                | Step::DispatchRetry { .. }
                | Step::Notify { .. } => false,
            };
            if waits {
                waits_for_others = true;
                let error = anyhow::anyhow!("it waits for the steps before it");
                pending.push(Pending::of(&step, &error));
                continue;
            }
            match self.project_step(&step, record, ask, observed).await {
                Ok(false) => continue,
                Ok(true) => changed.push(step.to_string()),
                // It may have been written all the same: an answer can be lost.
                Err(error) if kept && is_without_credentials(&step, &error) => continue,
                Err(error) => {
                    waits_for_data |= matches!(step, Step::MoveData { .. });
                    waits_for_others = true;
                    pending.push(Pending::of(&step, &error));
                }
            }
            match self.newer_state(observed) {
                Ok(None) => {}
                Ok(newer) => return Ok((pending, newer)),
                // Nobody knows whether this is still the newest release, so nothing more is
                // written; the release itself stands.
                Err(error) => {
                    let check = format!("looking for a newer release after {step}");
                    pending.push(Pending::new(check, &error));
                    pending.extend(steps.map(|step| Pending::of(&step, &error)));
                    return Ok((pending, None));
                }
            }
        }
        Ok((pending, None))
    }

    async fn project_step(
        &mut self,
        step: &Step,
        record: &Record,
        ask: bool,
        observed: &Observed,
    ) -> anyhow::Result<bool> {
        match step {
            Step::MoveTag { image, tag, digest } => {
                let moved = self.move_tag(image, tag, digest, ask).await?;
                if moved {
                    (self.on_step)(&step.to_string());
                }
                Ok(moved)
            }
            Step::MoveStable { branch, .. } => {
                let moved = self.move_stable(branch, record)?;
                if moved {
                    (self.on_step)(&step.to_string());
                }
                Ok(moved)
            }
            Step::AppendLedger(ledger) => {
                let added = self.append_ledger(ledger, &observed.state)?;
                if added {
                    (self.on_step)(&step.to_string());
                }
                Ok(added)
            }
            Step::MoveData { data, .. } => {
                let moved = self.move_data(data, record).await?;
                if moved {
                    (self.on_step)(&step.to_string());
                }
                Ok(moved)
            }
            Step::CheckImage { .. }
            | Step::KeepDigest { .. }
            | Step::UploadData { .. }
            | Step::CheckData { .. }
            | Step::RunLive(_)
            | Step::WriteState { .. }
            | Step::RollBack(_)
            | Step::Notify { .. }
            | Step::DispatchRetry { .. } => Ok(false),
        }
    }

    /// Reads the state branch again, and returns it where there is a newer record.
    fn newer_state(&self, observed: &Observed) -> anyhow::Result<Option<Observed>> {
        let branch = &self.config.state_branch;
        let refs = self.git.list_remote()?;
        if refs.branch(branch) == observed.head.as_ref() {
            return Ok(None);
        }
        let refs = self.git.fetch(&[branch])?;
        let now = state_branch::read(self.git, refs.branch(branch))?;
        Ok((now.state.newest_number() > observed.state.newest_number()).then_some(now))
    }
}

/// Tells whether data could not be moved because this job has nothing to log in to the store with.
fn is_without_credentials(step: &Step, error: &anyhow::Error) -> bool {
    matches!(step, Step::MoveData { .. })
        && matches!(error.downcast_ref(), Some(StoreError::Credentials { .. }))
}
