//! Takes users back to the release before.

use jiff::Timestamp;

use super::{Done, End, done};
use crate::apply::{Applied, Ended};
use crate::commands::gate::applier;
use crate::commands::rollback::{limit, stable};
use crate::commands::session::{Session, block_on};
use crate::exit::{Exit, Failed, Failure};
use crate::observe::world::World;
use crate::output::Output;
use crate::plan::{self, Facts, StableRollback, Step};
use crate::state::{NoticeEvent, Record};

/// A state branch that others move all the time is tried so often.
const TRIES: usize = 5;

/// Returns the release that users would go back to.
///
/// # Errors
/// [`Exit::NoGoodCommit`] where there is none, [`Exit::Held`] where a release forbids it.
pub(super) fn target(session: &Session, world: &World, record: &Record) -> anyhow::Result<Record> {
    let target = stable::previous(session, world, record)?;
    limit::refuse(session, world, &target.commit, None)?;
    Ok(target)
}

/// Takes users back, unless a newer release came meanwhile. What goes wrong is an end, too: people
/// have to be told that the app fails.
pub(super) fn take_back(
    session: &mut Session,
    record: &Record,
    reasons: Vec<String>,
    output: &Output,
) -> (End, Option<Done>) {
    // It is a decision of its own, hours after the promotion.
    session.now = Timestamp::now();
    match perform(session, record, &reasons, output) {
        Ok(Taken::Back(taken)) => {
            let (target, applied) = *taken;
            let (to_release, to) = (target.number, target.commit);
            let done = done(&applied);
            let end = End::RolledBack {
                reasons,
                to_release,
                to,
                record: applied.record.map_or(0, |record| record.number),
                completion: applied.completion,
            };
            (end, Some(done))
        }
        Ok(Taken::Superseded { by }) => (End::Superseded { by }, None),
        Err(error) => {
            let failure = Failure::of(&error);
            let mut why = failure.error;
            for cause in failure.causes {
                why = format!("{why}: {cause}");
            }
            let (hints, exit) = (failure.hints, failure.exit);
            (End::NotRolledBack { reasons, why, hints, exit }, None)
        }
    }
}

enum Taken {
    Back(Box<(Record, Applied)>),
    Superseded { by: u64 },
}

fn perform(
    session: &Session,
    record: &Record,
    reasons: &[String],
    output: &Output,
) -> anyhow::Result<Taken> {
    let progress = output.progress("taking users back");
    let say = |step: &str| progress.say(step);
    for _ in 0..TRIES {
        let world = World::fetch(&session.git, &session.config)?;
        let newest = world.state.state.newest();
        if let Some(newest) = newest.filter(|newest| newest.code_release() != record.number) {
            return Ok(Taken::Superseded { by: newest.number });
        }
        let target = target(session, &world, record)?;
        let ended = block_on(async {
            let clients = session.clients()?;
            let github = clients.github.is_some();
            let steps = steps(session, &world, record, &target, reasons, github)?;
            applier(session, &clients, &say).apply(&steps, &world.state).await
        })?;
        match ended {
            Ended::Done(applied) => return Ok(Taken::Back(Box::new((target, *applied)))),
            Ended::Moved { what } => tracing::info!("{what} has moved, so it is looked at again"),
        }
    }
    let error = format!("the world moved {TRIES} times while users were to be taken back");
    Err(Failed::new(Exit::LostRace, error)
        .with_hint("take them back by hand: `tidegate rollback --stable-only`")
        .into())
}

fn steps(
    session: &Session,
    world: &World,
    record: &Record,
    target: &Record,
    reasons: &[String],
    github: bool,
) -> anyhow::Result<Vec<Step>> {
    let git = &session.git;
    let range = git.range(&target.commit, &record.commit, stable::MAX_RANGE)?;
    let rollback = StableRollback {
        target: target.clone(),
        range: range.clone(),
        digests: record.images.iter().map(|own| own.digest.clone()).collect(),
        failed: record.commit.clone(),
        reason: reasons.join("; "),
        run: session.identity(),
        run_url: session.run.as_ref().and_then(crate::actions::Run::url),
        now: session.now,
        by: session.actor(),
        by_hand: false,
        hold: false,
        keep_data: false,
    };
    let state = &world.state.state;
    let mut steps = plan::stable_rollback(rollback, state, &session.config)?;
    let facts = Facts {
        restored: Some(target.commit.clone()),
        reasons: reasons.to_vec(),
        ..session.facts(NoticeEvent::RollbackOfStable, &record.commit, github)
    };
    let facts = session.with_range(facts, &range);
    plan::announce(&mut steps, facts, state, &session.config);
    Ok(steps)
}
