//! `gate`: the step of the workflow. Observe, decide, plan, apply; again where the world moved.

use std::sync::Arc;

use super::announce::{self, Done};
use super::bake;
use super::clients::Clients;
use super::report::{self, Left, Report};
use super::session::{Session, block_on, mask_candidate_secrets, mask_secrets};
use super::situation::{self, Situation, Work};
use crate::apply::{Applied, Applier, Completion, Ended, Snapshots};
use crate::cli::{Gate, Global, Inputs};
use crate::evidence::Occasion;
use crate::exit::{Exit, Failed};
use crate::observe::world::World;
use crate::output::Output;
use crate::policy::Verdict;
use crate::state::StoredVerdict;

mod data_alone;

/// A world that moves more often than this between two looks is not worth racing with.
const TRIES: usize = 5;

pub(super) fn run(global: &Global, args: &Gate, output: &mut Output) -> anyhow::Result<Exit> {
    let (mut session, mut report) = perform(global, args, output)?;
    // What a job that is cancelled while it watches has done was said before.
    report::tell(&session, &report, output)?;
    if !output.is_json() {
        report::print(&session, &report, output)?;
    }
    if let Some(record) = report.promoted().filter(|_| !args.no_bake) {
        let completion = report.completion.clone();
        report.bake = bake::after_promotion(&mut session, &record, &completion, output)?;
    }
    if let Some(baked) = &report.bake {
        bake::show_beside(&session, baked, output)?;
    }
    if output.is_json() {
        report::print(&session, &report, output)?;
    }
    Ok(report.exit())
}

/// Performs the gate, and tells nobody yet.
pub(super) fn perform(
    global: &Global,
    args: &Gate,
    output: &mut Output,
) -> anyhow::Result<(Session, Report)> {
    let (mut session, problem) = Session::open_anyway(global, &args.inputs.place)?;
    if let Some(problem) = problem {
        tracing::info!("{problem:#}; the defaults count until the tested commit is known");
    }
    mask_secrets(&session, output)?;
    session.log_in(output)?;
    let occasion = situation::begin(&mut session, &args.inputs, &[])?;
    mask_candidate_secrets(&session, &args.inputs.commit, output)?;
    let (mut report, done) = block_on(gate(&mut session, args, occasion, output))?;
    if occasion != Occasion::ReportOnly {
        let told = announce::deliver(&session, done, output)?;
        report.told = told.delivered;
        report.warnings.extend(told.warnings);
    }
    Ok((session, report))
}

async fn gate(
    session: &mut Session,
    args: &Gate,
    occasion: Occasion,
    output: &Output,
) -> anyhow::Result<(Report, Done)> {
    let clients = session.clients()?;
    let progress = output.progress("looking at the remote");
    let say = |step: &str| progress.say(step);
    let line = |text: &str| progress.line(text);
    let mut work = Work::new(&say, &line);
    for _ in 0..TRIES {
        let mut before = Completion::default();
        if occasion != Occasion::ReportOnly {
            before = complete_newest(session, &clients, &say).await?;
        }
        work.pending_data = before.pending_data().map(|pending| pending.reason.clone());
        progress.say("observing");
        let inputs = &args.inputs;
        let mut found =
            situation::assess(session, &clients, inputs, &[], occasion, &mut work).await?;
        match apply(session, &clients, &mut found, work.making.snapshots(), &say).await? {
            Ended::Done(applied) => {
                let applied = with_earlier(*applied, before);
                let mut done = Done::of(&applied);
                let left = found.left.take();
                let alone = found.data_alone.take().zip(found.world.state.state.newest().cloned());
                let mut report = Report::new(found, applied);
                if let Some((version, live)) = alone {
                    let alone = data_alone::release(session, &live, &version, &say);
                    let (alone, later) = Box::pin(alone).await;
                    report.data_alone = Some(alone);
                    if let Some(later) = later {
                        report.release = later.release;
                        report.completion = later.completion;
                        done = done.then(Done::nothing(later.observed));
                    }
                }
                if let Some(left) = left {
                    let (left, later) = decide_left(session, &clients, inputs, &left, &say).await;
                    report.left = left;
                    if let Some(later) = later {
                        done = done.then(later);
                    }
                }
                return Ok((report, done));
            }
            Ended::Moved { what } => {
                tracing::info!("{what} has moved, so everything is observed again");
            }
        }
    }
    Err(Failed::new(
        Exit::LostRace,
        format!("the world moved {TRIES} times while the gate decided"),
    )
    .with_hint("rerun the job; give the gate's job a concurrency group")
    .into())
}

