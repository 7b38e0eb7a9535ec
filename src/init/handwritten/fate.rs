//! What becomes of each job.

use std::collections::BTreeMap;
use std::ops::Range;

use super::judge::{JobSeen, Kind};
use super::outline::Lines;

/// What becomes of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// It stays as it is.
    Stays,
    /// It only releases or takes back: the gate does all of it.
    Goes,
    /// It does other things, too: only these steps go.
    Trimmed {
        /// The steps that go, by their place.
        steps: Vec<usize>,
        /// Whether what stays comes after the gate, rather than before.
        follows: bool,
    },
    /// It is left to a person.
    Left {
        /// Why.
        why: &'static str,
        /// The lines, from 0.
        lines: Range<usize>,
    },
}

/// Decides about each job, by its id.
pub(super) fn fates(jobs: &[JobSeen], lines: &Lines<'_>) -> BTreeMap<String, Fate> {
    jobs.iter().map(|job| (job.id.clone(), fate(job, lines))).collect()
}

fn fate(job: &JobSeen, lines: &Lines<'_>) -> Fate {
    if !job.releases() {
        return Fate::Stays;
    }
    let release = |kind: Kind| kind == Kind::Release;
    // A login or a checkout goes with the rest and stays with the rest.
    let other = |kind: Kind| {
        matches!(kind, Kind::Other | Kind::Mixed) || (kind == Kind::Check && job.promotes())
    };
    let mixed = job.steps.iter().find(|step| step.kind == Kind::Mixed && !step.builds_stable);
    if let Some(step) = mixed {
        let why = "the step does other things in the same script";
        return Fate::Left { why, lines: step.lines.clone() };
    }
    let places = |is: &dyn Fn(Kind) -> bool| -> Vec<usize> {
        let all = job.steps.iter().enumerate();
        all.filter(|(_, step)| is(step.kind)).map(|(index, _)| index).collect()
    };
    let (gone, others) = (places(&release), places(&other));
    let (Some(first), Some(last)) = (gone.first(), gone.last()) else { return Fate::Stays };
    if others.is_empty() {
        return Fate::Goes;
    }
    let follows = match (others.first(), others.last()) {
        (_, Some(before)) if before < first => false,
        (Some(behind), _) if behind > last => true,
        _ => {
            let why = "the job does other things before and after it releases";
            let lines = job.steps.get(*first).map(|step| step.lines.clone()).unwrap_or_default();
            return Fate::Left { why, lines };
        }
    };
    if let Some(step) = gone.iter().find(|index| hands_on(job, **index, &gone, lines)) {
        let why = "a later step uses what this one hands on";
        let lines = job.steps.get(*step).map(|step| step.lines.clone()).unwrap_or_default();
        return Fate::Left { why, lines };
    }
    Fate::Trimmed { steps: gone, follows }
}

/// Tells whether a step that stays may use what a step that goes hands on.
fn hands_on(job: &JobSeen, index: usize, gone: &[usize], lines: &Lines<'_>) -> bool {
    let Some(step) = job.steps.get(index) else { return false };
    if lines.text(step.lines.clone()).contains("GITHUB_ENV") {
        return true;
    }
    let Some(id) = &step.id else { return false };
    let names = [format!("steps.{id}."), format!("steps['{id}']"), format!("steps[\"{id}\"]")];
    let stays = job.steps.iter().enumerate().filter(|(other, _)| !gone.contains(other));
    let mut texts = stays.map(|(_, step)| lines.text(step.lines.clone()));
    texts.any(|text| names.iter().any(|name| text.contains(name)))
}
