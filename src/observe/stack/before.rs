//! The commands of `before_promote`: in the image of a candidate, before any candidate starts.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::condition::Wanted;
use super::{NotStarted, Starter, independent};
use crate::adapters::engine::{Finished, Health, State};
use crate::probe::ProbeFailure;
use crate::stack::{Before, Service};

/// How long a command is tried again that may have come before a database was ready: one without a
/// health check does not say when it is.
const NOT_READY: Duration = Duration::from_secs(30);
/// The wait between two tries.
const PAUSE: Duration = Duration::from_secs(1);

impl Starter<'_> {
    /// Runs the commands one after the other, and then lets the candidates start.
    pub(super) async fn before(&self) -> Result<(), NotStarted> {
        if self.stack.before.is_empty() {
            return Ok(());
        }
        let others = independent(self.stack);
        try_join_all(others.iter().map(|service| self.settled(service))).await?;
        let ready =
            Instant::now() + if self.all_tell(&others).await { Duration::ZERO } else { NOT_READY };
        for before in &self.stack.before {
            self.command(before, ready).await?;
        }
        self.candidates_may.send_replace(true);
        Ok(())
    }

    async fn settled(&self, service: &Service) -> Result<(), NotStarted> {
        match self.wait(service, Wanted::Settled).await {
            Ok(_) => Ok(()),
            Err(error) if self.is_optional(service) => {
                tracing::debug!("not needed: {error:?}");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Whether each of the services has a health check, or has ended.
    async fn all_tell(&self, services: &[&Service]) -> bool {
        for service in services {
            let up = self.signals.get(&service.name).and_then(|signal| signal.borrow().clone());
            let Some(up) = up.flatten() else { continue };
            if let Ok(State::Running { health: Health::None }) = self.run.state(&up.container).await
            {
                return false;
            }
        }
        true
    }

    /// Runs one command, again and again until `ready`.
    async fn command(&self, before: &Before, ready: Instant) -> Result<(), NotStarted> {
        let unknown = |what: String| NotStarted::Unknown {
            service: before.service.clone(),
            failure: ProbeFailure::new(what),
        };
        let found = self.stack.services.get(&before.service).zip(self.images.get(&before.service));
        let Some((service, image)) = found else {
            return Err(unknown(format!("`before_promote` names no service: {}", before.service)));
        };
        (self.on_step)(&format!("running {} in {}", short(&before.run), before.service));
        loop {
            let ran = self.run.once(service, image, &before.run, before.timeout).await;
            let finished = ran.map_err(|error| NotStarted::engine(service, &error))?;
            let Some(what) = wrong(before, &finished) else { return Ok(()) };
            // What took too long would do so again.
            if finished.exit_code.is_none() || Instant::now() >= ready {
                let failure = ProbeFailure::new(what).with_detail(finished.output);
                return Err(NotStarted::Failed { service: before.service.clone(), failure });
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Says what is wrong with how a command ended.
fn wrong(before: &Before, finished: &Finished) -> Option<String> {
    let run = short(&before.run);
    let memory = if finished.oom_killed { ", its memory was used up" } else { "" };
    match finished.exit_code {
        Some(0) => None,
        Some(code) => Some(format!("before_promote: {run} ended with exit code {code}{memory}")),
        None => {
            let seconds = before.timeout.as_secs();
            Some(format!("before_promote: {run} took longer than {seconds} s"))
        }
    }
}

/// The first line of a command, not too long, as code.
fn short(run: &str) -> String {
    let line = run.trim().lines().next().unwrap_or_default();
    let more = line.chars().count() > 80 || run.trim().contains('\n');
    let line: String = line.chars().filter(|c| !c.is_control()).take(80).collect();
    format!("`{line}{}`", if more { "…" } else { "" })
}