/// Decides the failure of a commit above whose gate waited for this run. What was done for the
/// tested commit stands whatever comes of it.
async fn decide_left(
    session: &mut Session,
    clients: &Clients,
    inputs: &Inputs,
    left: &StoredVerdict,
    say: &dyn Fn(&str),
) -> (Option<Left>, Option<Done>) {
    for _ in 0..TRIES {
        let found = match situation::assess_left(session, clients, inputs, left).await {
            Ok(found) => found,
            Err(error) => return (Some(Left::undecided(&left.commit, &error)), None),
        };
        let Some(mut found) = found else { return (None, None) };
        match apply(session, clients, &mut found, &Snapshots::default(), say).await {
            Ok(Ended::Done(applied)) => {
                let done = Done::of(&applied);
                return (Some(Left::Decided(Box::new(Report::new(found, *applied)))), Some(done));
            }
            Ok(Ended::Moved { what }) => {
                tracing::info!("{what} has moved, so everything is observed again");
            }
            Err(error) => return (Some(Left::undecided(&left.commit, &error)), None),
        }
    }
    let error = Failed::new(Exit::LostRace, format!("the world moved {TRIES} times"));
    (Some(Left::undecided(&left.commit, &error.into())), None)
}

/// Completes what an earlier run has left, also during a hold or a freeze.
pub(super) async fn complete_newest(
    session: &Session,
    clients: &Clients,
    say: &dyn Fn(&str),
) -> anyhow::Result<Completion> {
    let world = World::fetch(&session.git, &session.config)?;
    applier(session, clients, say).complete(world.state, None).await
}

/// Performs the plan of a situation.
pub(super) async fn apply(
    session: &Session,
    clients: &Clients,
    found: &mut Situation,
    snapshots: &Snapshots,
    say: &dyn Fn(&str),
) -> anyhow::Result<Ended> {
    let mut applier = applier(session, clients, say);
    applier.images = std::mem::take(&mut found.images);
    applier.snapshots.clone_from(snapshots);
    let ended = applier.apply(&found.plan.steps, &found.world.state).await;
    match (ended, found.decision.verdict) {
        // A hold is a hold, also where it cannot be noted for the gates that come later.
        (Err(error), Verdict::Hold | Verdict::Superseded) => {
            found.decision.warnings.push(format!("the verdict could not be stored: {error:#}"));
            Ok(Ended::Done(Box::default()))
        }
        // Nothing is reverted where the retry cannot be noted, and a person can still rerun.
        (Err(error), Verdict::Retry) => {
            let why = format!("the retry could not be noted, so nothing was started: {error:#}");
            found.decision.warnings.push(why);
            Ok(Ended::Done(Box::default()))
        }
        (ended, _) => ended,
    }
}

/// Makes the one thing that changes anything.
pub(super) fn applier<'a>(
    session: &'a Session,
    clients: &'a Clients,
    on_step: &'a dyn Fn(&str),
) -> Applier<'a> {
    Applier {
        git: &session.git,
        registries: &clients.registries,
        github: clients.github.as_ref(),
        config: &session.config,
        signer: session.signer(),
        environment: session.lookup(),
        stores: Arc::new(session.lookup()),
        redactor: session.redactor(),
        images: crate::adapters::image_cache::ImageCache::default(),
        snapshots: Snapshots::default(),
        on_step,
    }
}

/// A run that projected nothing itself still says what is pending from before.
fn with_earlier(mut applied: Applied, before: Completion) -> Applied {
    if applied.completion.release == 0 {
        applied.completion = before;
    }
    applied
}
