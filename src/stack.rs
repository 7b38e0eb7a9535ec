//! What is started for the probes: the images of the release set, by digest, and what they need.
//!
//! A stack is made from the configuration alone, or from a compose file (`crate::compose`), without
//! any I/O; the engine starts it as it stands here.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::model::{Digest, ImageRef};
use crate::secret::Secret;

/// All services, in no order: [`Service::depends_on`] gives it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stack {
    /// By name.
    pub services: BTreeMap<String, Service>,
    /// The commands that run in a candidate's image before the candidates start.
    pub before: Vec<Before>,
}

/// A container of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, by which the others reach it.
    pub name: String,
    /// What it runs.
    pub image: ServiceImage,
    /// What replaces the image's ENTRYPOINT.
    pub entrypoint: Option<Vec<String>>,
    /// What replaces the image's CMD.
    pub command: Option<Vec<String>>,
    /// Its environment.
    pub env: BTreeMap<String, Value>,
    /// The ports inside the container that probes reach: each is published on a free port of the
    /// loopback interface.
    pub ports: BTreeSet<u16>,
    /// What replaces the image's USER.
    pub user: Option<String>,
    /// What replaces the image's WORKDIR.
    pub working_dir: Option<String>,
    /// More names, by which the others reach it.
    pub aliases: BTreeSet<String>,
    /// Files and folders of its own.
    pub mounts: Vec<Mount>,
    /// What replaces the image's HEALTHCHECK.
    pub healthcheck: Option<Healthcheck>,
    /// What has to be there before it starts.
    pub depends_on: BTreeMap<String, Dependency>,
    /// How much of the machine it gets.
    pub limits: Limits,
}

/// What a service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceImage {
    /// An image of the release set, by the digest that is about to be promoted.
    Candidate {
        /// The image.
        image: ImageRef,
        /// The digest.
        digest: Digest,
    },
    /// Any other image, as a compose file names it (`postgres:16`).
    Given(String),
}

/// The value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// May be shown.
    Plain(String),
    /// Is kept out of logs and messages.
    Secret(Secret),
}

/// A file or folder in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The absolute path in the container.
    pub at: String,
    /// What is there.
    pub source: MountSource,
    /// Whether the container may not write to it.
    pub read_only: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// A file or folder of the repository, as an absolute path on the runner that was checked not to
    /// lead outside.
    Repository(std::path::PathBuf),
    /// A volume of the run, by its name in the compose file; it goes with the run.
    Volume(String),
    /// An empty volume of its own, which goes with the run.
    Anonymous,
    /// Memory.
    Tmpfs,
}

/// A health check, with the meaning of Docker's HEALTHCHECK ("Dockerfile reference").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    /// `["CMD", ..]`, `["CMD-SHELL", ..]` or `["NONE"]`; `None`: the image's.
    pub test: Option<Vec<String>>,
    /// The wait between two checks.
    pub interval: Option<Duration>,
    /// How long one may take.
    pub timeout: Option<Duration>,
    /// How long after the start failures do not count.
    pub start_period: Option<Duration>,
    /// How many failures in a row make it unhealthy.
    pub retries: Option<u32>,
}

/// What has to be there before a service starts ("Compose file reference", `depends_on`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    /// What of it.
    pub condition: Condition,
    /// `false`: its absence or failure only warns.
    pub required: bool,
}

/// What a dependency has to have reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// It was started.
    Started,
    /// Its health check passed.
    Healthy,
    /// It ended with 0.
    CompletedSuccessfully,
}

/// How much of the machine a container gets. It never gets new privileges, and only the capabilities
/// named here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// In bytes; swap is not added to it.
    pub memory: u64,
    /// In billionths of a CPU.
    pub nano_cpus: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Whether its root file system cannot be written.
    pub read_only: bool,
    /// Capabilities that it keeps (`NET_BIND_SERVICE`); all others are dropped.
    pub capabilities: BTreeSet<String>,
}

impl Default for Limits {
    fn default() -> Self {
        // What the entry points of databases need to give files to their user, and to become it.
        let kept = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];
        Self {
            memory: 1 << 30,
            nano_cpus: 2_000_000_000,
            pids: 512,
            read_only: false,
            capabilities: kept.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// A command that runs in the image of a service before the candidates start: a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// For `sh -c`.
    pub run: String,
    /// The service whose image, environment and mounts it gets.
    pub service: String,
    /// How long it may take.
    pub timeout: Duration,
}
