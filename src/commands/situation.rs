//! Observe, decide, plan: what `gate` and `plan` share. Nothing here changes anything.

use std::collections::BTreeMap;

use anyhow::Context as _;

use super::session::Session;
use crate::actions::event::{Origin, permission};
use crate::actions::{Event, Permission};
use crate::adapters::image_cache::ImageCache;
use crate::adapters::registry::{Reference, Registries};
use crate::cli::{self, Assumption, Inputs, Needs};
use crate::config::Config;
use crate::evidence::jobs::{Conclusion, JobEvidence, JobResult};
use crate::evidence::metrics::MetricObservation;
use crate::evidence::{Evidence, Occasion};
use crate::exit::{Exit, Failed};
use crate::ledger::{self, EntryStatus, Ledger};
use crate::model::{CommitSha, Digest, ImageRef};
use crate::observe::failure::{self, FailureQuery};
use crate::observe::release::{self, ReleaseQuery};
use crate::observe::world::World;
use crate::observe::{freeze, good, jobs, kept, metrics, reports};
use crate::plan::{self, Basis, MainRollback, Plan, Promotion, Step};
use crate::policy::{self, Decision, Reason, Verdict};
use crate::state::{FORMAT, Outcome, State, StateChange, StoredVerdict};

/// A decision with everything that it was made from.
pub(super) struct Situation {
    /// The remote's branches and the state.
    pub(super) world: World,
    /// What was decided.
    pub(super) decision: Decision,
    /// What is to be done.
    pub(super) plan: Plan,
    /// What was read of images.
    pub(super) images: ImageCache,
}

/// Says what the event of the run allows, or refuses.
pub(super) fn occasion(session: &Session, inputs: &Inputs) -> anyhow::Result<Occasion> {
    let branch = &session.config.branch;
    let may = match &session.run {
        Some(run) => run.permission(branch),
        None => permission(
            &Event::named(&inputs.event),
            &branch.full_ref(),
            &Origin::SameRepository,
            branch,
        ),
    };
    match may {
        Permission::AllVerdicts => Ok(Occasion::Push),
        Permission::PromoteOrHold => Ok(Occasion::Scheduled),
        Permission::ReportOnly => Ok(Occasion::ReportOnly),
        Permission::Refused(refusal) => Err(Failed::new(Exit::Refused, refusal.to_string()).into()),
    }
}

/// Observes, decides and plans. A failure is judged by the configuration of the last good commit:
/// `session.config` is that one afterwards.
pub(super) async fn assess(
    session: &mut Session,
    registries: &Registries,
    inputs: &Inputs,
    assume: &[Assumption],
    occasion: Occasion,
) -> anyhow::Result<Situation> {
    let world = World::fetch(&session.git, &session.config)?;
    let head = world.head(&session.config)?.clone();
    let tested = match occasion {
        Occasion::Scheduled => session.git.effective_head(&head, &session.config.ledger.path)?,
        Occasion::Push | Occasion::ReportOnly => session.resolve(&inputs.commit)?,
    };
    let results = job_results(session, inputs, assume)?;
    let candidate = session.config_at(&tested);
    let ledger = observed_ledger(session, &world)?;
    if let Ok(config) = &candidate {
        session.config = config.clone();
    }
    let mut images = ImageCache::default();
    let mut evidence = base_evidence(session, &world, &ledger, &tested, &results, occasion)?;
    let mut keep = Vec::new();
    if policy::has_failure(&evidence) {
        keep = observe_failure(session, &world, &ledger, &mut evidence)?;
    } else {
        // What passed is promoted by its own configuration, which therefore has to be readable.
        session.config = candidate?;
        let digests = digests(session, registries, inputs, &results, &tested).await?;
        let query = ReleaseQuery {
            tested: &tested,
            tree: &evidence.tree,
            head: &head,
            images: &digests,
            state: &world.state.state,
        };
        let release =
            release::observe(&session.git, registries, &session.config, &query, &mut images)
                .await?;
        evidence.release = Some(release);
    }
    let decision = policy::decide(&evidence, &session.config);
    let plan = make_plan(session, &world, &evidence, &decision, keep)?;
    Ok(Situation { world, decision, plan, images })
}

