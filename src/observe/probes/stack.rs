//! Starts a stack, runs the probes on it, and removes it, whatever came of it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::all::Running;
use super::{Context, StackResult, Stopped, all_unknown, evidence, fit_found};
use crate::adapters::engine::{self, Engine, ImageId, Run};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::observe::stack::{self, NotStarted};
use crate::probe::{Probe, ProbeFailure, Target};
use crate::secret::Redactor;
use crate::stack::{ServiceImage, Stack, Value};

/// What starting and removing containers takes at most, besides what their parts may take.
const AROUND: Duration = Duration::from_mins(10);

/// Runs all probes on a stack that is started for them, and removed afterwards.
///
/// An engine that does not do what it is asked for is no fault of the candidate: all probes then
/// found out nothing.
///
/// # Errors
/// [`Stopped`] where the process got SIGINT or SIGTERM.
pub async fn run_stack(
    stack: &Stack,
    probes: &[Probe],
    engine: &Engine,
    context: &Context<'_>,
) -> Result<StackResult, Stopped> {
    let redactor = with_secrets(stack, context.redactor);
    // One listener for all of it: a signal between two of them would be lost.
    let mut stop = std::pin::pin!(engine::stop_signal());
    let images = tokio::select! {
        biased;
        signal = &mut stop => return Err(Stopped { signal }),
        images = in_time(context, pull(stack, engine, context)) => images,
    };
    let unknown = |why: &str| without(stack, probes, why, &redactor);
    let images = match images {
        Ok(images) => images,
        Err(why) => return Ok(unknown(&why)),
    };
    let begun = tokio::select! {
        biased;
        signal = &mut stop => return Err(Stopped { signal }),
        // The start may take as long, and the probes come after it.
        begun = engine.begin(longest(stack, probes).saturating_mul(2)) => begun,
    };
    let run = match begun {
        Ok(run) => run,
        Err(error) => return Ok(unknown(&error.to_string())),
    };
    let outcome = tokio::select! {
        biased;
        signal = &mut stop => Err(Stopped { signal }),
        result = inside(stack, probes, &run, &images, &redactor, context) => Ok(result),
    };
    (context.on_step)("removing the containers");
    let removed = run.remove().await;
    let mut result = outcome?;
    if let Err(error) = removed {
        result.warnings.push(error.to_string());
    }
    Ok(result)
}

/// All that happens between the begin and the removal of a run.
async fn inside(
    stack: &Stack,
    probes: &[Probe],
    run: &Run,
    images: &BTreeMap<String, ImageId>,
    redactor: &Redactor,
    context: &Context<'_>,
) -> StackResult {
    let begun = Instant::now();
    let longest = match context.deadline {
        Some(deadline) => longest(stack, probes).min(deadline.saturating_duration_since(begun)),
        None => longest(stack, probes),
    };
    match stack::start(stack, run, images, longest, context.on_step).await {
        Ok(started) if probes.is_empty() => StackResult {
            probes: vec![of_start(
                stack,
                ProbeFound::Passed { seen: "started".to_owned() },
                begun.elapsed(),
                redactor,
            )],
            warnings: started.warnings,
        },
        Ok(started) => {
            (context.on_step)("probing");
            let mut result = Running { stack, run, started: &started.services, redactor, context }
                .probe(probes)
                .await;
            result.warnings.splice(0..0, started.warnings);
            result
        }
        Err(NotStarted::Unknown { failure, .. }) => {
            without(stack, probes, &with_last_line(&failure), redactor)
        }
        Err(NotStarted::Failed { service, failure }) => {
            let found = ProbeFound::Failed(failure.clone());
            let probes = match probes {
                [] => vec![of_start(stack, found, begun.elapsed(), redactor)],
                probes => all_failed(probes, &service, &failure, redactor),
            };
            StackResult { probes, warnings: Vec::new() }
        }
    }
}

/// Nobody could find out anything.
pub(super) fn without(
    stack: &Stack,
    probes: &[Probe],
    why: &str,
    redactor: &Redactor,
) -> StackResult {
    let probes = match probes {
        [] => {
            let found = ProbeFound::Unknown { why: why.to_owned() };
            vec![of_start(stack, found, Duration::ZERO, redactor)]
        }
        probes => all_unknown(probes, why, redactor),
    };
    StackResult { probes, warnings: Vec::new() }
}

