//! Starts a stack, runs the probes on it, and removes it, whatever came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::all::Running;
use super::{Context, StackResult, Stopped, all_unknown, evidence};
use crate::adapters::engine::{self, Container, Engine, EngineError, ImageId, Run};
use crate::evidence::probes::{ProbeEvidence, ProbeFound};
use crate::probe::{Probe, ProbeFailure, Target};
use crate::secret::Redactor;
use crate::stack::{ServiceImage, Stack, Value};

/// What starting and removing containers takes at most, besides what their parts may take.
const AROUND: Duration = Duration::from_mins(10);

/// A container that was started.
pub(super) struct Started {
    pub(super) container: Container,
    /// When.
    pub(super) at: Instant,
    /// The ports that probes reach.
    pub(super) ports: BTreeSet<u16>,
}

/// Why no probe could be run on the stack.
enum NotStarted {
    /// A service is at fault.
    Failed { service: String, failure: ProbeFailure },
    /// Nobody could find out.
    Unknown(String),
}

impl From<EngineError> for NotStarted {
    fn from(error: EngineError) -> Self {
        Self::Unknown(error.to_string())
    }
}

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
    let unknown = |why: &str| StackResult {
        probes: all_unknown(probes, why, &redactor),
        warnings: Vec::new(),
    };
    let images = match images {
        Ok(images) => images,
        Err(why) => return Ok(unknown(&why)),
    };
    let begun = tokio::select! {
        biased;
        signal = &mut stop => return Err(Stopped { signal }),
        begun = engine.begin(longest(stack, probes)) => begun,
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
    (context.on_step)("starting the containers");
    let starting = start(stack, run, images);
    let started = match context.deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, starting).await.unwrap_or_else(|_| {
            Err(NotStarted::Unknown(
                "the containers were not started in the time that there was".to_owned(),
            ))
        }),
        None => starting.await,
    };
    match started {
        Ok(started) => {
            (context.on_step)("probing");
            Running { stack, run, started: &started, redactor, context }.probe(probes).await
        }
        Err(NotStarted::Unknown(why)) => {
            StackResult { probes: all_unknown(probes, &why, redactor), warnings: Vec::new() }
        }
        Err(NotStarted::Failed { service, failure }) => StackResult {
            probes: all_failed(probes, &service, &failure, redactor),
            warnings: Vec::new(),
        },
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

/// Starts all services side by side.
async fn start(
    stack: &Stack,
    run: &Run,
    images: &BTreeMap<String, ImageId>,
) -> Result<BTreeMap<String, Started>, NotStarted> {
    let starts = stack.services.iter().map(|(name, service)| async move {
        let Some(image) = images.get(name) else {
            return Err(NotStarted::Unknown(format!("{name} has no image")));
        };
        let fault = |error: EngineError| match (&service.image, error.is_conclusive()) {
            (ServiceImage::Candidate { .. }, true) => NotStarted::Failed {
                service: name.clone(),
                failure: ProbeFailure::new(error.to_string()),
            },
            // Nothing says that an image of somebody else's was ever right.
            (ServiceImage::Candidate { .. } | ServiceImage::Given(_), _) => error.into(),
        };
        let container = run.create(service, image).await.map_err(fault)?;
        let at = Instant::now();
        run.start(&container).await.map_err(fault)?;
        Ok((name.clone(), Started { container, at, ports: service.ports.clone() }))
    });
    Ok(try_join_all(starts).await?.into_iter().collect())
}

/// The longest time that the containers may be needed: after it, another run may remove them.
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
