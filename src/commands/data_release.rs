//! A release of data alone: `sync` and `data restore` publish a database for the code that is live,
//! in a record of its own.
//!
//! 1. Complete what the newest record has left.
//! 2. Holds and freezes stop it; neither stops going back to earlier data. A quarantine stops both.
//!    So does data of the newest release that could not be shown to readers.
//! 3. Older data never comes over newer by a run that was slow, and nothing is released that the live
//!    code cannot open.
//! 4. The version is uploaded unseen, or looked for; the record is the commit point; then its
//!    projections, as for every release.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::announce;
use super::clients::Clients;
use super::gate::applier;
use super::session::Session;
use super::workspace::Workspace;
use crate::actions::Permission;
use crate::adapters::git::GitError;
use crate::adapters::state_branch::Observed;
use crate::apply::{Applier, Completion, Ended, Variables};
use crate::cli::{Global, Place};
use crate::data::ReleasedData;
use crate::evidence::data::DataEvidence;
use crate::exit::{Exit, Failed};
use crate::observe::freeze;
use crate::observe::world::World;
use crate::output::Output;
use crate::plan::{self, DataRelease, NewData};
use crate::policy;
use crate::state::NoticeEvent;

mod reader;

/// A state branch that others move all the time is tried so often.
const TRIES: usize = 5;

/// What is to be released.
pub(super) struct Wanted {
    /// The version, and where it is served.
    pub(super) data: ReleasedData,
    /// The file, which was checked on this machine; `None` where the version is in the store.
    pub(super) file: Option<PathBuf>,
    /// What passed, in words.
    pub(super) checks: Vec<String>,
    /// Why, where a person said so.
    pub(super) reason: Option<String>,
    /// When this run has read the data, whatever it found of a version that was published before.
    pub(super) made: Timestamp,
    /// Whether another run has made it: then nothing at all may have been released since.
    pub(super) made_before: bool,
    /// Whether it goes back to earlier data: no hold and no freeze stops that.
    pub(super) back: bool,
    /// Why it is released although it is quarantined, where a person said so.
    pub(super) override_reason: Option<String>,
    /// How the credentials of the store are looked up.
    pub(super) variables: Variables,
}

/// What was released.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    /// The number of the release that serves the data now.
    pub(super) release: u64,
    /// `false` where it was live already, or newer data is.
    pub(super) changed: bool,
    /// Whether newer data was released while this was made.
    pub(super) superseded: bool,
    /// What was completed, and what is pending.
    pub(super) completion: Completion,
    /// The state after it, for notices.
    #[serde(skip)]
    pub(super) observed: Observed,
}

/// Refuses to publish in a run whose event, or branch, may not change what users see. Outside Actions,
/// and without a repository, there is no such event.
///
/// # Errors
/// [`Exit::Refused`]
pub(super) fn refuse_event(workspace: &Workspace) -> anyhow::Result<()> {
    let run = workspace.run.as_ref().filter(|_| workspace.head.is_some());
    let Some(run) = run else { return Ok(()) };
    let why = match run.permission(&workspace.config.branch) {
        Permission::AllVerdicts | Permission::PromoteOrHold => return Ok(()),
        Permission::ReportOnly => format!("a run for {} publishes nothing", run.event),
        Permission::Refused(refusal) => refusal.to_string(),
    };
    Err(Failed::new(Exit::Refused, format!("no data was published: {why}"))
        .with_hint("`tidegate sync --plan` and `--candidate` show nothing to readers")
        .into())
}

