//! The steps of a promotion, and the projections of a record.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::PlanError;
use super::live::live;
use super::{LedgerStep, NewData, Step};
use crate::config::Config;
use crate::model::{CommitSha, Digest, ImageRef, RunIdentity, Tag, TreeSha};
use crate::state::{
    FORMAT, Lifted, Places, QuarantinedDigest, Record, RecordKind, ReleasedImage, State,
    StateChange,
};

/// What a promotion is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Promotion {
    /// The commit.
    pub commit: CommitSha,
    /// Its tree.
    pub tree: TreeSha,
    /// The release set, each with what `stable` points at now.
    pub images: Vec<(ImageRef, Digest, Option<Digest>)>,
    /// The data that is published with it; without, users keep what they have.
    pub data: Option<NewData>,
    /// The figures of the candidate.
    pub metrics: BTreeMap<String, f64>,
    /// What passed, in the words of the ledger.
    pub checks: Vec<String>,
    /// What failed in an earlier attempt and passed in this one.
    pub flaky: Vec<String>,
    /// Why a person released it without its probes.
    pub probes_waived: Option<String>,
    /// The run.
    pub run: RunIdentity,
    /// Where to look at it.
    pub run_url: Option<String>,
    /// When.
    pub now: Timestamp,
    /// Who.
    pub by: Option<String>,
    /// Why, where a person gave a reason.
    pub reason: Option<String>,
    /// The reason of an `--override`.
    pub override_reason: Option<String>,
}

/// Plans a promotion: what nobody sees, the record, its projections.
pub fn promotion(
    promotion: Promotion,
    state: &State,
    config: &Config,
) -> Result<Vec<Step>, PlanError> {
    let keep = config.tags.keep_tag(&config.branch, &promotion.commit)?;
    let mut steps = Vec::new();
    for (image, digest, former) in &promotion.images {
        steps.push(Step::CheckImage { image: image.clone(), digest: digest.clone() });
        if let Some(former) = former.as_ref().filter(|former| *former != digest) {
            let tag = former_tag(state, image, former, config)?;
            steps.push(Step::KeepDigest { image: image.clone(), digest: former.clone(), tag });
        }
        steps.push(Step::KeepDigest {
            image: image.clone(),
            digest: digest.clone(),
            tag: keep.clone(),
        });
    }
    let digests = promotion.images.iter().map(|(image, digest, _)| (image.clone(), digest.clone()));
    steps.extend(promotion.data.iter().map(NewData::step));
    steps.extend(live(config, &digests.collect())?);
    let record = Record {
        version: FORMAT,
        number: state.newest_number() + 1,
        kind: RecordKind::Promotion,
        branch: config.branch.clone(),
        commit: promotion.commit,
        tree: promotion.tree,
        images: promotion
            .images
            .into_iter()
            .map(|(image, digest, previous)| ReleasedImage { image, digest, previous })
            .collect(),
        places: places(config)?,
        data: match promotion.data {
            Some(new) => Some(new.data),
            // It publishes no data of its own: users keep what they have.
            None => config.data.as_ref().and_then(|_| state.newest()?.data.clone()),
        },
        metrics: promotion.metrics,
        checks: promotion.checks,
        flaky: promotion.flaky,
        probes_waived: promotion.probes_waived,
        incompatible_with_rollback_before: config.incompatible_with_rollback_before.clone(),
        run: promotion.run,
        run_url: promotion.run_url,
        created: promotion.now,
        by: promotion.by,
        reason: promotion.reason,
        override_reason: promotion.override_reason,
    };
    let after = projections(&record);
    // What is live cannot be forbidden. What a rollback took out besides stays out.
    let lifted = lifted(&record);
    let quarantine = state
        .quarantine(&record.commit, record.created)
        .and_then(|own| state.lift_of_commit(&own.commit, lifted.clone()));
    let quarantined_digests = lifted_digests(state, &record, &lifted);
    let change = StateChange {
        record: Some(record),
        quarantine,
        quarantined_digests,
        ..StateChange::default()
    };
    steps.push(Step::WriteState { change });
    steps.extend(after);
    Ok(steps)
}

/// Says who lifts a quarantine by promoting what is in it.
fn lifted(record: &Record) -> Lifted {
    let reason = record.override_reason.clone().or_else(|| record.reason.clone());
    Lifted { by: record.by.clone(), at: record.created, reason }
}

/// Ends the quarantines of the digests that a person promotes all the same. What the quarantine of
/// the commit forbids goes with that.
fn lifted_digests(state: &State, record: &Record, lifted: &Lifted) -> Vec<QuarantinedDigest> {
    let with_commit = state.quarantine(&record.commit, record.created);
    let mut ended: Vec<QuarantinedDigest> = Vec::new();
    let data = record.data.as_ref().and_then(|data| data.version.digest());
    for digest in record.images.iter().map(|own| &own.digest).chain(&data) {
        let goes_with_commit = with_commit.is_some_and(|own| own.digests.contains(digest))
            && !state.quarantined_digests.contains_key(digest);
        if !goes_with_commit && ended.iter().all(|own| own.digest != *digest) {
            ended.extend(state.lift_of_digest(digest, lifted.clone()));
        }
    }
    ended
}

/// Names the tag that keeps what `stable` points at now.
fn former_tag(
    state: &State,
    image: &ImageRef,
    former: &Digest,
    config: &Config,
) -> Result<Tag, PlanError> {
    let released = state.records.values().rev().find(|record| {
        record.images.iter().any(|own| own.image == *image && own.digest == *former)
    });
    let named_after = match released {
        Some(record) => record.commit.clone(),
        // Nobody knows its commit: the digest itself names it.
        None => former.hex()[..40].parse()?,
    };
    Ok(config.tags.keep_tag(&config.branch, &named_after)?)
}

/// Returns where the configuration puts a release.
pub fn places(config: &Config) -> Result<Places, PlanError> {
    Ok(Places {
        tags: config.tags.stable_tags()?,
        stable_branch: config.stable_branch.clone(),
        ledger_branch: config.ledger_branch().clone(),
        ledger_path: config.ledger.path.clone(),
    })
}

/// Returns what follows from a record and can always be made again. Code is never newer than its
/// data, so data comes first on the way forth and last on the way back; tags move before the
/// branch, and the ledger never leads.
pub fn projections(record: &Record) -> Vec<Step> {
    let places = &record.places;
    let data = record
        .data
        .iter()
        .map(|data| Step::MoveData { data: data.clone(), release: record.number });
    let (first, last): (Vec<Step>, Vec<Step>) = data.partition(|_| !record.kind.is_rollback());
    let mut steps = first;
    for released in &record.images {
        for tag in &places.tags {
            steps.push(Step::MoveTag {
                image: released.image.clone(),
                tag: tag.clone(),
                digest: released.digest.clone(),
            });
        }
    }
    steps.push(Step::MoveStable {
        branch: places.stable_branch.clone(),
        commit: record.commit.clone(),
        tree: record.tree.clone(),
        release: record.code_release(),
    });
    steps.extend(last);
    // Only released commits are written; one that comes back was written when it was promoted.
    if record.kind.is_promotion() {
        steps.push(Step::AppendLedger(LedgerStep {
            branch: places.ledger_branch.clone(),
            path: places.ledger_path.clone(),
            record: record.clone(),
        }));
    }
    steps
}
