//! From the configuration to what is started for the probes, where there is no compose file.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{BeforePromoteConfig, Config, ContainerConfig, ContainersConfig, wait};
use crate::model::{Digest, ImageRef};
use crate::secret::Secret;
use crate::stack::{Before, Limits, Mount, MountSource, Service, ServiceImage, Stack, Value};

/// The least memory that engines accept, in bytes ("docker container run", `--memory`).
const LEAST_MEMORY: u64 = 6 << 20;

/// The most memory that anybody means, in bytes.
const MOST_MEMORY: u64 = 1 << 40;

/// Why the configuration and the candidate make no stack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StackError {
    /// The gate's environment has no such variable.
    #[error("the environment of the gate has no {name}, which `containers` names under `secrets`")]
    MissingSecret {
        /// The variable.
        name: String,
    },
    /// There is no digest of an image that has to run.
    #[error("there is no digest of {image}")]
    NoDigest {
        /// The image.
        image: String,
    },
}

impl StackError {
    /// Returns what to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::MissingSecret { .. } => {
                "pass it to the gate's step: `env: { NAME: ${{ secrets.NAME }} }`"
            }
            Self::NoDigest { .. } => "name the image under `images`",
        }
    }
}

impl Config {
    /// Returns what is started for the probes, from the configuration alone: each image of the
    /// release set that is probed or runs a command, as a service of its own.
    ///
    /// # Errors
    /// [`StackError`] where a digest or a secret is missing.
    pub fn stack(
        &self,
        digests: &BTreeMap<ImageRef, Digest>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Stack, StackError> {
        let mut stack = Stack::default();
        for image in self.images_to_run() {
            let service = self.candidate(&image, digests, environment)?;
            stack.services.insert(service.name.clone(), service);
        }
        for (name, ports) in self.probed_ports() {
            if let Some(service) = stack.services.get_mut(&name) {
                service.ports.extend(ports);
            }
        }
        stack.before = self.before();
        Ok(stack)
    }

    /// Returns the container that the configuration alone makes of each image of the release set.
    ///
    /// # Errors
    /// [`StackError`] where a digest or a secret is missing.
    pub fn candidates(
        &self,
        digests: &BTreeMap<ImageRef, Digest>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<ImageRef, Service>, StackError> {
        let images = self.images.iter().flatten();
        images
            .map(|image| Ok((image.clone(), self.candidate(image, digests, environment)?)))
            .collect()
    }

    fn candidate(
        &self,
        image: &ImageRef,
        digests: &BTreeMap<ImageRef, Digest>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Service, StackError> {
        let none = || StackError::NoDigest { image: image.to_string() };
        let digest = digests.get(image).ok_or_else(none)?.clone();
        let name = self.service_of(Some(image));
        self.containers.service(name, image.clone(), digest, environment)
    }

    /// Returns the commands that run before the candidates start, in the order of the file.
    pub fn before(&self) -> Vec<Before> {
        let service = |before: &BeforePromoteConfig| {
            let service = before.service.clone();
            service.unwrap_or_else(|| self.service_of(before.image.as_ref()))
        };
        self.before_promote
            .iter()
            .map(|before| Before {
                run: before.run.clone(),
                service: service(before),
                timeout: before.timeout(),
            })
            .collect()
    }

    /// Returns the names of the variables of the gate's environment that anything is given: their
    /// values are kept out of logs.
    pub fn secret_variables(&self) -> BTreeSet<&str> {
        let live = self.before_promote.iter().filter_map(|before| before.live.as_ref());
        let live = live
            .flat_map(|live| &live.secrets)
            .map(|secret| secret.split_once('=').map_or(secret.as_str(), |(_, from)| from));
        self.containers.secrets().into_iter().chain(live).collect()
    }

    /// The images that probes and commands name; the only one where they name none.
    fn images_to_run(&self) -> BTreeSet<ImageRef> {
        let only = self.images.as_deref().unwrap_or_default().first();
        let of_probes = self
            .smoke
            .iter()
            .filter(|smoke| smoke.url.is_none() && (!smoke.on_runner() || smoke.port.is_some()))
            .map(|smoke| smoke.image.as_ref());
        let of_commands = self.before_promote.iter().map(|before| before.image.as_ref());
        of_probes.chain(of_commands).filter_map(|image| image.or(only)).cloned().collect()
    }
}

impl BeforePromoteConfig {
    /// How long the command may take.
    pub fn timeout(&self) -> Duration {
        self.timeout.as_deref().and_then(wait).unwrap_or(Duration::from_mins(5))
    }
}

impl ContainersConfig {
    /// How long pulling all images may take.
    pub fn pull_timeout(&self) -> Duration {
        self.pull_timeout.as_deref().and_then(wait).unwrap_or(Duration::from_mins(10))
    }

    /// Returns how a candidate of the release set runs: what `default` says, with what is said of
    /// the image over it.
    pub fn of(&self, image: &ImageRef) -> ContainerConfig {
        let mut merged = self.default.clone();
        let Some(own) = self.images.get(image).cloned() else { return merged };
        merged.memory = own.memory.or(merged.memory);
        merged.cpus = own.cpus.or(merged.cpus);
        merged.pids = own.pids.or(merged.pids);
        merged.read_only = own.read_only.or(merged.read_only);
        merged.capabilities = own.capabilities.or(merged.capabilities);
        merged.command = own.command.or(merged.command);
        merged.user = own.user.or(merged.user);
        merged.env.extend(own.env);
        for secret in own.secrets {
            if !merged.secrets.contains(&secret) {
                merged.secrets.push(secret);
            }
        }
        merged
    }

    /// Returns the names of all variables that are passed on and kept out of logs.
    pub fn secrets(&self) -> BTreeSet<&str> {
        let all = std::iter::once(&self.default).chain(self.images.values());
        all.flat_map(|container| &container.secrets).map(String::as_str).collect()
    }

    /// Returns the container that the configuration alone makes of one image.
    ///
    /// # Errors
    /// [`StackError`] where the digest or a secret is missing.
    pub fn candidate_of(
        &self,
        image: &ImageRef,
        digests: &BTreeMap<ImageRef, Digest>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Service, StackError> {
        let none = || StackError::NoDigest { image: image.to_string() };
        let digest = digests.get(image).ok_or_else(none)?.clone();
        self.service("app".to_owned(), image.clone(), digest, environment)
    }

    fn service(
        &self,
        name: String,
        image: ImageRef,
        digest: Digest,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Service, StackError> {
        let config = self.of(&image);
        let limits = config.limits();
        // Most programs need a place for temporary files.
        let tmp = limits.read_only.then(|| Mount {
            at: "/tmp".to_owned(),
            source: MountSource::Tmpfs,
            read_only: false,
        });
        Ok(Service {
            name,
            image: ServiceImage::Candidate { image, digest },
            entrypoint: None,
            command: config.command.clone(),
            env: config.environment(environment)?,
            ports: BTreeSet::new(),
            user: config.user.clone(),
            working_dir: None,
            aliases: BTreeSet::new(),
            mounts: tmp.into_iter().collect(),
            healthcheck: None,
            depends_on: BTreeMap::new(),
            limits,
        })
    }
}

impl ContainerConfig {
    /// Returns how much of the machine the container gets.
    pub fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        if let Some(bytes) = self.memory.as_deref().and_then(|text| memory(text).ok()) {
            limits.memory = bytes;
        }
        if let Some(cpus) = self.cpus {
            limits.nano_cpus = nano(cpus);
        }
        limits.pids = self.pids.unwrap_or(limits.pids);
        limits.read_only = self.read_only.unwrap_or(limits.read_only);
        let more = self.capabilities.iter().flatten();
        limits.capabilities.extend(more.filter_map(|name| capability(name).ok()));
        limits
    }

    /// Returns its environment; `environment` looks variables of the gate's own up.
    ///
    /// # Errors
    /// [`StackError::MissingSecret`].
    pub fn environment(
        &self,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<BTreeMap<String, Value>, StackError> {
        let plain =
            self.env.iter().map(|(name, value)| (name.clone(), Value::Plain(value.clone())));
        let mut all: BTreeMap<String, Value> = plain.collect();
        for name in &self.secrets {
            let value = environment(name)
                .ok_or_else(|| StackError::MissingSecret { name: name.clone() })?;
            all.insert(name.clone(), Value::Secret(Secret::new(value)));
        }
        Ok(all)
    }
}

/// CPUs in billionths; the check of the configuration bounds them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "0.01 to 1024, which the check of the configuration says"
)]
fn nano(cpus: f64) -> u64 {
    (cpus * 1e9).round() as u64
}

/// Reads an amount of memory as Docker and Compose write it (`512m`, `2g`, `1073741824`), in bytes.
pub(super) fn memory(text: &str) -> Result<u64, String> {
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &lower[number.len()..] {
        "" | "b" => Some(0),
        "k" | "kb" => Some(10),
        "m" | "mb" => Some(20),
        "g" | "gb" => Some(30),
        _ => None,
    };
    let bytes = number.parse::<u64>().ok().zip(unit).and_then(|(number, unit)| {
        number.checked_mul(1 << unit).filter(|bytes| (LEAST_MEMORY..=MOST_MEMORY).contains(bytes))
    });
    bytes.ok_or_else(|| format!("expected memory such as 512m or 2g, 6m or more, found {text:?}"))
}

/// Reads a capability (capabilities(7)), with or without `CAP_`.
pub(super) fn capability(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    let plain = (2..=40).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
        && name != "ALL";
    if plain {
        return Ok(name.to_owned());
    }
    Err(format!("expected a capability such as NET_BIND_SERVICE, found {text:?}"))
}
