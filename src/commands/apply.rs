//! `apply`: performs a plan that was made before, or refuses it when the world has moved.

use std::sync::Arc;

use anyhow::Context as _;
use serde::Serialize;

use super::announce;
use super::bake;
use super::by_hand::{self, Reach};
use super::gate::applier;
use super::report::{PullRequestText, show_completion, show_waiting};
use super::session::{Session, block_on};
use super::status::look::said;
use crate::apply::{self, Ended};
use crate::cli::{self, Global};
use crate::config::Config;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::model::CommitSha;
use crate::observe;
use crate::observe::world::World;
use crate::output::{Output, good};
use crate::plan::{FORMAT, Plan};
use crate::policy::Verdict;

/// A plan of a release set with hundreds of images is far smaller.
const MAX_PLAN: u64 = 16 << 20;

#[derive(Serialize)]
struct Performed {
    verdict: Verdict,
    commit: String,
    rollback_commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<PullRequestText>,
    completion: crate::apply::Completion,
    #[serde(skip_serializing_if = "Option::is_none")]
    bake: Option<bake::Baked>,
}

pub(super) fn run(global: &Global, args: &cli::Apply, output: &mut Output) -> anyhow::Result<Exit> {
    let plan = read(&args.plan).or_exit(Exit::BadInput)?;
    let mut session = by_hand::open(global, &args.place, Reach::Remote, output)?;
    use_config(&mut session, &plan, output)?;
    // What is left of the newest release may move main and the state: then the plan is stale.
    let left = by_hand::complete_first(&session, output)?;
    if plan.verdict == Verdict::Promote {
        left.refuse_over_pending_data()?;
    }
    let progress = output.progress("looking at the remote");
    let say = |step: &str| progress.say(step);
    let world = World::fetch(&session.git, &session.config)?;
    refuse_stale(&plan, &session, &world)?;
    refuse_forged(&plan, &session, &world)
        .with_context(|| format!("{} is no plan of tidegate", args.plan.display()))
        .or_exit(Exit::BadInput)
        .or_hint("make it again with `tidegate plan --out`, and have it approved again")?;
    let ended = block_on(async {
        let clients = session.clients()?;
        applier(&session, &clients, &say).apply(&plan.steps, &world.state).await
    })?;
    drop(progress);
    let Ended::Done(applied) = ended else {
        return Err(stale("it moved while the plan was performed"));
    };
    if let Some(problem) = applied.retry.as_ref().and_then(|retry| retry.problem.as_ref()) {
        output.warning(&format!("the failed jobs are not tried again by themselves: {problem}"))?;
    }
    for warning in applied.proposed.iter().flat_map(|proposed| &proposed.warnings) {
        output.warning(warning)?;
    }
    announce::deliver_and_say(&session, Some(announce::Done::of(&applied)), output)?;
    let promoted = applied.record.clone().filter(|_| plan.verdict == Verdict::Promote);
    let mut performed = Performed {
        verdict: plan.verdict,
        commit: plan.commit.to_string(),
        rollback_commit: applied.rolled_back.as_ref().map(|done| done.commit.to_string()),
        pull_request: applied.proposed.map(PullRequestText::new),
        completion: applied.completion,
        bake: None,
    };
    if !output.is_json() {
        people(output, &plan, &performed)?;
    }
    if let Some(record) = promoted {
        let completion = performed.completion.clone();
        performed.bake = bake::after_promotion(&mut session, &record, &completion, output)?;
    }
    if let Some(baked) = &performed.bake {
        bake::show_beside(&session, baked, output)?;
    }
    if output.is_json() {
        output.json("tidegate/apply/1", &performed)?;
    }
    if let Some(exit) = performed.bake.as_ref().map(bake::Baked::exit)
        && exit != Exit::Done
    {
        return Ok(exit);
    }
    Ok(match (performed.completion.pending.first(), plan.verdict) {
        (Some(pending), _) => pending.exit,
        // The same as that of the gate that would have done it.
        (None, Verdict::Rollback) => Exit::RolledBack,
        (None, Verdict::Promote | Verdict::Superseded) => Exit::Done,
        (None, Verdict::Retry) => Exit::Retry,
        (None, Verdict::Hold) => Exit::Held,
    })
}

fn people(output: &mut Output, plan: &Plan, performed: &Performed) -> std::io::Result<()> {
    let (verdict, commit) = (plan.verdict.word(), plan.commit.short());
    output.line(format!("{} {verdict} {commit}", good("performed")))?;
    if let Some(pull) = &performed.pull_request {
        show_waiting(output, &plan.basis.branch, pull)?;
    }
    show_completion(output, &performed.completion)
}