/// Opens the repository where its releases are known: it has a remote with a newest record on the
/// protected branch. `None` where it has not, and the pointer belongs to no release. Not to be called
/// from an async function.
///
/// # Errors
/// A remote that does not answer: a pointer must not move beside a record that nobody could read.
pub(super) fn open(
    global: &Global,
    place: &Place,
    output: &mut Output,
) -> anyhow::Result<Option<Session>> {
    let (mut session, problem) = match Session::open_anyway(global, place) {
        Ok(opened) => opened,
        Err(error) if matches!(error.downcast_ref(), Some(GitError::NoRepository(_))) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    if let Some(problem) = problem {
        return Err(problem);
    }
    match session.git.remote_url() {
        Ok(_) => {}
        Err(GitError::NoRemote { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    session.log_in(output)?;
    let world = World::fetch(&session.git, &session.config)?;
    let live = world.state.state.newest();
    Ok(live.is_some_and(|live| live.branch == session.config.branch).then_some(session))
}

/// Releases data alone.
///
/// # Errors
/// [`Exit::Held`] where a hold, a freeze or a quarantine stops it, [`Exit::LostRace`], and what steps
/// may fail with.
pub(super) async fn release(
    session: &Session,
    wanted: Wanted,
    say: &dyn Fn(&str),
) -> anyhow::Result<Done> {
    let clients = session.clients()?;
    for _ in 0..TRIES {
        let world = World::fetch(&session.git, &session.config)?;
        let before =
            applier_of(session, &clients, &wanted, say).complete(world.state, None).await?;
        let world = World::fetch(&session.git, &session.config)?;
        let live = world.state.state.newest().and_then(|live| live.data.as_ref());
        let is_live = live.is_some_and(|live| {
            live.place == wanted.data.place && live.version.version == wanted.data.version.version
        });
        if is_live {
            let release = world.state.state.newest_number();
            let (observed, completion) = (world.state, before);
            let superseded = false;
            return Ok(Done { release, changed: false, superseded, completion, observed });
        }
        // What is gone nobody can complete: new data takes its place.
        if !wanted.back && !before.has_lost_data() {
            before.refuse_over_pending_data()?;
        }
        refuse_stopped(session, &world, &wanted)?;
        let newer = live.is_some_and(|live| {
            live.place == wanted.data.place && live.version.created > wanted.made
        });
        let later = world.state.state.newest().is_some_and(|live| live.created > wanted.made);
        if (newer || later && wanted.made_before) && !wanted.back {
            let release = world.state.state.newest_number();
            let (observed, completion) = (world.state, before);
            let superseded = true;
            return Ok(Done { release, changed: false, superseded, completion, observed });
        }
        if let Some(live) = world.state.state.newest() {
            reader::refuse_unreadable(session, live, &wanted.data.version)?;
        }
        if let Some(done) = perform(session, &clients, &world, &wanted, say).await? {
            return Ok(done);
        }
        tracing::info!("the state branch has moved, so it is looked at again");
    }
    let error = format!("the state branch moved {TRIES} times while data was to be released");
    Err(Failed::new(Exit::LostRace, error).with_hint("run it again").into())
}

/// Tells people and programs of it, by what `notify` says. Not to be called from an async function.
pub(super) fn tell(session: &Session, done: &Done, output: &mut Output) -> anyhow::Result<()> {
    let nothing = announce::Done::nothing(done.observed.clone());
    announce::deliver_and_say(session, Some(nothing), output)
}

fn refuse_stopped(session: &Session, world: &World, wanted: &Wanted) -> anyhow::Result<()> {
    let state = &world.state.state;
    let freezes = freeze::open_windows(&session.config.freeze, session.now)?;
    let mut stops = Vec::new();
    if !wanted.back {
        stops = policy::stops_of_data(state, &freezes, session.now);
    }
    let found = DataEvidence::Uploaded { candidate: Box::new(wanted.data.clone()) };
    let overridden = wanted.override_reason.is_some();
    stops.extend(policy::unfit_data(&found, &session.config, state, session.now, overridden));
    if stops.is_empty() {
        return Ok(());
    }
    let why: Vec<String> = stops.iter().map(ToString::to_string).collect();
    Err(Failed::new(Exit::Held, format!("the data was not released: {}", why.join("; ")))
        .with_hint("readers keep the data that they have; `tidegate resume` ends a hold, `tidegate quarantine --lift` a quarantine, a freeze ends by itself; `tidegate data restore --override \"why\"` goes to quarantined data all the same")
        .into())
}

fn applier_of<'a>(
    session: &'a Session,
    clients: &'a Clients,
    wanted: &Wanted,
    say: &'a dyn Fn(&str),
) -> Applier<'a> {
    Applier { stores: wanted.variables.clone(), ..applier(session, clients, say) }
}

async fn perform(
    session: &Session,
    clients: &Clients,
    world: &World,
    wanted: &Wanted,
    say: &dyn Fn(&str),
) -> anyhow::Result<Option<Done>> {
    let state = &world.state.state;
    let release = DataRelease {
        data: NewData { data: wanted.data.clone(), uploaded: wanted.file.is_none() },
        checks: wanted.checks.clone(),
        run: session.identity(),
        run_url: session.run.as_ref().and_then(crate::actions::Run::url),
        now: session.now,
        by: session.actor(),
        reason: wanted.reason.clone(),
        override_reason: wanted.override_reason.clone(),
    };
    let mut steps = plan::data_release(release, state)?;
    if let Some(live) = state.newest() {
        let github = clients.github.is_some();
        let facts = plan::Facts {
            reasons: wanted.reason.iter().cloned().collect(),
            by_hand: session.run.is_none(),
            ..session.facts(NoticeEvent::Data, &live.commit, github)
        };
        plan::announce(&mut steps, facts, state, &session.config);
    }
    let mut performer = applier_of(session, clients, wanted, say);
    if let Some(file) = &wanted.file {
        performer.snapshots.insert(wanted.data.version.sha256.clone(), file.clone());
    }
    match performer.apply(&steps, &world.state).await? {
        Ended::Done(applied) => Ok(Some(Done {
            release: applied.record.map_or(0, |record| record.number),
            changed: true,
            superseded: false,
            completion: applied.completion,
            observed: applied.observed,
        })),
        Ended::Moved { .. } => Ok(None),
    }
}
