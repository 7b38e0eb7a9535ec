//! Asks whether a plan is one that this program could have made. A plan is a file between two
//! jobs: it may have been cut, edited, or made for something else.
//!
//! 1. A promotion has one record, which continues the basis and has the images of the release set,
//!    whose probes passed; each of them is checked and kept before it; what follows is just what
//!    follows from the record.
//! 2. A rollback has at most one quarantine, of the commit that the plan names, and one commit on
//!    the observed head of the protected branch.
//! 3. A retry notes what failed in one attempt of one run, and starts the workflow for just that.
//! 4. The other verdicts change nothing but a stored verdict.
//! 5. What is told is told of what the plan does, on channels that the configuration has. The
//!    texts of notices are not checked: they decide nothing, and are escaped wherever they go.

mod data;

use super::live::live;
use super::{Plan, RollbackStep, Step, places, projections};
use crate::config::Config;
use crate::data::ReleasedData;
use crate::evidence::probes::counted;
use crate::model::ImageRef;
use crate::policy::Verdict;
use crate::state::{Delivery, NoticeEvent, Record, StateChange};

impl Plan {
    /// Returns what is wrong with the plan, if anything is. `config` is the configuration of the
    /// commit that it is about.
    pub fn contradiction(&self, config: &Config) -> Option<String> {
        if let Err(said) = self.notices_contradiction(config) {
            return Some(said);
        }
        self.without_notices().steps_contradiction(config)
    }

    fn steps_contradiction(&self, config: &Config) -> Option<String> {
        let said = match self.verdict {
            Verdict::Promote => self.promotion_contradiction(config),
            Verdict::Rollback => self.rollback_contradiction(),
            Verdict::Retry => self.retry_contradiction(config),
            Verdict::Hold | Verdict::Superseded => match self.steps.as_slice() {
                [] => Ok(()),
                [Step::WriteState { change }] if only_a_verdict(change) => Ok(()),
                _ => Err("it has steps that its verdict does not need".to_owned()),
            },
        };
        said.err()
    }

    /// Returns the record that the plan writes.
    pub fn record(&self) -> Option<&Record> {
        self.steps.iter().filter_map(Step::change).find_map(|change| change.record.as_ref())
    }

    /// Tells whether the plan publishes data of its own.
    pub fn publishes_data(&self) -> bool {
        self.published_data().next().is_some()
    }

    /// Returns the data versions that the steps upload or look for.
    pub fn published_data(&self) -> impl Iterator<Item = &ReleasedData> {
        data::published(&self.steps)
    }

    /// Returns the rollback of main that the plan pushes.
    pub fn main_rollback(&self) -> Option<&RollbackStep> {
        self.steps.iter().find_map(Step::main_rollback)
    }

    /// The plan as it would be if nobody were told.
    fn without_notices(&self) -> Self {
        let mut plan = self.clone();
        plan.steps.retain_mut(|step| match step {
            Step::Notify { .. } => false,
            Step::WriteState { change } => {
                let only_notices = !change.notices.is_empty();
                change.notices.clear();
                !(only_notices && *change == StateChange::default())
            }
            Step::CheckImage { .. }
            | Step::KeepDigest { .. }
            | Step::UploadData { .. }
            | Step::CheckData { .. }
            | Step::RunLive(_)
            | Step::MoveData { .. }
            | Step::MoveTag { .. }
            | Step::MoveStable { .. }
            | Step::AppendLedger(_)
            | Step::DispatchRetry { .. }
            | Step::RollBack(_) => true,
        });
        plan
    }

    fn notices_contradiction(&self, config: &Config) -> Result<(), String> {
        let event = match self.verdict {
            Verdict::Promote => Some(NoticeEvent::Promotion),
            Verdict::Rollback => Some(NoticeEvent::RollbackOfMain),
            Verdict::Hold => Some(NoticeEvent::Hold),
            Verdict::Superseded | Verdict::Retry => None,
        };
        let changes = self.steps.iter().filter_map(Step::change);
        let notices = changes.flat_map(|change| &change.notices);
        for notice in notices {
            let known = super::channels(notice.event, config, true, true);
            let is_new = |(key, delivery): (&String, &Delivery)| {
                *delivery == Delivery::new() && known.iter().any(|own| own.to_string() == *key)
            };
            let own = Some(notice.event) == event
                && notice.commit == self.commit
                && notice.branch == self.basis.branch
                && notice.issue.is_none()
                && notice.deliveries.iter().all(is_new);
            if !own {
                return Err(format!("notice {:?} does not belong to it", notice.id));
            }
        }
        Ok(())
    }

