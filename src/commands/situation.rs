//! Observe, decide, plan: what `gate` and `plan` share. Nothing here changes anything.

use anyhow::Context as _;
use jiff::Timestamp;

use super::clients::Clients;
use super::session::Session;
use crate::actions::event::{Origin, permission};
use crate::actions::{Event, Permission};
use crate::adapters::image_cache::ImageCache;
use crate::adapters::registry::{Reference, Registries};
use crate::cli::{Assumption, Inputs};
use crate::config::Config;
use crate::evidence::data::DataEvidence;
use crate::evidence::flaky::flaky;
use crate::evidence::jobs::JobResult;
use crate::evidence::probes::Probes;
use crate::evidence::{Evidence, Occasion};
use crate::exit::{Exit, Failed};
use crate::ledger::{self, Ledger};
use crate::model::{CommitSha, DataVersion, Digest, ImageRef, RunIdentity};
use crate::observe::release::{self, ReleaseQuery};
use crate::observe::world::World;
use crate::observe::{checks, freeze, good, jobs};
use crate::plan::Plan;
use crate::policy::{self, Decision};
use crate::state::{Outcome, StoredVerdict};

mod base;
mod earlier;
mod failing;
mod left;
mod making;
mod pages;
mod places;
mod probing;
mod retry;
mod steps;

use failing::Looking;
pub(super) use left::assess_left;
pub(super) use making::{Made, Making, configured};
pub(super) use places::Places;
pub(super) use probing::Probing;
pub(super) use steps::new_data;

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
    /// The failure of the effective head that its own gate has stored and could not decide.
    pub(super) left: Option<StoredVerdict>,
    /// What failed in an earlier attempt of the run and passed in this one.
    pub(super) flaky: Vec<String>,
    /// What the probes found.
    pub(super) probes: Probes,
    /// What was found of the data.
    pub(super) data: DataEvidence,
    /// The data version that is to be released alone: its commit is live already.
    pub(super) data_alone: Option<DataVersion>,
    /// The run that asks.
    pub(super) run: RunIdentity,
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

/// Finds out where things are, and what the event of the run allows there.
pub(super) fn begin(
    session: &mut Session,
    inputs: &Inputs,
    assume: &[Assumption],
) -> anyhow::Result<Occasion> {
    // What cannot be read is told when it is needed.
    if let Ok(results) = base::job_results(session, inputs, assume) {
        places::settle(session, &inputs.commit, &results);
    }
    occasion(session, inputs)
}

/// What takes its time, and is done once for a commit however often it is looked at.
pub(super) struct Work<'a> {
    /// The probes.
    pub(super) probing: Probing<'a>,
    /// The data.
    pub(super) making: Making<'a>,
    /// Why the data of the newest release is not served yet, where that could not be completed.
    pub(super) pending_data: Option<String>,
}

impl<'a> Work<'a> {
    /// Nothing was done yet; `say` tells people what goes on, and `line` what the steps of the data
    /// say.
    pub(super) fn new(
        say: &'a (dyn Fn(&str) + Send + Sync),
        line: &'a (dyn Fn(&str) + Send + Sync),
    ) -> Self {
        Self { probing: Probing::new(say), making: Making::new(say, line), pending_data: None }
    }

    /// The same, for a plan: no data is made.
    pub(super) fn looking(say: &'a (dyn Fn(&str) + Send + Sync)) -> Self {
        Self { probing: Probing::new(say), making: Making::looking(say), pending_data: None }
    }
}