/// Works by the configuration that the plan was made by: that of the good commit for a rollback,
/// since the bad one may have broken it, else that of the commit that the plan is about.
fn use_config(session: &mut Session, plan: &Plan, output: &mut Output) -> anyhow::Result<()> {
    session.config.branch = plan.basis.branch.clone();
    let rollback = plan.main_rollback();
    let commit = rollback.map_or(&plan.commit, |step| &step.good);
    if !session.git.has_commit(commit) {
        session.git.fetch(&[&plan.basis.branch])?;
    }
    match (session.config_at(commit), plan.verdict) {
        (Ok(config), _) => session.work_by(config),
        (Err(error), Verdict::Promote) => return Err(error),
        // Nothing of it is needed but the places, and another one may name the same.
        (Err(error), Verdict::Rollback | Verdict::Retry | Verdict::Hold | Verdict::Superseded) => {
            output.warning(&format!("{}; that of this clone counts instead", said(error)))?;
        }
    }
    session.config.branch = plan.basis.branch.clone();
    Ok(())
}

fn read(path: &std::path::Path) -> anyhow::Result<Plan> {
    let place = || format!("cannot read the plan {}", path.display());
    let size = std::fs::metadata(path).with_context(place)?.len();
    anyhow::ensure!(size <= MAX_PLAN, "{} has {size} bytes, more than {MAX_PLAN}", path.display());
    let bytes = std::fs::read(path).with_context(place)?;
    let plan: Plan = serde_json::from_slice(&bytes).with_context(place)?;
    anyhow::ensure!(
        plan.version == FORMAT,
        "{} has format {}, this tidegate knows {FORMAT}; make it again with `tidegate plan --out`",
        path.display(),
        plan.version
    );
    Ok(plan)
}

fn refuse_stale(plan: &Plan, session: &Session, world: &World) -> anyhow::Result<()> {
    let basis = &plan.basis;
    if world.refs.branch(&basis.branch) != Some(&basis.head) {
        return Err(stale(&format!(
            "branch {} is not at {} any more",
            basis.branch,
            basis.head.short()
        )));
    }
    if world.state.head != basis.state {
        return Err(stale(&format!("branch {} has moved", session.config.state_branch)));
    }
    Ok(())
}

/// Holds the plan against itself and against git: it may have been changed on its way.
fn refuse_forged(plan: &Plan, session: &Session, world: &World) -> anyhow::Result<()> {
    // A rollback is planned by another configuration, and does not depend on it here.
    let config = match plan.verdict {
        Verdict::Promote => session.config_at(&plan.commit)?,
        Verdict::Rollback | Verdict::Retry | Verdict::Hold | Verdict::Superseded => {
            session.config.clone()
        }
    };
    if let Some(why) = plan.contradiction(&config) {
        anyhow::bail!("{why}; nothing was changed");
    }
    let (git, head) = (&session.git, &plan.basis.head);
    if let Some(record) = plan.record() {
        anyhow::ensure!(
            git.is_ancestor(&record.commit, head)?
                && git.commit(&record.commit)?.tree == record.tree,
            "its record does not name a commit of {} and the tree of it; nothing was changed",
            plan.basis.branch
        );
        let live = world.state.state.newest();
        anyhow::ensure!(
            plan.publishes_data()
                || record.data.is_none()
                || record.data.as_ref() == live.and_then(|live| live.data.as_ref()),
            "its record names data that no step of it publishes; nothing was changed"
        );
        anyhow::ensure!(
            record.data.is_some()
                || config.data.is_none()
                || live.is_none_or(|live| live.data.is_none()),
            "its record drops the data that users have; nothing was changed"
        );
        let index = &world.state.state.index;
        let promoted: Vec<&CommitSha> =
            index.iter().filter(|e| e.kind.is_promotion()).map(|e| &e.commit).collect();
        anyhow::ensure!(
            !promoted.contains(&&record.commit) && git.contains_all(&record.commit, &promoted)?,
            "it would put an older commit over a newer one; nothing was changed"
        );
    }
    refuse_edited_data(plan, session, world, &config)?;
    if let Some(step) = plan.main_rollback() {
        anyhow::ensure!(
            git.is_ancestor(&step.good, head)? && git.is_ancestor(&step.failed, head)?,
            "its rollback names commits that are not on {}; nothing was changed",
            plan.basis.branch
        );
    }
    Ok(())
}

/// Holds the data version of a plan against its description in the store: later checks compare with
/// what the record says of it. A version that nobody has uploaded is refused later.
fn refuse_edited_data(
    plan: &Plan,
    session: &Session,
    world: &World,
    config: &Config,
) -> anyhow::Result<()> {
    for own in plan.published_data() {
        let digest = own.version.digest();
        let forbidden =
            digest.and_then(|digest| world.state.state.quarantine_of_digest(&digest, session.now));
        if let Some(why) = forbidden {
            anyhow::bail!(
                "data {} is quarantined: {why}; nothing was changed",
                own.version.short()
            );
        }
        let found = block_on(async {
            let container = apply::container(&own.place, config, Arc::new(session.lookup()))?;
            observe::data::version(&container, &own.version.version).await
        })?;
        anyhow::ensure!(
            found.is_none_or(|found| found == own.version),
            "its data {} is not what the store says of that version; nothing was changed",
            own.version.short()
        );
    }
    Ok(())
}

fn stale(why: &str) -> anyhow::Error {
    Failed::new(Exit::StalePlan, format!("the plan is stale: {why}; nothing was changed"))
        .with_hint("make it again with `tidegate plan --out`, and have it approved again")
        .into()
}
