//! The looks of a bake, on the clock of the runtime.

use std::time::Duration;

use tokio::time::Instant;

use crate::adapters::engine::stop_signal;
use crate::commands::session::{SECRETS, Session};
use crate::config::Bake;
use crate::evidence::probes::ProbeFound;
use crate::evidence::served::Served;
use crate::model::CommitSha;
use crate::observe::probes::{self, Context};
use crate::observe::served;
use crate::observe::world::World;
use crate::policy::bake::{BakeVerdict, Look, Watched};
use crate::probe::{Probe, Timing};
use crate::secret::Redactor;
use crate::state::Record;

/// How long the app may take to show its commit.
const SERVED: Duration = Duration::from_secs(10);

/// How watching ended.
pub(super) enum WatchEnd {
    /// The looks decide.
    Judged(BakeVerdict),
    /// Another record is the newest.
    Superseded {
        /// Its number.
        by: u64,
    },
    /// The process was asked to end.
    Stopped {
        /// By which signal.
        signal: &'static str,
    },
}

/// What is watched.
pub(super) struct Watch<'a> {
    session: &'a Session,
    record: &'a Record,
    bake: &'a Bake,
    duration: Duration,
    probe: Probe,
    redactor: Redactor,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        session: &'a Session,
        record: &'a Record,
        bake: &'a Bake,
        duration: Duration,
    ) -> Self {
        // One look is one attempt: the bake counts by itself, and the app runs already.
        let timing = Timing { start_period: Duration::ZERO, retries: 0, ..bake.probe.timing };
        let probe = Probe { timing, ..bake.probe.clone() };
        let redactor = session.redactor();
        Self { session, record, bake, duration, probe, redactor }
    }

    /// Looks until it is clear what follows. `say` is told what changes.
    pub(super) async fn run(
        &self,
        mut world: World,
        watched: &mut Watched,
        say: &mut dyn FnMut(String),
    ) -> WatchEnd {
        let mut stop = std::pin::pin!(stop_signal());
        let end = Instant::now() + self.duration;
        let mut said = None;
        loop {
            let begun = Instant::now();
            let late = begun > end;
            let look = tokio::select! {
                biased;
                signal = &mut stop => return WatchEnd::Stopped { signal: signal.name() },
                look = self.look(&world) => look,
            };
            let line = in_words(&look);
            if said.as_ref() != Some(&line) {
                say(format!("  look {}: {line}", watched.looks.saturating_add(1)));
                said = Some(line);
            }
            watched.take(look, late);
            if let Some(by) = self.overtaken(&mut world) {
                return WatchEnd::Superseded { by };
            }
            let over = Instant::now() >= end;
            match watched.judge(self.bake.failures, over) {
                BakeVerdict::Continue => {}
                verdict @ (BakeVerdict::Healthy
                | BakeVerdict::RollBack { .. }
                | BakeVerdict::Inconclusive { .. }) => return WatchEnd::Judged(verdict),
            }
            // The last look is made when the time is over, and not an interval later.
            let next = begun + self.bake.interval;
            let next = if over { next } else { next.min(end) };
            tokio::select! {
                biased;
                signal = &mut stop => return WatchEnd::Stopped { signal: signal.name() },
                () = tokio::time::sleep_until(next) => {}
            }
        }
    }

    /// Asks which version is served, and then, unless that is another one, whether it works.
    async fn look(&self, world: &World) -> Look {
        if let Some(config) = &self.session.config.served {
            let patience = SERVED.min(self.probe.timing.timeout);
            match served::ask(config, &world.state.state, patience).await {
                Served::Older { release, commit } => return Look::Older { release, commit },
                served @ Served::Unknown { .. } if !self.is_ours(&served, world) => {
                    let why = format!("the app {served}");
                    return Look::Probed(ProbeFound::Unknown { why });
                }
                // An app that fails may well show nothing: that proves nothing against it.
                Served::Same { .. }
                | Served::Unknown { .. }
                | Served::NotShown { .. }
                | Served::Unreachable { .. } => {}
            }
        }
        let context = Context {
            root: &self.session.root,
            redactor: &self.redactor,
            hidden: &SECRETS,
            registries: None,
            platform: None,
            deadline: None,
            on_step: &|_| {},
        };
        Look::Probed(probes::run_url(&self.probe, &context).await.found)
    }

    /// Tells whether a commit that no record names shows the release all the same: that of the stable
    /// branch, which is deployed from, or another one with the same tree.
    fn is_ours(&self, served: &Served, world: &World) -> bool {
        let Served::Unknown { shown } = served else { return false };
        let git = &self.session.git;
        let of_branch = world.refs.branch(&self.record.places.stable_branch);
        let shows = |commit: &CommitSha| commit.as_str().starts_with(shown.as_str());
        let tree = |commit: CommitSha| git.commit(&commit).ok().map(|info| info.tree);
        of_branch.is_some_and(shows)
            || git.local_commit(shown).and_then(tree).as_ref() == Some(&self.record.tree)
    }

    /// Returns the number of the newest record where it is another one by now. A remote that does not
    /// answer says nothing.
    fn overtaken(&self, world: &mut World) -> Option<u64> {
        let (git, config) = (&self.session.git, &self.session.config);
        let newest = || -> anyhow::Result<Option<World>> {
            let head: Option<CommitSha> = git.list_remote()?.branch(&config.state_branch).cloned();
            if head == world.state.head {
                return Ok(None);
            }
            World::fetch(git, config).map(Some)
        };
        match newest() {
            Ok(Some(fresh)) => *world = fresh,
            Ok(None) => {}
            Err(error) => tracing::info!("whether a newer release came is not known: {error:#}"),
        }
        // Other data does not end the watch over the code.
        let newest =
            world.state.state.newest().filter(|newest| newest.code_release() != self.record.number);
        newest.map(|newest| newest.number)
    }
}

fn in_words(look: &Look) -> String {
    match look {
        Look::Older { release, commit } => {
            format!("still serves release {release} ({}), which does not count", commit.short())
        }
        Look::Probed(ProbeFound::Passed { .. }) => "passed".to_owned(),
        Look::Probed(ProbeFound::Failed(failure)) => format!("failed: {}", failure.what),
        Look::Probed(ProbeFound::Unknown { why }) => format!("could not be made: {why}"),
    }
}
