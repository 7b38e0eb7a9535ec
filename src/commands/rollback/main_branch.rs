//! The protected branch gets the tree of an earlier commit back, and stable follows where it is
//! newer than that commit.

use super::Proposal;
use super::stable;
use super::target::{self, Target};
use crate::cli::Rollback;
use crate::commands::last_good::local_ledger;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::model::CommitSha;
use crate::observe::good::{self, GoodQuery};
use crate::observe::kept;
use crate::observe::world::World;
use crate::plan::{self, MainRollback, Step};
use crate::policy::last_good;

/// At most so many commits are listed and noted.
const MAX_RANGE: usize = 1000;

/// Back to `--to`, or to the last good commit.
pub(super) fn propose(
    session: &mut Session,
    world: &World,
    args: &Rollback,
) -> anyhow::Result<Proposal> {
    let head = world.head(&session.config)?.clone();
    let failed = match &args.failed {
        Some(failed) => session.resolve(failed)?,
        None => session.git.effective_head(&head, &session.config.ledger.path)?,
    };
    let target = match &args.to {
        Some(to) => target::find(session, world, to)?,
        None => last_good_target(session, world, &head, &failed)?,
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
    let dropped = without_ledger_commits(session, range)?;
    Ok(Proposal { headline, dropped, steps, failed: Some(failed) })
}

/// Leaves out the commits that only add to the ledger: their entries stay.
fn without_ledger_commits(
    session: &Session,
    range: Vec<CommitSha>,
) -> anyhow::Result<Vec<CommitSha>> {
    let mut kept = Vec::new();
    for commit in range {
        let ledger_only = match session.git.commit(&commit)?.parents.as_slice() {
            [parent] => session.git.touches_only(parent, &commit, &session.config.ledger.path)?,
            _ => false,
        };
        if !ledger_only {
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
) -> anyhow::Result<Target> {
    let ledger = local_ledger(session, head)?;
    let query = GoodQuery {
        head,
        failed: Some(failed),
        branch: &session.config.branch,
        ledger_path: &session.config.ledger.path,
        state: &world.state.state,
        now: session.now,
    };
    let search = good::search(&session.git, &ledger, &query)?;
    match last_good::choose(&search) {
        Some(good) => Ok(Target { commit: good.commit.clone(), record: None }),
        None => {
            Err(Failed::new(Exit::NoGoodCommit, "no commit counts as good; nothing was changed")
                .with_hint("`tidegate last-good --explain` says why; name one with --to")
                .into())
        }
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
