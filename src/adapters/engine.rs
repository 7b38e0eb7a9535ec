//! The container engine: Docker, or what speaks its API (Podman), over its socket.
//!
//! 1. [`Engine::connect`] finds the socket and agrees on a version of the API.
//! 2. [`Engine::pull`] gets an image by its digest, and holds digest and platform against what was
//!    asked for.
//! 3. [`Engine::begin`] removes what dead runs left behind, and makes the network of this run.
//! 4. [`Run::create`], [`Run::start`], [`Run::once`], [`Run::state`], [`Run::exec`] and [`Run::logs`]
//!    work on the containers of the run.
//! 5. [`Run::remove`] removes all of it. Everything that a run makes carries its labels
//!    (`engine/labels.rs`), so that nothing has to be remembered to be found again.
//!
//! Source: "Docker Engine API", version 1.41 and later; only calls that Podman's compatible API
//! serves, too ("Podman: API reference", "Compat").
//!
//! Containers run without `Init`: the image's own process is process 1, as it is for its users. Images
//! stay with the engine, as its cache.

use std::time::Duration;

use bollard::Docker;

use crate::secret::Redactor;

mod address;
mod call;
mod container;
mod error;
mod exec;
mod images;
mod labels;
mod leftovers;
mod logs;
mod names;
mod remove;
mod run;
mod signal;
mod spec;

pub use address::{Address, AddressError};
pub use container::{Container, Health, State};
pub use error::EngineError;
pub use exec::Finished;
pub use images::ImageId;
pub use names::registry_of;
pub use run::Run;
pub use signal::{StopSignal, stop_signal};

/// How long one answer of the engine may take to begin.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a process knows about the engine before it speaks to it.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The address of the configuration (`containers.engine`).
    pub configured: Option<String>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `XDG_RUNTIME_DIR`: where the sockets of engines are that run without root.
    pub runtime_dir: Option<String>,
    /// `HOME`: where Docker Desktop keeps its socket.
    pub home: Option<String>,
    /// How long a pull may take; `None`: 10 minutes.
    pub pull_timeout: Option<Duration>,
    /// The secrets that are kept out of logs and messages, besides those that services get.
    pub redactor: Redactor,
}

impl Options {
    /// Reads the environment through `lookup`. Empty variables count as unset.
    pub fn from_env(configured: Option<String>, lookup: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| lookup(name).filter(|value| !value.is_empty());
        Self {
            configured,
            docker_host: get("DOCKER_HOST"),
            runtime_dir: get("XDG_RUNTIME_DIR"),
            home: get("HOME"),
            pull_timeout: None,
            redactor: Redactor::default(),
        }
    }
}

/// An engine that answered. Clones speak to the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
    address: Address,
    /// The operating system and the processor, by Go's names: `linux`, `amd64`.
    platform: (String, String),
    /// How many CPUs it has, where it says so.
    cpus: Option<u64>,
    version: String,
    pull_timeout: Duration,
    redactor: Redactor,
}

impl Engine {
    /// Finds the engine, and agrees with it on a version of the API.
    pub async fn connect(options: &Options) -> Result<Self, EngineError> {
        let address = address::find(options)?;
        let docker = address.open()?;
        let failed = |error| call::unreachable(&address, &error);
        let docker = call::in_time(docker.negotiate_version()).await.map_err(failed)?;
        let version = call::in_time(docker.version()).await.map_err(failed)?;
        let info = call::in_time(docker.info()).await.map_err(failed)?;
        let os = version.os.unwrap_or_else(|| "linux".to_owned());
        let architecture = version.arch.unwrap_or_else(|| std::env::consts::ARCH.to_owned());
        Ok(Self {
            platform: (os, names::architecture(&architecture).to_owned()),
            cpus: info.ncpu.and_then(|cpus| u64::try_from(cpus).ok()).filter(|cpus| *cpus > 0),
            version: version.version.unwrap_or_default(),
            pull_timeout: options.pull_timeout.unwrap_or(Duration::from_mins(10)),
            redactor: options.redactor.clone(),
            address,
            docker,
        })
    }

    /// Returns where the engine is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the version that the engine gives itself: `28.5.2`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns the platform that the engine runs without emulation: `linux/amd64`.
    pub fn platform(&self) -> String {
        format!("{}/{}", self.platform.0, self.platform.1)
    }
}
