//! The containers of one run of the probes.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{NetworkCreateRequest, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptions, InspectContainerOptions, KillContainerOptions,
    RemoveContainerOptionsBuilder, StartContainerOptions,
};

use super::container::{addresses, state_of};
use super::labels::Labels;
use super::spec::Purpose;
use super::{
    Container, Engine, EngineError, Finished, ImageId, State, call, exec, leftovers, logs, remove,
    spec,
};
use crate::secret::Redactor;
use crate::stack::{MountSource, Service, Value};

/// How long the last resort may take.
const LAST_RESORT: Duration = Duration::from_mins(1);
/// The wait between two looks at a container that is waited for: short at first.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// How long an engine may take from the end of a process to its exit code.
const SETTLES: Duration = Duration::from_secs(20);

/// The containers, the volumes and the network of one run of the probes.
///
/// [`Run::remove`] removes them. Dropping a run that was not removed does it, too, and blocks for as
/// long as it takes: that is for panics.
#[derive(Debug)]
pub struct Run {
    engine: Engine,
    labels: Labels,
    /// Knows also the secrets that services were given.
    redactor: RwLock<Redactor>,
    volumes: tokio::sync::Mutex<BTreeSet<String>>,
    removed: AtomicBool,
}

impl Engine {
    /// Begins a run that takes no longer than `longest`: removes what dead runs left behind, and
    /// makes the network on which the services reach each other by name.
    pub async fn begin(&self, longest: Duration) -> Result<Run, EngineError> {
        leftovers::sweep(self).await;
        let run = Run {
            labels: Labels::new(longest)?,
            redactor: RwLock::new(self.redactor.clone()),
            volumes: tokio::sync::Mutex::default(),
            removed: AtomicBool::new(false),
            engine: self.clone(),
        };
        let network = NetworkCreateRequest {
            name: run.labels.name(""),
            driver: Some("bridge".to_owned()),
            labels: Some(run.labels.all()),
            ..Default::default()
        };
        match call::in_time(self.docker.create_network(network)).await {
            Ok(_) => Ok(run),
            Err(error) => {
                let error = run.refused("make a network", &error);
                // The call may have made it all the same.
                if let Err(left) = run.remove().await {
                    tracing::debug!("{left}");
                }
                Err(error)
            }
        }
    }
}

impl Run {
    /// Returns the random id of the run, which all its parts carry as the label `dev.tidegate.run`.
    pub fn id(&self) -> &str {
        &self.labels.run
    }

    /// Makes the container of a service, and the volumes that it names.
    pub async fn create(
        &self,
        service: &Service,
        image: &ImageId,
    ) -> Result<Container, EngineError> {
        self.create_for(service, image, Purpose::Service).await
    }

    async fn create_for(
        &self,
        service: &Service,
        image: &ImageId,
        purpose: Purpose<'_>,
    ) -> Result<Container, EngineError> {
        self.learn(service);
        self.make_volumes(service).await?;
        let cpus = self.engine.cpus;
        let body = spec::body(service, image.as_str(), &self.labels, cpus, purpose);
        let created = self.engine.docker.create_container(None::<CreateContainerOptions>, body);
        match call::in_time(created).await {
            Ok(created) => Ok(Container::new(created.id, &service.name)),
            Err(error) => Err(self.not_started(&service.name, "create", &error)),
        }
    }

    /// Starts a container. From now on [`Container::address`] knows its ports, unless it has ended
    /// already.
    pub async fn start(&self, container: &Container) -> Result<(), EngineError> {
        let docker = &self.engine.docker;
        let started = docker.start_container(&container.id, None::<StartContainerOptions>);
        call::in_time(started)
            .await
            .map_err(|error| self.not_started(&container.service, "start", &error))?;
        let inspected = self.inspect(container).await?;
        let ports = inspected.network_settings.and_then(|network| network.ports);
        container.set_ports(addresses(ports.unwrap_or_default()));
        Ok(())
    }

    /// Returns what a container is doing.
    pub async fn state(&self, container: &Container) -> Result<State, EngineError> {
        let inspected = self.inspect(container).await?;
        Ok(state_of(inspected.state, &self.known()))
    }

