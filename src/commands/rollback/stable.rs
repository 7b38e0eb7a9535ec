//! Stable goes back to an earlier release: digests, branch and data of one record.

use super::Proposal;
use super::limit;
use super::target::{self, Target};
use crate::cli::Rollback;
use crate::commands::session::Session;
use crate::exit::{Exit, Failed};
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::plan::{self, StableRollback};
use crate::state::Record;

/// At most so many commits of a range are noted.
pub(in crate::commands) const MAX_RANGE: usize = 500;

/// `--stable-only`: back to `--to`, or to the release before the live one.
pub(super) fn propose(
    session: &Session,
    world: &World,
    args: &Rollback,
) -> anyhow::Result<Proposal> {
    let live = live(world)?;
    let record = match &args.to {
        Some(to) => released(target::allowed(session, world, args, to)?)?,
        None => previous(session, world, &live)?,
    };
    if record.commit == live.commit {
        let already =
            Failed::new(Exit::Usage, format!("{} is live already", record.commit.short()));
        // Only the data differs.
        return Err(if record.data == live.data {
            already.into()
        } else {
            already.with_hint("`tidegate data restore` goes back with the data alone").into()
        });
    }
    limit::refuse(session, world, &record.commit, args.override_reason.as_deref())?;
    let range = session.git.range(&record.commit, &live.commit, MAX_RANGE)?;
    let headline = format!(
        "Back to release {} ({}) for users; {} stays as it is",
        record.number,
        record.commit.short(),
        session.config.branch
    );
    let steps = steps(session, world, args, &live, record, range)?;
    Ok(Proposal { headline, dropped: Vec::new(), steps, failed: None })
}

/// Returns the newest record: what is live.
pub(super) fn live(world: &World) -> anyhow::Result<Record> {
    world.state.state.newest().cloned().ok_or_else(|| {
        Failed::new(Exit::NoGoodCommit, "nothing was ever released, so stable cannot go back")
            .into()
    })
}

fn released(target: Target) -> anyhow::Result<Record> {
    target.record.ok_or_else(|| {
        Failed::new(
            Exit::BadInput,
            format!(
                "{} was never released, so its images and data cannot be had; nothing was changed",
                target.commit.short()
            ),
        )
        .with_hint("`tidegate history` lists the releases")
        .into()
    })
}

/// Returns the newest release of another commit that nobody forbids.
pub(in crate::commands) fn previous(
    session: &Session,
    world: &World,
    live: &Record,
) -> anyhow::Result<Record> {
    let state = &world.state.state;
    let mut before = state.index.iter().rev().filter(|entry| {
        // The last data that was released for a commit goes with it.
        entry.kind.is_release()
            && entry.commit != live.commit
            && state.quarantine(&entry.commit, session.now).is_none()
            && !state.is_rolled_back(&entry.commit)
            && session.git.is_ancestor(&entry.commit, &live.commit).unwrap_or(false)
    });
    let forbidden = |record: &Record| {
        record.digests().any(|digest| state.quarantine_of_digest(&digest, session.now).is_some())
    };
    let found = before.find_map(|entry| {
        let record = target::record(session, world, entry.number);
        // What cannot be read is an error, and nothing to pass over.
        (!record.as_ref().is_ok_and(forbidden)).then_some(record)
    });
    found.unwrap_or_else(|| {
        Err(Failed::new(Exit::NoGoodCommit, "there is no release before the live one").into())
    })
}

/// Plans the way back of stable.
pub(super) fn steps(
    session: &Session,
    world: &World,
    args: &Rollback,
    live: &Record,
    target: Record,
    range: Vec<CommitSha>,
) -> anyhow::Result<Vec<plan::Step>> {
    let rollback = StableRollback {
        digests: live.images.iter().map(|own| own.digest.clone()).collect(),
        failed: live.commit.clone(),
        target,
        range,
        reason: reason(args),
        run: session.identity(),
        run_url: session.run.as_ref().and_then(crate::actions::Run::url),
        now: session.now,
        by: session.actor(),
        by_hand: true,
        hold: args.stable_only,
        keep_data: args.override_reason.is_some(),
    };
    let mut steps = plan::stable_rollback(rollback, &world.state.state, &session.config)?;
    for step in &mut steps {
        if let plan::Step::WriteState { change } = step
            && let Some(record) = &mut change.record
        {
            record.override_reason.clone_from(&args.override_reason);
        }
    }
    Ok(steps)
}

/// Returns the reason that a person gave.
pub(super) fn reason(args: &Rollback) -> String {
    let reason = args.reason.clone().unwrap_or_else(|| "rolled back by hand".to_owned());
    match &args.override_reason {
        Some(why) => format!("{reason} (override: {why})"),
        None => reason,
    }
}
