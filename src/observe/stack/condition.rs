//! What a service has to have reached before another starts.

use std::time::Duration;

use tokio::time::Instant;

use super::{NotStarted, Up};
use crate::adapters::engine::{Health, Run, State};
use crate::probe::ProbeFailure;
use crate::stack::{Condition, Service};

/// The wait between two looks: short at first.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// One of `depends_on`.
    Condition(Condition),
    /// Its health check passes, where it has one; or it has ended with 0.
    Settled,
}

impl From<Condition> for Wanted {
    fn from(condition: Condition) -> Self {
        Self::Condition(condition)
    }
}

/// How the wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Yes,
    /// The service was not started, which is allowed.
    NotStarted,
}

/// Waits until a started service has reached what is wanted.
pub(super) async fn wait(
    run: &Run,
    service: &Service,
    up: &Up,
    wanted: Wanted,
    deadline: Instant,
) -> Result<Reached, NotStarted> {
    if wanted == Wanted::Condition(Condition::Started) {
        return Ok(Reached::Yes);
    }
    let mut pause = LOOKS.0;
    loop {
        let state = run.state(&up.container).await;
        let state = state.map_err(|error| NotStarted::engine(service, &error))?;
        match look(&state, wanted) {
            Look::Reached => return Ok(Reached::Yes),
            Look::NotYet if Instant::now() < deadline => {}
            Look::NotYet => {
                let seconds = up.since.elapsed().as_secs();
                let what = format!("`{}` is not {} after {seconds} s", service.name, word(wanted));
                return Err(with_log(run, service, up, what).await);
            }
            Look::Never(what) => {
                let what = format!("`{}` {what}", service.name);
                return Err(with_log(run, service, up, what).await);
            }
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
        pause = (pause * 2).min(LOOKS.1);
    }
}

/// Returns how a service came down, where it did.
pub(super) async fn fallen(run: &Run, service: &Service, up: &Up) -> Option<ProbeFailure> {
    let state = run.state(&up.container).await.ok()?;
    match look(&state, Wanted::Settled) {
        Look::Reached | Look::NotYet => None,
        Look::Never(what) => {
            let what = format!("`{}` {what}", service.name);
            Some(ProbeFailure::new(what).with_detail(log(run, up).await))
        }
    }
}

/// What one look shows.
enum Look {
    Reached,
    NotYet,
    /// In words that follow the name of the service.
    Never(String),
}

fn look(state: &State, wanted: Wanted) -> Look {
    match (state, wanted) {
        (State::Exited { code: 0, .. }, Wanted::Settled)
        | (State::Exited { code: 0, .. }, Wanted::Condition(Condition::CompletedSuccessfully))
        | (
            State::Running { health: Health::None | Health::Healthy },
            Wanted::Settled | Wanted::Condition(Condition::Started),
        )
        | (State::Running { health: Health::Healthy }, Wanted::Condition(Condition::Healthy)) => {
            Look::Reached
        }
        (State::Created | State::Running { health: Health::Starting }, _)
        | (State::Running { .. }, Wanted::Condition(Condition::CompletedSuccessfully)) => {
            Look::NotYet
        }
        (State::Running { health: Health::Unhealthy { output } }, _) => {
            let output = output.trim();
            let last = output.lines().last().unwrap_or_default();
            Look::Never(match last {
                "" => "is unhealthy".to_owned(),
                last => format!("is unhealthy: {last}"),
            })
        }
        (State::Running { health: Health::None }, Wanted::Condition(Condition::Healthy)) => {
            let what = "has no health check, and `condition: service_healthy` waits for one";
            Look::Never(what.to_owned())
        }
        (State::Exited { code, oom_killed, error }, _) => {
            let memory = if *oom_killed { ", its memory was used up" } else { "" };
            let words = error.as_deref().map(|error| format!(": {error}")).unwrap_or_default();
            Look::Never(format!("ended with exit code {code}{memory}{words}"))
        }
    }
}

fn word(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Condition(Condition::Started) => "started",
        Wanted::Condition(Condition::Healthy) | Wanted::Settled => "healthy",
        Wanted::Condition(Condition::CompletedSuccessfully) => "at its end",
    }
}

async fn with_log(run: &Run, service: &Service, up: &Up, what: String) -> NotStarted {
    NotStarted::of(service, ProbeFailure::new(what).with_detail(log(run, up).await))
}

/// The end of the log; without one, what happened is said all the same.
async fn log(run: &Run, up: &Up) -> String {
    run.logs(&up.container).await.unwrap_or_default()
}