/// Reads the ledger of the branch that holds it.
fn observed_ledger(session: &Session, world: &World) -> anyhow::Result<Ledger> {
    let config = &session.config;
    let Some(head) = world.refs.branch(config.ledger_branch()) else {
        return Ok(Ledger::default());
    };
    let tree = session.git.commit(head)?.tree;
    let Some(bytes) = session.git.file(&tree, &config.ledger.path)? else {
        return Ok(Ledger::default());
    };
    let ledger = ledger::newest_entries_in(&bytes, good::LEDGER_ENTRIES).with_context(|| {
        format!("cannot read {} on {}", config.ledger.path, config.ledger_branch())
    })?;
    Ok(ledger)
}

fn job_results(
    session: &Session,
    inputs: &Inputs,
    assume: &[Assumption],
) -> anyhow::Result<Vec<JobResult>> {
    let text = match &inputs.needs {
        Some(Needs::Json(text)) => Some(text.clone()),
        Some(Needs::File(path)) => Some(
            std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?,
        ),
        None => None,
    };
    let mut results = text.map_or(Ok(Vec::new()), |text| jobs::parse(&text))?;
    for assumption in assume {
        results.retain(|job| job.name != assumption.job);
        results.push(JobResult {
            name: assumption.job.clone(),
            conclusion: conclusion(assumption.result),
            outputs: BTreeMap::new(),
        });
    }
    if !assume.is_empty() && inputs.needs.is_none() {
        // A drill says what it changes; everything else is taken to have passed.
        for name in session.config.require.jobs.iter().flatten() {
            if results.iter().all(|job| job.name != *name) {
                results.push(JobResult {
                    name: name.clone(),
                    conclusion: Conclusion::Success,
                    outputs: BTreeMap::new(),
                });
            }
        }
    }
    Ok(results)
}

fn conclusion(result: cli::JobResult) -> Conclusion {
    match result {
        cli::JobResult::Success => Conclusion::Success,
        cli::JobResult::Failure => Conclusion::Failure,
        cli::JobResult::Cancelled => Conclusion::Cancelled,
        cli::JobResult::Skipped => Conclusion::Skipped,
    }
}

fn base_evidence(
    session: &Session,
    world: &World,
    ledger: &Ledger,
    tested: &CommitSha,
    results: &[JobResult],
    occasion: Occasion,
) -> anyhow::Result<Evidence> {
    let (git, config) = (&session.git, &session.config);
    let head = world.head(config)?;
    let state = &world.state.state;
    let metrics = config
        .metrics
        .iter()
        .map(|metric| MetricObservation {
            config: metric.clone(),
            value: metrics::read(&session.root, metric),
            last_good: baseline(state, ledger, &metric.name).last().copied(),
            history: baseline(state, ledger, &metric.name),
        })
        .collect();
    let mut warnings = Vec::new();
    if session.run.is_some() && !git.has_commit(head) {
        warnings.push(format!("the head of {} could not be fetched", config.branch));
    }
    Ok(Evidence {
        now: session.now,
        run: session.identity(),
        occasion,
        branch: config.branch.clone(),
        tested: tested.clone(),
        tree: git.commit(tested)?.tree,
        head: head.clone(),
        effective_head: git.effective_head(head, &config.ledger.path)?,
        above: failure::above(git, config, state, tested, head)?,
        jobs: JobEvidence::new(results, config.require.jobs.as_deref()),
        reports: reports::collect(&session.root, &config.require.reports, None)?,
        metrics,
        freezes: freeze::open_windows(&config.freeze, session.now)?,
        state: state.clone(),
        release: None,
        failure: None,
        warnings,
    })
}

