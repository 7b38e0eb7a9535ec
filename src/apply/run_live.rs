//! Runs a command of `before_promote` with the environment of what users see.
//!
//! It runs in a container of its own, on a network on which nothing else is: neither the services of
//! the probes nor their databases.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Applier, ApplyError, Ran};
use crate::adapters::engine::{self, Engine, EngineError, Finished, ImageId, Run};
use crate::plan::LiveStep;
use crate::secret::Secret;
use crate::stack::{Service, Value};

/// What starting and removing its container takes at most.
const AROUND: Duration = Duration::from_mins(5);

/// How many of the last lines that it printed are part of an error.
const LINES: usize = 20;

impl Applier<'_> {
    pub(super) async fn run_live(&self, step: &LiveStep) -> anyhow::Result<()> {
        let wrong = |problem: String, ran| ApplyError::BeforePromote {
            command: step.short(),
            problem,
            ran,
        };
        let service = self.live_service(step).map_err(|problem| wrong(problem, Ran::No))?;
        let not_begun = |error: EngineError| wrong(format!("cannot run: {error}"), Ran::No);
        let mut told = std::pin::pin!(engine::stop_signal());
        let started = async {
            let mut options =
                engine::Options::from_env(self.config.containers.engine.clone(), self.environment);
            options.pull_timeout = Some(self.config.containers.pull_timeout());
            options.redactor = self.redactor.clone();
            let engine = Engine::connect(&options).await.map_err(not_begun)?;
            let login = match engine::registry_of(&service.image) {
                Some(host) => Some(self.registries.login(host, true).await?),
                None => None,
            };
            let platform = self.config.containers.platform.as_deref();
            let image = engine.pull(&service.image, platform, login.as_ref());
            let image = image.await.map_err(not_begun)?;
            let longest = AROUND.saturating_add(Duration::from_secs(step.timeout));
            let run = engine.begin(longest).await.map_err(not_begun)?;
            anyhow::Ok((run, image))
        };
        let (run, image) = tokio::select! {
            biased;
            signal = &mut told => {
                return Err(wrong(format!("was stopped by {}", signal.name()), Ran::No).into());
            }
            begun = started => begun?,
        };
        let ended = tokio::select! {
            biased;
            signal = &mut told => {
                Err(wrong(format!("was stopped by {}", signal.name()), Ran::Perhaps))
            }
            ended = once(&run, &service, &image, step) => {
                ended.map_err(|(problem, ran)| wrong(problem, ran))
            }
        };
        if let Err(error) = run.remove().await {
            tracing::warn!("{error}");
        }
        Ok(ended?)
    }

    /// The container that the configuration makes of the image, with the live environment over it.
    fn live_service(&self, step: &LiveStep) -> Result<Service, String> {
        let lookup = |name: &str| (self.environment)(name);
        let digests = BTreeMap::from([(step.image.clone(), step.digest.clone())]);
        let mut service = self
            .config
            .containers
            .candidate_of(&step.image, &digests, &lookup)
            .map_err(|error| format!("cannot run: {error}; {}", error.hint()))?;
        let plain = step.env.iter().map(|(name, value)| (name, Value::Plain(value.clone())));
        service.env.extend(plain.map(|(name, value)| (name.clone(), value)));
        for secret in &step.secrets {
            let (name, from) = secret.split_once('=').unwrap_or((secret, secret));
            let value = lookup(from).ok_or_else(|| {
                format!("cannot run: the environment has no {from}, which `live.secrets` names")
            })?;
            service.env.insert(name.to_owned(), Value::Secret(Secret::new(value)));
        }
        Ok(service)
    }
}

async fn once(
    run: &Run,
    service: &Service,
    image: &ImageId,
    step: &LiveStep,
) -> Result<(), (String, Ran)> {
    let timeout = Duration::from_secs(step.timeout);
    match run.once(service, image, &step.run, timeout).await {
        Ok(Finished { exit_code: Some(0), .. }) => Ok(()),
        Ok(Finished { exit_code: Some(code), oom_killed, output }) => {
            let memory = if oom_killed { ", its memory was used up" } else { "" };
            Err((format!("ended with exit code {code}{memory}{}", tail(&output)), Ran::Yes))
        }
        Ok(Finished { exit_code: None, output, .. }) => {
            let problem = format!("took longer than {} s{}", step.timeout, tail(&output));
            Err((problem, Ran::Perhaps))
        }
        Err(error) if error.is_conclusive() => Err((format!("cannot run: {error}"), Ran::No)),
        Err(error) => Err((format!("was lost sight of: {error}"), Ran::Perhaps)),
    }
}

/// The end of what the command printed, as a part of a sentence.
fn tail(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LINES)..];
    if last.is_empty() { String::new() } else { format!(" ({})", last.join(" | ")) }
}