    /// Waits until a container has ended, and returns [`State::Exited`]; after `timeout`, what it is
    /// doing then.
    pub async fn wait_for_exit(
        &self,
        container: &Container,
        timeout: Duration,
    ) -> Result<State, EngineError> {
        let deadline = tokio::time::Instant::now() + timeout;
        let mut pause = LOOKS.0;
        loop {
            let state = self.state(container).await?;
            let ended = matches!(state, State::Exited { .. });
            if ended || tokio::time::Instant::now() >= deadline {
                return Ok(state);
            }
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + pause)).await;
            pause = (pause * 2).min(LOOKS.1);
        }
    }

    /// Runs a command in a running container; a command that takes longer than `timeout` is ended.
    pub async fn exec(
        &self,
        container: &Container,
        command: &[&str],
        timeout: Duration,
    ) -> Result<Finished, EngineError> {
        let doing = format!("run a command in {}", container.service);
        let refused = |error: &Error| self.refused(&doing, error);
        exec::run(&self.engine.docker, &self.known(), container, command, timeout, refused).await
    }

    /// Runs `sh -c command` in the image of a service, with its environment, mounts and limits, in a
    /// container of its own that is removed afterwards; a command that takes longer than `timeout`
    /// is ended.
    pub async fn once(
        &self,
        service: &Service,
        image: &ImageId,
        command: &str,
        timeout: Duration,
    ) -> Result<Finished, EngineError> {
        let purpose = Purpose::Once { command };
        let container = self.create_for(service, image, purpose).await?;
        let finished = self.to_its_end(&container, timeout).await;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        let removed = self.engine.docker.remove_container(&container.id, Some(options));
        if let Err(error) = call::in_time(removed).await {
            tracing::debug!("left for later: {}", call::words(&error, &self.known()));
        }
        finished
    }

    async fn to_its_end(
        &self,
        container: &Container,
        timeout: Duration,
    ) -> Result<Finished, EngineError> {
        self.start(container).await?;
        let state = self.wait_for_exit(container, timeout).await?;
        let (exit_code, oom_killed) = match state {
            State::Exited { code, oom_killed, .. } => (Some(code), oom_killed),
            State::Created | State::Running { .. } => {
                let killed =
                    self.engine.docker.kill_container(&container.id, None::<KillContainerOptions>);
                if let Err(error) = call::in_time(killed).await {
                    tracing::debug!("cannot kill: {}", call::words(&error, &self.known()));
                }
                (None, false)
            }
        };
        Ok(Finished { exit_code, oom_killed, output: self.logs(container).await? })
    }

    /// Returns the end of what a container printed, at most [`crate::probe::MAX_DETAIL`] bytes:
    /// without secrets, terminal sequences and control characters.
    pub async fn logs(&self, container: &Container) -> Result<String, EngineError> {
        let redactor = self.known();
        logs::read(&self.engine.docker, &container.id, &redactor).await.map_err(|error| {
            self.refused(&format!("show the log of {}", container.service), &error)
        })
    }

    /// Removes all containers, volumes and the network, whatever they are doing. It can be called
    /// again, and after any failure.
    pub async fn remove(&self) -> Result<(), EngineError> {
        let removed = remove::all_of(&self.engine, &self.labels.run).await;
        // Trying again when it is dropped would not go better.
        self.removed.store(true, Ordering::Release);
        removed
    }

    async fn inspect(
        &self,
        container: &Container,
    ) -> Result<bollard::models::ContainerInspectResponse, EngineError> {
        let deadline = tokio::time::Instant::now() + SETTLES;
        loop {
            let options = None::<InspectContainerOptions>;
            let inspected = self.engine.docker.inspect_container(&container.id, options);
            match call::in_time(inspected).await {
                Ok(inspected) => return Ok(inspected),
                Err(error) if is_settling(&error) && tokio::time::Instant::now() < deadline => {
                    tokio::time::sleep(LOOKS.0).await;
                }
                Err(error) => {
                    return Err(self.refused(&format!("inspect {}", container.service), &error));
                }
            }
        }
    }

    async fn make_volumes(&self, service: &Service) -> Result<(), EngineError> {
        let mut made = self.volumes.lock().await;
        for mount in &service.mounts {
            let MountSource::Volume(name) = &mount.source else { continue };
            let name = self.labels.name(name);
            if made.contains(&name) {
                continue;
            }
            let volume = VolumeCreateRequest {
                name: Some(name.clone()),
                labels: Some(self.labels.all()),
                ..Default::default()
            };
            call::in_time(self.engine.docker.create_volume(volume))
                .await
                .map_err(|error| self.refused(&format!("make the volume {name}"), &error))?;
            made.insert(name);
        }
        Ok(())
    }

    /// Registers the secrets of a service, so that they are found in what it prints.
    fn learn(&self, service: &Service) {
        let mut redactor = self.redactor.write().unwrap_or_else(PoisonError::into_inner);
        for value in service.env.values() {
            match value {
                Value::Secret(secret) => redactor.add(secret),
                Value::Plain(_) => {}
            }
        }
    }

    fn known(&self) -> Redactor {
        self.redactor.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn refused(&self, doing: &str, error: &Error) -> EngineError {
        call::refused(&self.engine.address, &self.known(), doing, error)
    }

    /// Tells the image's fault from the engine's.
    fn not_started(&self, service: &str, doing: &str, error: &Error) -> EngineError {
        let reason = call::words(error, &self.known());
        if call::status(error).is_some() && is_the_image(&reason) {
            EngineError::CannotStart { service: service.to_owned(), reason }
        } else {
            self.refused(&format!("{doing} {service}"), error)
        }
    }
}

/// Podman says "stopped" between the end of a process and the moment when its exit code is written
/// down; the Docker API, and so bollard, has no such word.
fn is_settling(error: &Error) -> bool {
    matches!(error, Error::JsonDataError { message, .. } if message.contains("`stopped`"))
}

/// The words of runc, crun and the engines for a container whose command, user or folder is wrong.
fn is_the_image(reason: &str) -> bool {
    let command = call::is_the_command(reason);
    let reason = reason.to_lowercase();
    // A mount that does not fit is not the image's doing.
    let mount = reason.contains("mount");
    let words = [
        "no command specified",
        "no command or entrypoint",
        "unable to find user",
        "unable to find group",
        "chdir to cwd",
        "is not an absolute path",
    ];
    !mount && (command || words.into_iter().any(|word| reason.contains(word)))
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.removed.load(Ordering::Acquire) {
            return;
        }
        // The runtime of the dropping thread may be the one that is unwinding: another thread with a
        // runtime and a connection of its own does it.
        let mut engine = self.engine.clone();
        let run = self.labels.run.clone();
        let removal = std::thread::Builder::new().name("remove-run".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let (Ok(runtime), Ok(docker)) = (runtime, engine.address.open()) else { return };
            runtime.block_on(async {
                let Ok(docker) = call::in_time(docker.negotiate_version()).await else { return };
                engine.docker = docker;
                let removal = remove::all_of(&engine, &run);
                match tokio::time::timeout(LAST_RESORT, removal).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::warn!("{error}"),
                    Err(_) => tracing::warn!("the containers of {run} are left to the next run"),
                }
            });
        });
        if let Ok(thread) = removal
            && thread.join().is_err()
        {
            tracing::warn!("the containers of this run are left to the next one");
        }
    }
}
