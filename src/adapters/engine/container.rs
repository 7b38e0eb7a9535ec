//! A container of a run, and what it is doing.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bollard::models::{ContainerState, ContainerStateStatusEnum, HealthStatusEnum, PortMap};

use super::logs;
use crate::secret::Redactor;

/// A container of a run. It is removed with its run, not when this value is dropped.
#[derive(Debug, Clone)]
pub struct Container {
    pub(super) id: String,
    pub(super) service: String,
    pub(super) ports: Arc<RwLock<BTreeMap<u16, SocketAddr>>>,
}

impl Container {
    pub(super) fn new(id: String, service: &str) -> Self {
        Self { id, service: service.to_owned(), ports: Arc::default() }
    }

    /// Returns the name of its service.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Returns the engine's id of it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns where one of its ports is on this machine: known from its start on, and only for the
    /// ports of [`crate::stack::Service::ports`].
    ///
    /// Engines put a proxy there, which accepts a connection before it knows whether anybody listens
    /// inside: where nobody does, the connection is closed or reset at once, without a byte.
    pub fn address(&self, port: u16) -> Option<SocketAddr> {
        self.ports.read().unwrap_or_else(PoisonError::into_inner).get(&port).copied()
    }

    pub(super) fn set_ports(&self, ports: BTreeMap<u16, SocketAddr>) {
        *self.ports.write().unwrap_or_else(PoisonError::into_inner) = ports;
    }
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// It was not started yet.
    Created,
    /// Its first process runs.
    Running {
        /// What its health check says.
        health: Health,
    },
    /// Its first process has ended.
    Exited {
        /// The exit code; 128 + n for signal n.
        code: i64,
        /// Whether the kernel killed a process of it because its memory was used up.
        oom_killed: bool,
        /// The engine's words about the end, where it has any.
        error: Option<String>,
    },
}

/// What the health check of a container says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// There is none.
    None,
    /// No check has passed yet, and it is not failed yet.
    Starting,
    /// The last check passed.
    Healthy,
    /// Its retries are used up.
    Unhealthy {
        /// What the last check printed: short, without secrets and control characters.
        output: String,
    },
}

/// Reads the state of an inspection.
pub(super) fn state_of(state: Option<ContainerState>, redactor: &Redactor) -> State {
    let state = state.unwrap_or_default();
    let running = State::Running { health: health_of(&state, redactor) };
    let exited = State::Exited {
        code: state.exit_code.unwrap_or_default(),
        oom_killed: state.oom_killed.unwrap_or_default(),
        error: state
            .error
            .filter(|error| !error.is_empty())
            .map(|error| logs::tail_of(&error, redactor)),
    };
    match state.status.unwrap_or(ContainerStateStatusEnum::EMPTY) {
        ContainerStateStatusEnum::CREATED => State::Created,
        ContainerStateStatusEnum::RUNNING
        | ContainerStateStatusEnum::PAUSED
        | ContainerStateStatusEnum::RESTARTING
        | ContainerStateStatusEnum::STOPPING => running,
        ContainerStateStatusEnum::EXITED
        | ContainerStateStatusEnum::DEAD
        | ContainerStateStatusEnum::REMOVING => exited,
        ContainerStateStatusEnum::EMPTY => {
            if state.running == Some(true) {
                running
            } else {
                exited
            }
        }
    }
}

fn health_of(state: &ContainerState, redactor: &Redactor) -> Health {
    let Some(health) = &state.health else { return Health::None };
    match health.status.unwrap_or(HealthStatusEnum::EMPTY) {
        HealthStatusEnum::EMPTY | HealthStatusEnum::NONE => Health::None,
        HealthStatusEnum::STARTING => Health::Starting,
        HealthStatusEnum::HEALTHY => Health::Healthy,
        HealthStatusEnum::UNHEALTHY => {
            let last = health.log.as_ref().and_then(|log| log.last());
            let output = last.and_then(|result| result.output.as_deref()).unwrap_or_default();
            Health::Unhealthy { output: logs::tail_of(output, redactor) }
        }
    }
}

/// Reads the addresses of published ports (`"8501/tcp"`).
pub(super) fn addresses(ports: PortMap) -> BTreeMap<u16, SocketAddr> {
    let mut found = BTreeMap::new();
    for (inside, bindings) in ports {
        let Some(port) = inside.strip_suffix("/tcp").and_then(|port| port.parse().ok()) else {
            continue;
        };
        for binding in bindings.into_iter().flatten() {
            let host = binding.host_port.and_then(|port| port.parse::<u16>().ok());
            let ip = binding.host_ip.as_deref().and_then(|ip| ip.parse().ok());
            if let (Some(host), Some(ip)) = (host.filter(|port| *port != 0), ip) {
                found.insert(port, SocketAddr::new(ip, host));
            }
        }
    }
    found
}