/// Returns the values of a metric in past releases, oldest first: from records, and from the
/// ledger only where there are none.
fn baseline(state: &State, ledger: &Ledger, name: &str) -> Vec<f64> {
    let promotions = state.records.values().filter(|record| record.kind.is_promotion());
    if state.records.is_empty() {
        return ledger
            .entries
            .iter()
            .filter(|entry| entry.status == EntryStatus::Passed)
            .filter_map(|entry| entry.metrics().get(name).copied())
            .collect();
    }
    promotions.filter_map(|record| record.metrics.get(name).copied()).collect()
}

/// Observes the failure, by the configuration of the last good commit where there is one, and
/// returns the patterns of kept paths.
fn observe_failure(
    session: &mut Session,
    world: &World,
    ledger: &Ledger,
    evidence: &mut Evidence,
) -> anyhow::Result<Vec<String>> {
    let mut found = failure_by(session, world, ledger, evidence)?;
    if let Some(good) = policy::last_good::choose(&found.1.good) {
        match session.config_at(&good.commit.clone()) {
            Ok(config) if config != session.config => {
                session.config = config;
                let ledger = observed_ledger(session, world)?;
                found = failure_by(session, world, &ledger, evidence)?;
            }
            Ok(_) => {}
            Err(error) => evidence.warnings.push(format!(
                "the configuration of the last good commit cannot be read, so that of the tested one counts: {error:#}"
            )),
        }
    }
    evidence.failure = Some(found.1);
    Ok(found.0)
}

fn failure_by(
    session: &Session,
    world: &World,
    ledger: &Ledger,
    evidence: &Evidence,
) -> anyhow::Result<(Vec<String>, crate::evidence::FailureEvidence)> {
    let keep = kept::patterns(&session.config, session.run.is_some());
    let query = FailureQuery {
        tested: &evidence.tested,
        head: &evidence.head,
        above: &evidence.above,
        state: &world.state.state,
        keep: &keep,
        now: session.now,
    };
    let found = failure::observe(&session.git, &session.config, ledger, &query)?;
    Ok((keep, found))
}

/// Finds the digests of the release set: as given, else from the build job's outputs, else (by
/// hand only) by tag.
async fn digests(
    session: &Session,
    registries: &Registries,
    inputs: &Inputs,
    results: &[JobResult],
    tested: &CommitSha,
) -> anyhow::Result<Vec<(ImageRef, Option<Digest>)>> {
    let images = session.images();
    let mut named = jobs::digests(results, images)?;
    if let Some(digests) = &inputs.digests {
        named.extend(digests.0.clone());
    }
    if let Some(digest) = &inputs.digest {
        let [only] = images else {
            let error = format!("one digest was given for {} images", images.len());
            return Err(Failed::new(Exit::Usage, error)
                .with_hint("name each image: --digests '{\"<image>\": \"sha256:...\"}'")
                .into());
        };
        named.insert(only.clone(), digest.clone());
    }
    let mut found = Vec::new();
    for image in images {
        let digest = match named.get(image) {
            Some(digest) => Some(digest.clone()),
            None if session.run.is_none() => {
                by_tag(&session.config, registries, image, tested).await?
            }
            None => None,
        };
        found.push((image.clone(), digest));
    }
    Ok(found)
}

/// Finds a candidate by its tags: that of the commit first, then the moving one.
pub(super) async fn by_tag(
    config: &Config,
    registries: &Registries,
    image: &ImageRef,
    commit: &CommitSha,
) -> anyhow::Result<Option<Digest>> {
    let tags = &config.tags;
    for tag in
        [tags.commit_tag(&config.branch, commit)?, tags.candidate_tag(&config.branch, commit)?]
    {
        if let Some(digest) = registries.digest(image, &Reference::Tag(tag)).await? {
            return Ok(Some(digest));
        }
    }
    Ok(None)
}

