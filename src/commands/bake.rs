//! `bake`: watches what is served after a promotion, and takes users back where it fails.
//!
//! 1. The newest record is what is watched, by the configuration of its commit.
//! 2. Look (`watch`), judge ([`crate::policy::bake`]), and look again.
//! 3. Where it fails for good: stable goes back to the release before (`back`), and the commit is
//!    quarantined. Main is not touched, and no hold is set: a commit that mends it can come next.
//! 4. Say what came of it, everywhere (`show`).
//!
//! Nothing is kept of a bake but its rollback: one that is stopped can be begun again.

use std::time::Duration;

use serde::Serialize;

use super::announce::{self, Done};
use super::by_hand::{self, Reach};
use super::session::{Session, block_on, mask_secrets};
use super::status::look::said;
use crate::actions::Permission;
use crate::apply::Completion;
use crate::cli::{self, Global};
use crate::config::{Bake, BakeConfig};
use crate::exit::{Exit, Failed};
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::output::{Output, clean, strong};
use crate::policy::bake::{BakeVerdict, Watched};
use crate::state::Record;

mod back;
mod show;
mod watch;

pub(super) use show::show_beside;
use watch::{Watch, WatchEnd};

/// What came of a bake, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct Baked {
    /// The number of the release that was watched.
    pub(super) release: u64,
    /// Its commit.
    pub(super) commit: CommitSha,
    /// What came of it.
    #[serde(flatten)]
    pub(super) end: End,
    /// The looks.
    pub(super) watched: Watched,
    /// What decides nothing.
    pub(super) warnings: Vec<String>,
    /// Who was told of a rollback: the channel and the notice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) told: Vec<String>,
}

/// How a bake ended.
#[derive(Debug, Serialize)]
#[serde(tag = "bake", rename_all = "snake_case")]
pub(super) enum End {
    /// What is served works.
    Healthy,
    /// Nobody could find out; the release stands.
    Inconclusive {
        /// Why.
        why: String,
    },
    /// A newer release came: it is another bake's business.
    Superseded {
        /// The number of the newest record.
        by: u64,
    },
    /// The process was asked to end; the release stands.
    Stopped {
        /// By which signal.
        signal: &'static str,
    },
    /// Users were taken back.
    RolledBack {
        /// Why.
        reasons: Vec<String>,
        /// The number of the release that came back.
        to_release: u64,
        /// Its commit.
        to: CommitSha,
        /// The number of the new record.
        record: u64,
        /// What was completed, and what is pending.
        completion: Completion,
    },
    /// It fails, and users could not be taken back.
    NotRolledBack {
        /// Why it fails.
        reasons: Vec<String>,
        /// Why users could not be taken back.
        why: String,
        /// What to do about it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        hints: Vec<String>,
        #[serde(skip)]
        exit: Exit,
    },
}

impl End {
    /// Returns the word of the output `bake`.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Inconclusive { .. } => "inconclusive",
            Self::Superseded { .. } => "superseded",
            Self::Stopped { .. } => "stopped",
            Self::RolledBack { .. } => "rolled_back",
            Self::NotRolledBack { .. } => "not_rolled_back",
        }
    }
}

impl Baked {
    /// Returns the exit code.
    pub(super) fn exit(&self) -> Exit {
        match &self.end {
            End::Healthy
            | End::Inconclusive { .. }
            | End::Superseded { .. }
            | End::Stopped { .. } => Exit::Done,
            End::RolledBack { .. } => Exit::RolledBack,
            End::NotRolledBack { exit, .. } => *exit,
        }
    }
}

pub(super) fn run(global: &Global, args: &cli::Bake, output: &mut Output) -> anyhow::Result<Exit> {
    let mut session = by_hand::open(global, &args.place, Reach::Remote, output)?;
    mask_secrets(&session, output)?;
    refuse_event(&session)?;
    by_hand::complete_first(&session, output)?;
    let progress = output.progress("looking at the remote");
    let world = World::fetch(&session.git, &session.config)?;
    drop(progress);
    let state = &world.state.state;
    // A release of data alone brought no code that could be watched.
    let code =
        state.newest().map(|newest| state.records.get(&newest.code_release()).unwrap_or(newest));
    let Some(record) = code.cloned() else {
        let error = "nothing was ever released, so there is nothing to watch";
        return Err(Failed::new(Exit::NoGoodCommit, error).into());
    };
    if !record.kind.is_promotion() {
        let error = format!(
            "release {} took users back to {}; only what a promotion brought is watched",
            record.number,
            record.commit.short()
        );
        return Err(Failed::new(Exit::Usage, error)
            .with_hint(
                "`tidegate status` says whether all shows it; the next promotion can be watched",
            )
            .into());
    }
    let config = session.config_at(&record.commit)?;
    session.work_by(config);
    let Some(bake) = session.config.bake.as_ref().map(BakeConfig::bake) else {
        let error = format!("the configuration of {} has no `bake`", record.commit.short());
        return Err(Failed::new(Exit::Usage, error)
            .with_hint("say in .github/tidegate.yml what is asked: `bake: { for: 10m, probe: { kind: http, url: https://... } }`; it counts from the next release on")
            .into());
    };
    let baked = watch_and_decide(&mut session, world, &record, &bake, args.duration, output)?;
    show::show(&session, &baked, output)?;
    Ok(baked.exit())
}