/// Observes, decides and plans. A failure is judged by the configuration of the last good commit:
/// `session.config` is that one afterwards.
pub(super) async fn assess(
    session: &mut Session,
    clients: &Clients,
    inputs: &Inputs,
    assume: &[Assumption],
    occasion: Occasion,
    work: &mut Work<'_>,
) -> anyhow::Result<Situation> {
    let world = World::fetch(&session.git, &session.config)?;
    let head = world.head(&session.config)?.clone();
    let tested = match occasion {
        // What was tested is what the run checked out. Where the branch has moved on since, the
        // policy holds: nobody has tested what it shows now.
        Occasion::Scheduled => {
            let tested = session.resolve(&inputs.commit)?;
            session.git.effective_head(&tested, &session.config.ledger.path)?
        }
        Occasion::Push | Occasion::ReportOnly => session.resolve(&inputs.commit)?,
    };
    let mut results = base::job_results(session, inputs, assume)?;
    let candidate = session.config_at(&tested);
    let ledger = observed_ledger(session, &world)?;
    if let Ok(config) = &candidate {
        session.config = config.clone();
    }
    let data_job = take_data_job(session, &world, candidate.is_err(), &mut results);
    let mut images = ImageCache::default();
    let earlier = earlier::observe(session, clients, &world.state.state, &tested).await;
    let mut evidence =
        base::base_evidence(session, &world, &ledger, &tested, &results, occasion, &earlier)?;
    evidence.pending_data.clone_from(&work.pending_data);
    let mut keep = Vec::new();
    let mut origin = Made::Nobody;
    let looking = || Looking {
        github: clients.github.as_ref(),
        world: &world,
        needs: results.iter().map(|job| job.name.clone()).collect(),
    };
    if policy::has_failure(&evidence) {
        keep = failing::observe(session, &looking(), &ledger, &mut evidence).await?;
    } else {
        // What passed is promoted by its own configuration, which therefore has to be readable.
        if session.work_in(None) {
            let occasion = self::occasion(session, inputs)?;
            return Box::pin(assess(session, clients, inputs, assume, occasion, work)).await;
        }
        session.config = candidate?;
        let registries = &clients.registries;
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
        let names = &session.config.require.checks;
        match occasion {
            // The checks of a pull request are on its head, and not on the merge that is tested.
            Occasion::ReportOnly if !names.is_empty() => {
                evidence.warnings.push("`require.checks` is not looked at here".to_owned());
            }
            Occasion::Push | Occasion::Scheduled | Occasion::ReportOnly => {
                evidence.checks = checks::observe(clients.github.as_ref(), &tested, names).await;
            }
        }
        if policy::wants_probes(&evidence, &session.config) {
            let digests = digests.into_iter().filter_map(|(image, digest)| Some((image, digest?)));
            let found = work.probing.run(session, registries, &tested, digests.collect()).await?;
            evidence.probes = found.probes;
            evidence.warnings.extend(found.warnings);
            // They take their time: a freeze may have begun meanwhile.
            session.now = Timestamp::now();
            evidence.now = session.now;
            evidence.freezes = freeze::open_windows(&session.config.freeze, session.now)?;
            if policy::has_failure(&evidence) {
                keep = failing::observe(session, &looking(), &ledger, &mut evidence).await?;
            }
        }
        origin = making::made(session, inputs.data_version.as_ref(), data_job.as_ref(), &results)?;
        observe_data(session, inputs, &origin, &tested, work, &mut evidence).await?;
    }
    let mut decision = policy::decide(&evidence, &session.config);
    let data_alone = making::alone(session, &mut decision, &evidence.state, &origin);
    tracing::info!(
        verdict = decision.verdict.word(),
        commit = %decision.commit,
        head = %evidence.head,
        effective_head = %evidence.effective_head,
        release = evidence.state.newest_number(),
        "decided"
    );
    let news = pages::observe(session, clients, &evidence, &decision).await;
    let plan = steps::make_plan(session, &world, &evidence, &decision, keep, &news)?;
    let left = left::by_its_gate(&evidence, &decision);
    let passed = decision.outcome == Some(Outcome::Passed);
    let flaky = if passed { flaky(&evidence, &session.config) } else { Vec::new() };
    let Evidence { probes, data, run, .. } = evidence;
    Ok(Situation { world, decision, plan, images, left, flaky, probes, data, data_alone, run })
}

/// Takes the job that makes the data out of the results. Where the configuration of the commit cannot
/// be read, that of the live one names it: a failure of the data must not become one of the code.
fn take_data_job(
    session: &Session,
    world: &World,
    unreadable: bool,
    results: &mut Vec<JobResult>,
) -> Option<JobResult> {
    let live = world.state.state.newest().filter(|_| unreadable);
    let live = live.and_then(|live| session.config_at(&live.commit).ok());
    making::take_data_job(live.as_ref().unwrap_or(&session.config), results)
}

/// Makes the data, or finds it, where nothing else is in the way.
async fn observe_data(
    session: &mut Session,
    inputs: &Inputs,
    made: &Made,
    tested: &CommitSha,
    work: &mut Work<'_>,
    evidence: &mut Evidence,
) -> anyhow::Result<()> {
    if inputs.data_version.is_some() {
        configured(session)?;
    }
    let named = made.named(&session.config).is_some();
    if policy::wants_data(evidence, &session.config, named) {
        evidence.data = work.making.run(session, tested, made).await;
        session.now = Timestamp::now();
        evidence.now = session.now;
        evidence.freezes = freeze::open_windows(&session.config.freeze, session.now)?;
    }
    Ok(())
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

/// Finds the digests of the release set: as given, else from the build job's outputs, else (by
/// hand only) by tag.
async fn digests(
    session: &Session,
    registries: &Registries,
    inputs: &Inputs,
    results: &[JobResult],
    tested: &CommitSha,
) -> anyhow::Result<Vec<(ImageRef, Option<Digest>)>> {
    let images = session.release_set()?;
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
