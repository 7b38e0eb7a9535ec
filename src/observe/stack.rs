//! Starts the services of a stack.
//!
//! 1. All containers are made at once.
//! 2. Each is started as soon as what it depends on has reached its condition ("Compose file
//!    reference", `depends_on`): as parallel as the graph allows.
//! 3. Commands of `before_promote` run after the services that are not candidates are up, and before
//!    any candidate starts.
//!
//! The images were pulled before. Whatever comes of it, the caller removes the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, try_join_all};
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::engine::{Container, EngineError, ImageId, Run};
use crate::probe::ProbeFailure;
use crate::stack::{Dependency, Service, ServiceImage, Stack};

mod before;
mod condition;

use condition::{Reached, Wanted};

/// A stack whose services were started.
#[derive(Debug)]
pub struct Started {
    /// By the names of their services.
    pub services: BTreeMap<String, Up>,
    /// What did not go well, and stopped nothing: a dependency with `required: false`.
    pub warnings: Vec<String>,
}

/// A container that was started.
#[derive(Debug, Clone)]
pub struct Up {
    /// The container.
    pub container: Container,
    /// When its start began.
    pub since: Instant,
}

/// Why not all services were started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotStarted {
    /// A candidate, or a command in its image, conclusively does not work.
    Failed {
        /// The service.
        service: String,
        /// What is wrong with it, and the end of its log.
        failure: ProbeFailure,
    },
    /// It says nothing about the candidate: the engine, or a service that is not of the release set.
    Unknown {
        /// The service.
        service: String,
        /// What happened, and the end of the service's log.
        failure: ProbeFailure,
    },
}

impl NotStarted {
    /// Blames the service: a candidate for its failure, any other for nothing.
    fn of(service: &Service, failure: ProbeFailure) -> Self {
        let name = service.name.clone();
        match &service.image {
            ServiceImage::Candidate { .. } => Self::Failed { service: name, failure },
            ServiceImage::Given(_) => Self::Unknown { service: name, failure },
        }
    }

    /// Blames the image only where the engine says that it is the image.
    fn engine(service: &Service, error: &EngineError) -> Self {
        let failure = ProbeFailure::new(error.to_string());
        if error.is_conclusive() {
            Self::of(service, failure)
        } else {
            Self::Unknown { service: service.name.clone(), failure }
        }
    }
}

/// Starts the services of a stack, and returns when the last one is started, with everything that
/// others wait for. `images` are the pulled images, by service. `longest` bounds all of it. `on_step`
/// is told what is begun, for people who wait.
///
/// # Errors
/// [`NotStarted`], as soon as one service cannot be started; others are started by then.
pub async fn start(
    stack: &Stack,
    run: &Run,
    images: &BTreeMap<String, ImageId>,
    longest: Duration,
    on_step: &dyn Fn(&str),
) -> Result<Started, NotStarted> {
    let signals = stack.services.keys().map(|name| (name.clone(), watch::Sender::new(None)));
    let starter = Starter {
        stack,
        run,
        images,
        deadline: Instant::now() + longest,
        on_step,
        signals: signals.collect(),
        candidates_may: watch::Sender::new(stack.before.is_empty()),
        warnings: std::cell::RefCell::default(),
    };
    let mut work: FuturesUnordered<_> =
        stack.services.values().map(|service| Either::Left(starter.bring_up(service))).collect();
    work.push(Either::Right(starter.before()));
    while let Some(done) = work.next().await {
        if let Err(error) = done {
            return Err(starter.blame(error).await);
        }
    }
    drop(work);
    let up = starter.signals.into_iter().filter_map(|(name, signal)| {
        let reached = signal.borrow().clone();
        reached.flatten().map(|up| (name, up))
    });
    Ok(Started { services: up.collect(), warnings: starter.warnings.into_inner() })
}

/// `None`: not yet; `Some(None)`: it could not be started, which stops nothing.
type Signal = watch::Sender<Option<Option<Up>>>;

struct Starter<'a> {
    stack: &'a Stack,
    run: &'a Run,
    images: &'a BTreeMap<String, ImageId>,
    deadline: Instant,
    on_step: &'a dyn Fn(&str),
    signals: BTreeMap<String, Signal>,
    /// Whether the commands of `before_promote` are done.
    candidates_may: watch::Sender<bool>,
    warnings: std::cell::RefCell<Vec<String>>,
}

