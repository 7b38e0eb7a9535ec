//! The protected branch gets the tree of an earlier commit back, and stable follows where it is
//! newer than that commit.

use super::Proposal;
use super::limit;
use super::stable;
use super::target::{self, Target};
use crate::cli::Rollback;
use crate::commands::last_good::ledger_at;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::ledger::Ledger;
use crate::model::CommitSha;
use crate::observe::good::{self, GoodQuery};
use crate::observe::world::World;
use crate::observe::{kept, rollbacks};
use crate::output::Output;
use crate::plan::{self, MainRollback, Step};
use crate::policy::last_good;

/// At most so many commits are listed and noted.
const MAX_RANGE: usize = 1000;

/// Back to `--to`, or to the last good commit.
pub(super) fn propose(
    session: &mut Session,
    world: &World,
    args: &Rollback,
    output: &mut Output,
) -> anyhow::Result<Proposal> {
    let head = world.head(&session.config)?.clone();
    let failed = match &args.failed {
        Some(failed) => session.resolve(failed)?,
        None => session.git.effective_head(&head, &session.config.ledger.path)?,
    };
    let target = match &args.to {
        Some(to) => target::allowed(session, world, args, to)?,
        None => last_good_target(session, world, &head, &failed, output)?,
    };
    if !session.git.is_ancestor(&target.commit, &head)? {
        let error =
            format!("{} is not an ancestor of {}", target.commit.short(), session.config.branch);
        return Err(Failed::new(Exit::Usage, error).into());
    }
    // A bad commit may have broken the configuration; that of the good one counts.
    if let Ok(config) = session.config_at(&target.commit) {
        session.config = config;
    }
    limit::refuse(session, world, &target.commit, args.override_reason.as_deref())?;
    refuse_empty(session, &head, &target.commit)?;
    let range = session.git.range(&target.commit, &head, MAX_RANGE)?;
    let mut steps = stable_steps(session, world, args, &target, &range)?;
    let with_stable = !steps.is_empty();
    let rollback = MainRollback {
        head: head.clone(),
        failed: failed.clone(),
        good: target.commit.clone(),
        range: range.clone(),
        keep: kept::patterns(&session.config, session.run.is_some()),
        reason: stable::reason(args),
        run: session.identity(),
        now: session.now,
        by: session.actor(),
        by_hand: true,
        with_stable,
    };
    let main = plan::main_rollback(rollback, &world.state.state, &session.config);
    // The record and the quarantine of stable's way back stand in one commit; one is enough.
    steps.extend(main.into_iter().filter(|step| !with_stable || matches!(step, Step::RollBack(_))));
    let what = if with_stable { "and what users see" } else { "(what users see stays)" };
    let headline = format!("{} {what}: back to {}", session.config.branch, target.commit.short());
    let dropped = changes_of_people(session, range)?;
    Ok(Proposal { headline, dropped, steps, failed: Some(failed) })
}

/// Leaves out what tidegate has committed: rollbacks, which have no changes of their own, and
/// commits that only add to the ledger, whose entries stay.
fn changes_of_people(session: &Session, range: Vec<CommitSha>) -> anyhow::Result<Vec<CommitSha>> {
    let mut kept = Vec::new();
    for commit in range {
        let info = session.git.commit(&commit)?;
        let ledger_only = match info.parents.as_slice() {
            [parent] => session.git.touches_only(parent, &commit, &session.config.ledger.path)?,
            _ => false,
        };
        let rollback = rollbacks::told(&session.git, &info)?;
        if !ledger_only && rollback.is_none_or(|told| told.agrees != Some(true)) {
            kept.push(commit);
        }
    }
    Ok(kept)
}

fn last_good_target(
    session: &Session,
    world: &World,
    head: &CommitSha,
    failed: &CommitSha,
    output: &mut Output,
) -> anyhow::Result<Target> {
    // That of the remote: a file of the work tree may be old, or half edited.
    let ledger = match world.refs.branch(session.config.ledger_branch()) {
        Some(head) => ledger_at(session, head)?,
        None => Ledger::default(),
    };
    let query = GoodQuery {
        head,
        failed: Some(failed),
        branch: &session.config.branch,
        ledger_path: &session.config.ledger.path,
        state: &world.state.state,
        now: session.now,
    };
    let mut search = good::search(&session.git, &ledger, &query)?;
    let said = session.corroborate(&world.state.state, &mut search, None)?.unwrap_or_default();
    let unfinished = said.unfinished.first().map(|commit| {
        format!("the run of {}, which would be gone back to, is not finished", commit.short())
    });
    if let Some(why) =
        said.unanswered.map(|why| format!("GitHub did not answer: {why}")).or(unfinished)
    {
        return Err(Failed::new(Exit::Unreachable, format!("{why}; nothing was changed"))
            .with_hint("try again later, or name the commit with --to")
            .into());
    }
    for warning in &search.warnings {
        output.warning(warning)?;
    }
    match last_good::choose(&search) {
        Some(good) => Ok(Target { commit: good.commit.clone(), record: None }),
        None => {
            Err(Failed::new(Exit::NoGoodCommit, "no commit counts as good; nothing was changed")
                .with_hint(where_to(session, world))
                .into())
        }
    }
}

/// Says where one can go where nothing newer than the live release is good.
fn where_to(session: &Session, world: &World) -> String {
    let live = world.state.state.newest();
    match live.and_then(|live| Some((live, stable::previous(session, world, live).ok()?))) {
        Some((live, before)) => format!(
            "release {} ({}) is live; `tidegate rollback --to {}` goes back to release {2} ({}), with what users see",
            live.number,
            live.commit.short(),
            before.number,
            before.commit.short()
        ),
        None => "`tidegate last-good --explain` says why; name one with --to".to_owned(),
    }
}

/// A commit that restores nothing would only be noise.
fn refuse_empty(session: &Session, head: &CommitSha, good: &CommitSha) -> anyhow::Result<()> {
    let config = &session.config;
    let patterns = kept::compile(&kept::patterns(config, session.run.is_some()))?;
    let (good_tree, head_tree) = (session.git.commit(good)?.tree, session.git.commit(head)?.tree);
    let kept =
        kept::differing(&session.git, &good_tree, &head_tree, &config.ledger.path, &patterns)?;
    if session.git.tree_with_kept(&good_tree, &head_tree, &kept)? == head_tree {
        let error = format!(
            "{} shows the tree of {} already; nothing was changed",
            config.branch,
            good.short()
        );
        return Err(Failed::new(Exit::Usage, error).into());
    }
    Ok(())
}

/// Where stable was made from something newer than the target, it goes back too, or nothing does.
fn stable_steps(
    session: &Session,
    world: &World,
    args: &Rollback,
    target: &Target,
    range: &[CommitSha],
) -> anyhow::Result<Vec<Step>> {
    let Some(live) = world.state.state.newest() else { return Ok(Vec::new()) };
    let newer = live.commit != target.commit
        && session.git.has_commit(&live.commit)
        && session.git.is_ancestor(&target.commit, &live.commit)?;
    if !newer {
        return Ok(Vec::new());
    }
    let Some(record) = &target.record else {
        let error = format!(
            "stable is release {} ({}), which is newer than {}, and {1} was never released: its images and data cannot be had; nothing was changed",
            live.number,
            live.commit.short(),
            target.commit.short()
        );
        return Err(Failed::new(Exit::BadInput, error)
            .with_hint("choose a release (`tidegate history` lists them)")
            .into());
    };
    stable::steps(session, world, args, live, record.clone(), range.to_vec())
}