/// What a hold shows of the log of a service.
fn with_last_line(failure: &ProbeFailure) -> String {
    let detail = failure.detail.as_deref().unwrap_or_default();
    match detail.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("{}: {line}", failure.what),
        None => failure.what.clone(),
    }
}

/// Stands for the probes of a stack that has none: its start is what is tried.
fn of_start(
    stack: &Stack,
    found: ProbeFound,
    took: Duration,
    redactor: &Redactor,
) -> ProbeEvidence {
    let services: Vec<&str> = stack.services.keys().map(String::as_str).collect();
    ProbeEvidence {
        name: "start of the containers".to_owned(),
        kind: "stack".to_owned(),
        target: services.join(", "),
        found: fit_found(found, redactor),
        attempts: 1,
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// A service that cannot be started fails its probes; where it has none, those of all services,
/// which cannot do without it.
fn all_failed(
    probes: &[Probe],
    service: &str,
    failure: &ProbeFailure,
    redactor: &Redactor,
) -> Vec<ProbeEvidence> {
    let of_it = |probe: &Probe| matches!(&probe.target, Target::Service { service: name, .. } if name == service);
    let has_own = probes.iter().any(of_it);
    let fails = |probe: &Probe| match probe.target {
        Target::Service { .. } => of_it(probe) || !has_own,
        Target::Url(_) | Target::Runner => false,
    };
    // Somebody has to say it.
    let none = !probes.iter().any(fails);
    probes
        .iter()
        .map(|probe| {
            let found = if none || fails(probe) {
                ProbeFound::Failed(failure.clone())
            } else {
                ProbeFound::Unknown { why: format!("not run: {}", failure.what) }
            };
            evidence(probe, found, 0, Duration::ZERO, redactor)
        })
        .collect()
}

/// Pulls the images of all services side by side.
async fn pull(
    stack: &Stack,
    engine: &Engine,
    context: &Context<'_>,
) -> Result<BTreeMap<String, ImageId>, String> {
    let mut distinct: Vec<&ServiceImage> = Vec::new();
    for service in stack.services.values() {
        if !distinct.contains(&&service.image) {
            distinct.push(&service.image);
        }
    }
    let pulls = distinct.iter().map(|image| async move {
        let login = match (context.registries, engine::registry_of(image)) {
            (Some(registries), Some(host)) => {
                let ours = matches!(image, ServiceImage::Candidate { .. });
                Some(registries.login(host, ours).await.map_err(|error| error.to_string())?)
            }
            (None, _) | (_, None) => None,
        };
        (context.on_step)(&format!("pulling {}", name_of(image)));
        let pulled = engine.pull(image, context.platform, login.as_ref()).await;
        pulled.map(|id| (*image, id)).map_err(|error| error.to_string())
    });
    let pulled = try_join_all(pulls).await?;
    let id_of = |image: &ServiceImage| {
        pulled.iter().find(|(pulled, _)| *pulled == image).map(|(_, id)| id.clone())
    };
    Ok(stack
        .services
        .iter()
        .filter_map(|(name, service)| Some((name.clone(), id_of(&service.image)?)))
        .collect())
}

fn name_of(image: &ServiceImage) -> String {
    match image {
        ServiceImage::Candidate { image, .. } => image.to_string(),
        ServiceImage::Given(name) => name.clone(),
    }
}

async fn in_time<T>(
    context: &Context<'_>,
    work: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    match context.deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.unwrap_or_else(|_| {
            Err("the images were not pulled in the time that there was".to_owned())
        }),
        None => work.await,
    }
}

/// The longest time that the start of the containers may take, or the probes after it.
fn longest(stack: &Stack, probes: &[Probe]) -> Duration {
    let probing = probes.iter().map(|probe| probe.timing.longest()).max().unwrap_or_default();
    let commands: Duration = stack.before.iter().map(|before| before.timeout).sum();
    AROUND.saturating_add(probing).saturating_add(commands)
}

/// What is not shown: what the context says, and the secrets of the services.
fn with_secrets(stack: &Stack, redactor: &Redactor) -> Redactor {
    let mut redactor = redactor.clone();
    for value in stack.services.values().flat_map(|service| service.env.values()) {
        match value {
            Value::Secret(secret) => redactor.add(secret),
            Value::Plain(_) => {}
        }
    }
    redactor
}