impl Starter<'_> {
    /// Makes the container at once, and starts it when it may.
    async fn bring_up(&self, service: &Service) -> Result<(), NotStarted> {
        let optional = self.is_optional(service);
        match self.start(service).await {
            Ok(up) => self.signal(&service.name, Some(up)),
            Err(NotStarted::Unknown { failure, service: name })
                if optional && name == service.name =>
            {
                self.warn(format!("service `{name}` was not started: {}", failure.what));
                self.signal(&name, None);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn start(&self, service: &Service) -> Result<Up, NotStarted> {
        let image = self.images.get(&service.name).ok_or_else(|| NotStarted::Unknown {
            service: service.name.clone(),
            failure: ProbeFailure::new(format!("the image of `{}` was not pulled", service.name)),
        })?;
        let engine = |error| NotStarted::engine(service, &error);
        let made = async { self.run.create(service, image).await.map_err(engine) };
        let (container, ()) = tokio::try_join!(made, self.may_start(service))?;
        (self.on_step)(&format!("starting {}", service.name));
        let since = Instant::now();
        self.run.start(&container).await.map_err(engine)?;
        Ok(Up { container, since })
    }

    /// Waits for what the service depends on.
    async fn may_start(&self, service: &Service) -> Result<(), NotStarted> {
        if is_candidate(service) {
            let mut allowed = self.candidates_may.subscribe();
            // The sender lives as long as this future.
            let _ = allowed.wait_for(|allowed| *allowed).await;
        }
        let waits = service.depends_on.iter().map(|(name, on)| self.dependency(service, name, *on));
        try_join_all(waits).await.map(drop)
    }

    async fn dependency(
        &self,
        service: &Service,
        name: &str,
        on: Dependency,
    ) -> Result<(), NotStarted> {
        let Some(depended) = self.stack.services.get(name) else {
            // Reading a compose file leaves none of these.
            return Ok(());
        };
        match self.wait(depended, Wanted::from(on.condition)).await {
            Ok(Reached::Yes) => Ok(()),
            Ok(Reached::NotStarted) if !on.required => Ok(()),
            Ok(Reached::NotStarted) => {
                let what = format!("`{name}` was not started");
                Err(NotStarted::of(depended, ProbeFailure::new(what)))
            }
            Err(failure) if !on.required => {
                let what = match failure {
                    NotStarted::Failed { failure, .. } | NotStarted::Unknown { failure, .. } => {
                        failure.what
                    }
                };
                self.warn(format!(
                    "service `{}` was started without `{name}`: {what}",
                    service.name
                ));
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits until a service was started, and has reached a condition.
    async fn wait(&self, service: &Service, wanted: Wanted) -> Result<Reached, NotStarted> {
        let Some(signal) = self.signals.get(&service.name) else { return Ok(Reached::NotStarted) };
        let mut signal = signal.subscribe();
        let up = match signal.wait_for(Option::is_some).await {
            Ok(up) => up.clone().flatten(),
            Err(_) => None,
        };
        let Some(up) = up else { return Ok(Reached::NotStarted) };
        condition::wait(self.run, service, &up, wanted, self.deadline).await
    }

    /// A candidate may have failed because a database came down: then that is what went wrong.
    async fn blame(&self, error: NotStarted) -> NotStarted {
        if matches!(error, NotStarted::Unknown { .. }) {
            return error;
        }
        let needed = |service: &&Service| !self.is_optional(service);
        for service in independent(self.stack).into_iter().filter(needed) {
            let up = self.signals.get(&service.name).and_then(|signal| signal.borrow().clone());
            let Some(up) = up.flatten() else { continue };
            if let Some(failure) = condition::fallen(self.run, service, &up).await {
                return NotStarted::Unknown { service: service.name.clone(), failure };
            }
        }
        error
    }

    fn signal(&self, name: &str, up: Option<Up>) {
        if let Some(signal) = self.signals.get(name) {
            signal.send_replace(Some(up));
        }
    }

    fn warn(&self, text: String) {
        self.warnings.borrow_mut().push(text);
    }

    /// Whether others do without the service, and it is not what is to be promoted.
    fn is_optional(&self, service: &Service) -> bool {
        let mut dependents = self
            .stack
            .services
            .values()
            .filter_map(|other| other.depends_on.get(&service.name))
            .peekable();
        !is_candidate(service) && dependents.peek().is_some() && dependents.all(|on| !on.required)
    }
}

fn is_candidate(service: &Service) -> bool {
    match service.image {
        ServiceImage::Candidate { .. } => true,
        ServiceImage::Given(_) => false,
    }
}

/// Returns the services that are neither candidates nor wait for one.
pub(in crate::observe) fn independent(stack: &Stack) -> Vec<&Service> {
    let mut behind: BTreeSet<&str> = BTreeSet::new();
    loop {
        let more: Vec<&str> = stack
            .services
            .values()
            .filter(|service| !behind.contains(service.name.as_str()))
            .filter(|service| {
                let waits = service.depends_on.keys().any(|on| behind.contains(on.as_str()));
                is_candidate(service) || waits
            })
            .map(|service| service.name.as_str())
            .collect();
        if more.is_empty() {
            break;
        }
        behind.extend(more);
    }
    let free = |service: &&Service| !behind.contains(service.name.as_str());
    stack.services.values().filter(free).collect()
}

impl Started {
    /// Returns what became of a service that is no candidate, waits for none, and does not work any
    /// more (it has ended with another code than 0, or its health check fails), with the end of its
    /// log. Where a probe fails, this may be why, and then the failure says nothing about the
    /// candidate.
    pub async fn fallen(&self, stack: &Stack, run: &Run) -> Option<ProbeFailure> {
        for service in independent(stack) {
            let Some(up) = self.services.get(&service.name) else { continue };
            if let Some(failure) = condition::fallen(run, service, up).await {
                return Some(failure);
            }
        }
        None
    }
}