/// Watches what the gate has just promoted; `None` where the configuration says nothing of it, or
/// users do not get the release yet.
///
/// # Errors
/// Those of looking at the remote. What goes wrong with a rollback is an end of the bake.
pub(super) fn after_promotion(
    session: &mut Session,
    record: &Record,
    completion: &Completion,
    output: &mut Output,
) -> anyhow::Result<Option<Baked>> {
    let config = session.config_at(&record.commit)?;
    session.work_by(config);
    let Some(bake) = session.config.bake.as_ref().map(BakeConfig::bake) else { return Ok(None) };
    if !completion.pending.is_empty() {
        output.warning(&format!(
            "release {} is not complete, so it is not watched; `tidegate bake` does it later",
            record.number
        ))?;
        return Ok(None);
    }
    let world = World::fetch(&session.git, &session.config)?;
    watch_and_decide(session, world, record, &bake, None, output).map(Some)
}

/// What comes from a fork, a pull request or another branch takes nobody back.
fn refuse_event(session: &Session) -> anyhow::Result<()> {
    let Some(run) = &session.run else { return Ok(()) };
    let refused = match run.permission(&session.config.branch) {
        Permission::AllVerdicts | Permission::PromoteOrHold => return Ok(()),
        Permission::ReportOnly => "a pull request or a merge queue releases nothing".to_owned(),
        Permission::Refused(refusal) => refusal.to_string(),
    };
    Err(Failed::new(Exit::Refused, refused).into())
}

fn watch_and_decide(
    session: &mut Session,
    world: World,
    record: &Record,
    bake: &Bake,
    duration: Option<Duration>,
    output: &mut Output,
) -> anyhow::Result<Baked> {
    let duration = duration.unwrap_or(bake.duration);
    announce_watch(session, &world, record, bake, duration, output)?;
    let mut watched = Watched::default();
    let end = {
        let watch = Watch::new(session, record, bake, duration);
        let mut say = |line: String| {
            // There is nobody to tell where standard error is gone.
            let _ = output.note(clean(&line));
        };
        block_on(async { Ok(watch.run(world, &mut watched, &mut say).await) })?
    };
    let mut warnings = watched.warnings(record.number);
    let mut told = Vec::new();
    let end = match end {
        WatchEnd::Superseded { by } => End::Superseded { by },
        WatchEnd::Stopped { signal } => End::Stopped { signal },
        WatchEnd::Judged(BakeVerdict::Continue | BakeVerdict::Healthy) => End::Healthy,
        WatchEnd::Judged(BakeVerdict::Inconclusive { why }) => End::Inconclusive { why },
        WatchEnd::Judged(BakeVerdict::RollBack { reasons }) => {
            // A token of an App lives for an hour; what cannot be renewed may still be good.
            if session.app_token.is_some()
                && let Err(error) = session.log_in(output)
            {
                warnings.push(said(error));
            }
            let (end, done) = back::take_back(session, record, reasons, output);
            if let Some(done) = done {
                let delivered = announce::deliver(session, done, output)?;
                told = delivered.delivered;
                warnings.extend(delivered.warnings);
            }
            end
        }
    };
    let (release, commit) = (record.number, record.commit.clone());
    Ok(Baked { release, commit, end, watched, warnings, told })
}

/// Says what is watched, for how long, and what happens where it fails.
fn announce_watch(
    session: &Session,
    world: &World,
    record: &Record,
    bake: &Bake,
    duration: Duration,
    output: &mut Output,
) -> anyhow::Result<()> {
    output.note(format!(
        "{} release {} ({}) for {duration:?}: {}",
        strong("watching"),
        record.number,
        record.commit.short(),
        clean(&bake.probe.name)
    ))?;
    let failures = bake.failures;
    let in_a_row = if failures == 1 { "failure" } else { "failures in a row" };
    match back::target(session, world, record) {
        Ok(target) => output.note(format!(
            "  after {failures} {in_a_row} users go back to release {} ({})",
            target.number,
            target.commit.short()
        ))?,
        Err(error) => output
            .warning(&format!("where it fails, users cannot be taken back: {}", said(error)))?,
    }
    Ok(())
}

/// Takes what was done into account for who is told.
fn done(applied: &crate::apply::Applied) -> Done {
    Done::of(applied)
}
