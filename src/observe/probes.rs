//! Runs the probes: asks the candidate, or a URL, until it is clear whether it works.
//!
//! 1. The images of the stack are pulled by digest, side by side, and its services started
//!    (`probes/stack.rs`).
//! 2. All probes run side by side (`probes/all.rs`), each by its own times (`probes/schedule.rs`);
//!    the end of a container that is probed decides at once (`probes/ends.rs`).
//! 3. Everything that was started is removed, whatever came of it, also on SIGINT and SIGTERM.
//!
//! A probe that fails says something about the candidate: [`ProbeFound::Failed`]. An engine that is
//! missing, an image that cannot be pulled or a name that cannot be resolved says nothing about it:
//! [`ProbeFound::Unknown`].

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::adapters::engine::{self, Engine, StopSignal};
use crate::adapters::registry::Registries;
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::probe::{Probe, ProbeFailure, Target};
use crate::secret::Redactor;
use crate::stack::Stack;

mod all;
mod command;
mod ends;
mod health;
mod http;
mod kinds;
mod schedule;
pub(in crate::observe) mod shown;
mod stack;
mod tcp;

use kinds::{Asked, Kind};
pub use stack::run_stack;

/// What probes need besides the candidate.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The root of the repository, in which commands run on the runner.
    pub root: &'a Path,
    /// What is not shown of any answer, output or log, besides the secrets of the stack.
    pub redactor: &'a Redactor,
    /// Variables of the environment that hold tidegate's own secrets: commands do not get them.
    pub hidden: &'a [&'a str],
    /// Knows the logins for registries; without it, images are pulled without one.
    pub registries: Option<&'a Registries>,
    /// The platform that is run (`linux/amd64`); without it, the engine's own.
    pub platform: Option<&'a str>,
    /// When all of it has to be over; probes that are not finished then found out nothing.
    pub deadline: Option<Instant>,
    /// Is told each step, for people who wait.
    pub on_step: &'a dyn Fn(&str),
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("root", &self.root).finish_non_exhaustive()
    }
}

/// What came of the probes of a stack.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StackResult {
    /// What each probe found, in the order in which they were given.
    pub probes: Vec<ProbeEvidence>,
    /// What people should know besides, one line each.
    pub warnings: Vec<String>,
}

/// The process was told to end before the probes did. Nothing is left running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {} while the probes ran; what was started for them is removed", .signal.name())]
pub struct Stopped {
    /// What it was told.
    pub signal: StopSignal,
}

/// Runs all probes: starts the stack where it has services, and removes it afterwards.
///
/// # Errors
/// [`Stopped`] where the process got SIGINT or SIGTERM.
pub async fn run(
    stack: &Stack,
    probes: &[Probe],
    options: &engine::Options,
    context: &Context<'_>,
) -> Result<StackResult, Stopped> {
    if !stack.services.is_empty() {
        let engine = tokio::select! {
            biased;
            signal = engine::stop_signal() => return Err(Stopped { signal }),
            engine = Engine::connect(options) => engine,
        };
        return match engine {
            Ok(engine) => run_stack(stack, probes, &engine, context).await,
            Err(error) => Ok(stack::without(stack, probes, &error.to_string(), context.redactor)),
        };
    }
    let asked = probes.iter().map(|probe| run_url(probe, context));
    let probes = tokio::select! {
        biased;
        signal = engine::stop_signal() => return Err(Stopped { signal }),
        probes = futures_util::future::join_all(asked) => probes,
    };
    Ok(StackResult { probes, warnings: Vec::new() })
}

/// Runs a probe that needs no container: of a URL, or a command on the runner.
///
/// Its start period begins now. It takes at most [`Timing::longest`](crate::probe::Timing::longest).
pub async fn run_url(probe: &Probe, context: &Context<'_>) -> ProbeEvidence {
    let none = BTreeMap::new();
    let asked = match &probe.target {
        Target::Url(url) => Asked::Url(url),
        Target::Runner => Asked::Runner(&none),
        Target::Service { service, .. } => {
            let why = format!("it asks the container of {service:?}, and no container was started");
            return unknown(probe, why, context.redactor);
        }
    };
    let started = Instant::now();
    let work = ask(probe, asked, started, context.redactor, context);
    match context.deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work)
            .await
            .unwrap_or_else(|_| out_of_time(probe, started, context.redactor)),
        None => work.await,
    }
}

/// Says of a probe that nobody could find out, and why.
pub fn unknown(probe: &Probe, why: String, redactor: &Redactor) -> ProbeEvidence {
    evidence(probe, ProbeFound::Unknown { why }, 0, Duration::ZERO, redactor)
}

fn all_unknown(probes: &[Probe], why: &str, redactor: &Redactor) -> Vec<ProbeEvidence> {
    probes.iter().map(|probe| unknown(probe, why.to_owned(), redactor)).collect()
}

fn out_of_time(probe: &Probe, started: Instant, redactor: &Redactor) -> ProbeEvidence {
    let why = "it was not finished in the time that there was".to_owned();
    evidence(probe, ProbeFound::Unknown { why }, 0, started.elapsed(), redactor)
}

/// Makes the attempts of one probe.
async fn ask(
    probe: &Probe,
    asked: Asked<'_>,
    started: Instant,
    redactor: &Redactor,
    context: &Context<'_>,
) -> ProbeEvidence {
    let timing = &probe.timing;
    let (found, attempts) = match Kind::new(probe, asked, redactor, context) {
        Ok(kind) => {
            schedule::run(timing, started, async || kind.attempt(timing.timeout).await).await
        }
        Err(why) => (ProbeFound::Unknown { why }, 0),
    };
    evidence(probe, found, attempts, started.elapsed(), redactor)
}

/// Puts together what a probe found. Every text of others passes through here, and is made fit to be
/// shown.
fn evidence(
    probe: &Probe,
    found: ProbeFound,
    attempts: u32,
    took: Duration,
    redactor: &Redactor,
) -> ProbeEvidence {
    let target = match &probe.target {
        // The query may hold a key.
        Target::Url(url) => crate::http::without_query(url),
        target @ (Target::Service { .. } | Target::Runner) => target.to_string(),
    };
    ProbeEvidence {
        name: shown::line(&probe.name, redactor),
        kind: probe.check.kind().to_owned(),
        target: shown::line(&target, redactor),
        found: fit_found(found, redactor),
        attempts,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn fit_found(found: ProbeFound, redactor: &Redactor) -> ProbeFound {
    match found {
        ProbeFound::Passed { seen } => ProbeFound::Passed { seen: shown::line(&seen, redactor) },
        ProbeFound::Failed(failure) => ProbeFound::Failed(fit(failure, redactor)),
        ProbeFound::Unknown { why } => {
            ProbeFound::Unknown { why: shown::long_line(&why, redactor) }
        }
    }
}

fn fit(failure: ProbeFailure, redactor: &Redactor) -> ProbeFailure {
    let detail = failure.detail.map(|detail| shown::lines(&detail, redactor));
    ProbeFailure::new(shown::long_line(&failure.what, redactor))
        .with_detail(detail.unwrap_or_default())
}
