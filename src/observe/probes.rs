//! Runs the probes: asks the candidate, or a URL, until it is clear whether it works.
//!
//! 1. The images of the stack are pulled by digest, and its services started (`probes/stack.rs`).
//! 2. All probes run side by side, each by its own times (`probes/schedule.rs`); the end of a
//!    container that is probed decides at once (`probes/watch.rs`).
//! 3. Everything that was started is removed, whatever came of it.
//!
//! A probe that fails says something about the candidate: [`ProbeFound::Failed`]. An engine that is
//! missing, an image that cannot be pulled or a name that cannot be resolved says nothing about it:
//! [`ProbeFound::Unknown`].

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::probe::{Probe, ProbeFailure, Target};
use crate::secret::Redactor;

mod command;
mod http;
mod kinds;
mod schedule;
mod shown;
mod tcp;

use kinds::{Asked, Kind};

/// What probes need besides the candidate.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The root of the repository, in which commands run on the runner.
    pub root: &'a Path,
    /// What is not shown of any answer, output or log.
    pub redactor: &'a Redactor,
    /// Variables of the environment that hold tidegate's own secrets: commands do not get them.
    pub hidden: &'a [&'a str],
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
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
            let why = "it was not finished in the time that there was".to_owned();
            evidence(probe, ProbeFound::Unknown { why }, 0, started.elapsed(), context.redactor)
        }),
        None => work.await,
    }
}

/// Says of a probe that nobody could find out, and why.
pub fn unknown(probe: &Probe, why: String, redactor: &Redactor) -> ProbeEvidence {
    evidence(probe, ProbeFound::Unknown { why }, 0, Duration::ZERO, redactor)
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
    let found = match found {
        ProbeFound::Passed { seen } => ProbeFound::Passed { seen: shown::line(&seen, redactor) },
        ProbeFound::Failed(failure) => ProbeFound::Failed(fit(failure, redactor)),
        ProbeFound::Unknown { why } => ProbeFound::Unknown { why: shown::line(&why, redactor) },
    };
    let target = match &probe.target {
        // The query may hold a key.
        Target::Url(url) => crate::http::without_query(url),
        target @ (Target::Service { .. } | Target::Runner) => target.to_string(),
    };
    ProbeEvidence {
        name: shown::line(&probe.name, redactor),
        kind: probe.check.kind().to_owned(),
        target: shown::line(&target, redactor),
        found,
        attempts,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

fn fit(failure: ProbeFailure, redactor: &Redactor) -> ProbeFailure {
    let detail = failure.detail.map(|detail| shown::lines(&detail, redactor));
    ProbeFailure::new(shown::line(&failure.what, redactor)).with_detail(detail.unwrap_or_default())
}