    fn promotion_contradiction(&self, config: &Config) -> Result<(), String> {
        let at = self.steps.iter().position(|step| matches!(step, Step::WriteState { .. }));
        let (Some(at), Some(record)) = (at, self.record()) else {
            return Err("it promotes without a record".to_owned());
        };
        let (before, after) = (&self.steps[..at], &self.steps[at + 1..]);
        if self.steps[at] != (Step::WriteState { change: only(record) }) {
            return Err("its record comes with other changes of the state".to_owned());
        }
        if record.commit != self.commit
            || record.branch != self.basis.branch
            || record.number != self.basis.release + 1
            || !record.kind.is_promotion()
        {
            return Err(format!("record {} is not that of {}", record.number, self.commit));
        }
        for own in &record.images {
            let checked = Step::CheckImage { image: own.image.clone(), digest: own.digest.clone() };
            let kept = before.iter().any(|step| {
                matches!(step, Step::KeepDigest { image, digest, .. }
                    if *image == own.image && *digest == own.digest)
            });
            if !before.contains(&checked) || !kept {
                return Err(format!("{}@{} is neither checked nor kept", own.image, own.digest));
            }
        }
        if let Some(images) = &config.images {
            let recorded = |image: &ImageRef| record.images.iter().any(|own| own.image == *image);
            if !images.iter().all(recorded) || record.images.len() != images.len() {
                return Err("its record does not have the images of the release set".to_owned());
            }
        }
        if record.probes_waived.is_some() {
            return Err("its record does without probes, as only `promote` may".to_owned());
        }
        // Made by a version that knew no probes, it would promote what nobody has tried.
        if config.has_probes() && !record.checks.contains(&counted(config.smoke.len())) {
            return Err("its record does not say that the probes passed".to_owned());
        }
        let foreign = before.iter().find(|step| match step {
            Step::CheckImage { image, digest } => {
                !record.images.iter().any(|own| own.image == *image && own.digest == *digest)
            }
            Step::KeepDigest { image, digest, .. } => !record.images.iter().any(|own| {
                own.image == *image
                    && (own.digest == *digest || own.previous.as_ref() == Some(digest))
            }),
            // Held against the configuration below.
            Step::RunLive(_) | Step::UploadData { .. } | Step::CheckData { .. } => false,
            Step::WriteState { .. }
            | Step::MoveData { .. }
            | Step::MoveTag { .. }
            | Step::MoveStable { .. }
            | Step::AppendLedger(_)
            | Step::RollBack(_)
            | Step::DispatchRetry { .. }
            | Step::Notify { .. } => true,
        });
        if let Some(step) = foreign {
            return Err(format!("\"{step}\" does not belong to its record"));
        }
        data::contradiction(before, record, config)?;
        let digests = record.images.iter().map(|own| (own.image.clone(), own.digest.clone()));
        let wanted = live(config, &digests.collect()).map_err(|error| error.to_string())?;
        let planned = before.iter().filter(|step| matches!(step, Step::RunLive(_)));
        if !planned.eq(&wanted) {
            return Err("its commands are not those of `before_promote`".to_owned());
        }
        let last = before.len() - wanted.len();
        if !before[last..].iter().all(|step| matches!(step, Step::RunLive(_))) {
            return Err("its commands run before the images are checked and kept".to_owned());
        }
        if places(config).as_ref() != Ok(&record.places) {
            return Err("its record does not name the places of the configuration".to_owned());
        }
        let limit = &config.incompatible_with_rollback_before;
        if record.incompatible_with_rollback_before != *limit {
            return Err("its record does not say how far a rollback may go back".to_owned());
        }
        if after != projections(record) {
            return Err("its last steps do not follow from its record".to_owned());
        }
        Ok(())
    }

    fn retry_contradiction(&self, config: &Config) -> Result<(), String> {
        let (note, step) = match self.steps.as_slice() {
            [] => return Ok(()),
            [Step::WriteState { change }, step] if only_a_note(change) => {
                (change.retry.as_ref(), step)
            }
            [step] => (None, step),
            _ => return Err("a retry is a note and the start of one workflow".to_owned()),
        };
        let Step::DispatchRetry { workflow, branch, run, attempt } = step else {
            return Err("a retry ends with the start of a workflow".to_owned());
        };
        if *workflow != config.rollback.retry_workflow {
            return Err(format!("{workflow:?} is not the configured retry workflow"));
        }
        let noted = note.is_none_or(|note| note.run.id == *run && note.run.attempt == *attempt);
        if *branch != self.basis.branch || !noted {
            return Err(format!("its note is not that of run {run}, attempt {attempt}"));
        }
        Ok(())
    }

    fn rollback_contradiction(&self) -> Result<(), String> {
        let (change, step) = match self.steps.as_slice() {
            [Step::WriteState { change }, Step::RollBack(step)] => (Some(change), step),
            [Step::RollBack(step)] => (None, step),
            _ => return Err("a rollback is a quarantine and one commit".to_owned()),
        };
        if step.branch != self.basis.branch
            || step.head != self.basis.head
            || step.failed != self.commit
            || step.good == step.failed
        {
            return Err(format!("its rollback is not that of {}", self.commit));
        }
        let Some(change) = change else { return Ok(()) };
        let quarantine = change.quarantine.as_ref().filter(|quarantine| {
            quarantine.commit == step.failed
                && quarantine.rollback.as_ref().is_some_and(|note| note.to == step.good)
        });
        let verdict = change.verdict.as_ref().filter(|verdict| verdict.commit == step.failed);
        let expected = StateChange {
            quarantine: quarantine.cloned(),
            verdict: verdict.cloned(),
            ..StateChange::default()
        };
        if quarantine.is_none() || *change != expected {
            return Err(format!("its quarantine is not that of {}", self.commit));
        }
        Ok(())
    }
}

fn only_a_note(change: &StateChange) -> bool {
    let expected = StateChange { retry: change.retry.clone(), ..StateChange::default() };
    change.retry.is_some() && *change == expected
}

fn only(record: &Record) -> StateChange {
    StateChange { record: Some(record.clone()), ..StateChange::default() }
}

fn only_a_verdict(change: &StateChange) -> bool {
    let expected = StateChange { verdict: change.verdict.clone(), ..StateChange::default() };
    change.verdict.is_some() && *change == expected
}