/// Turns a decision into steps.
fn make_plan(
    session: &Session,
    world: &World,
    evidence: &Evidence,
    decision: &Decision,
    keep: Vec<String>,
) -> anyhow::Result<Plan> {
    let state = &world.state.state;
    let steps = if decision.binding {
        match decision.verdict {
            Verdict::Promote => {
                plan::promotion(promotion(session, evidence), state, &session.config)?
            }
            Verdict::Rollback => rollback_steps(session, evidence, decision, state, keep),
            Verdict::Hold | Verdict::Superseded => {
                stored_verdict(session, evidence, decision).into_iter().collect()
            }
            Verdict::Retry => Vec::new(),
        }
    } else {
        Vec::new()
    };
    Ok(Plan {
        version: plan::FORMAT,
        verdict: decision.verdict,
        commit: decision.commit.clone(),
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
        basis: Basis {
            branch: session.config.branch.clone(),
            head: evidence.head.clone(),
            state: world.state.head.clone(),
            release: state.newest_number(),
        },
        steps,
    })
}

fn promotion(session: &Session, evidence: &Evidence) -> Promotion {
    let images = evidence.release.iter().flat_map(|release| &release.images);
    Promotion {
        commit: evidence.tested.clone(),
        tree: evidence.tree.clone(),
        images: images
            .filter_map(|image| {
                Some((image.image.clone(), image.digest.clone()?, image.stable.clone()))
            })
            .collect(),
        metrics: evidence.figures(),
        checks: checks(evidence),
        run: evidence.run.clone(),
        run_url: session.run.as_ref().and_then(crate::actions::Run::url),
        now: session.now,
        by: session.actor(),
        reason: None,
        override_reason: None,
    }
}

/// Says what passed, in the words of the ledger.
fn checks(evidence: &Evidence) -> Vec<String> {
    let jobs = evidence.jobs.required.iter().map(|job| job.name.clone());
    let reports = evidence
        .reports
        .reports
        .iter()
        .map(|report| format!("{} tests in {}", report.tests - report.skipped, report.path));
    jobs.chain(reports).collect()
}

fn rollback_steps(
    session: &Session,
    evidence: &Evidence,
    decision: &Decision,
    state: &State,
    keep: Vec<String>,
) -> Vec<Step> {
    let (Some(failure), Some(good)) = (&evidence.failure, &decision.good) else {
        return Vec::new();
    };
    let rollback = MainRollback {
        head: evidence.head.clone(),
        failed: failure.commit.clone(),
        good: good.clone(),
        range: failure.range.clone(),
        keep,
        reason: short_reason(&decision.reasons),
        run: evidence.run.clone(),
        now: session.now,
        by: session.actor(),
        by_hand: false,
    };
    plan::main_rollback(rollback, state, &session.config)
}

/// Says in a few words what failed.
fn short_reason(reasons: &[Reason]) -> String {
    let shown: Vec<String> = reasons.iter().take(3).map(ToString::to_string).collect();
    let mut text = shown.join("; ");
    if reasons.len() > shown.len() {
        text.push_str("; and more");
    }
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Notes what was found of a commit, for the gates that come later.
fn stored_verdict(session: &Session, evidence: &Evidence, decision: &Decision) -> Option<Step> {
    let outcome = decision.outcome?;
    let says_nothing_new = |reason: &Reason| {
        matches!(
            reason,
            Reason::PassedBefore { .. }
                | Reason::SameTreeAsPassed { .. }
                | Reason::RolledBackAlready { .. }
        )
    };
    if decision.reasons.iter().any(says_nothing_new) {
        return None;
    }
    // What another gate has stored about a commit above is not this gate's to repeat.
    if outcome == Outcome::Failed && decision.commit != evidence.tested {
        return None;
    }
    let known = evidence.state.verdicts.get(&evidence.tested);
    if known.is_some_and(|known| known.outcome == outcome) {
        return None;
    }
    let verdict = StoredVerdict {
        version: FORMAT,
        commit: evidence.tested.clone(),
        outcome,
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
        run: session.identity(),
        created: session.now,
    };
    Some(Step::WriteState {
        change: StateChange { verdict: Some(verdict), ..StateChange::default() },
    })
}
