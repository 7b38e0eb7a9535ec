//! Images: the OCI distribution API and OCI image layouts.
//!
//! Promotion never moves a layer: a tag is moved by putting the bytes of its manifest, as they
//! were received, under another name of the same repository. [`Registries`] does the same five
//! things for a repository in a registry and for a layout on disk: read a manifest, read a tag's
//! digest, put a tag and read it back, inspect what an index consists of, wait for a digest.
//!
//! Whose credentials go where is decided in `registry/auth.rs`, and which request may be repeated
//! in `registry/distribution.rs`; docs/decisions/0002-own-registry-client.md says why tidegate has
//! a client of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::RegistryConfig;
use crate::http;
use crate::model::{Digest, ImageRef, Tag};
use crate::secret::Redactor;

mod auth;
mod credentials;
mod distribution;
mod error;
mod inspect;
pub mod layout;
mod manifest;
mod refusal;
mod upload;

pub use credentials::{Credentials, Login, docker_config_path};
pub use error::{Place, RegistryError};
pub use inspect::{Child, Inspection};
pub use manifest::{
    DOCKER_CONFIG, DOCKER_LIST, DOCKER_MANIFEST, LARGEST_MANIFEST, Manifest, OCI_CONFIG, OCI_INDEX,
    OCI_MANIFEST, Platform, Reference,
};

use distribution::{Pause, Target};

/// How long a registry may take at most to show what it accepted.
pub const LONGEST_PATIENCE: Duration = Duration::from_mins(1);

/// What a process knows about registries before it speaks to one.
#[derive(Debug, Clone)]
pub struct Options {
    /// How registries are spoken to, by host.
    pub hosts: BTreeMap<String, RegistryConfig>,
    /// The folder that relative paths of `oci:` layouts start from.
    pub root: PathBuf,
    /// The Docker configuration file; [`docker_config_path`] finds it. It need not exist.
    pub docker_config: Option<PathBuf>,
    /// Credentials from the environment.
    pub env_credentials: Credentials,
    /// How long to wait until a registry shows what it accepted; at most 60 s.
    pub patience: Duration,
    /// Time-outs and retries.
    pub http: http::Options,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            root: PathBuf::from("."),
            docker_config: None,
            env_credentials: Credentials::default(),
            patience: LONGEST_PATIENCE,
            http: http::Options::default(),
        }
    }
}

/// All registries and layouts that one process speaks to: one HTTP client, one set of
/// credentials and tokens.
#[derive(Debug)]
pub struct Registries {
    options: Options,
    http: http::Client,
    sessions: tokio::sync::Mutex<BTreeMap<String, auth::Session>>,
    redactor: Mutex<Redactor>,
    authentication: AtomicU64,
}

impl Registries {
    /// Makes the client. Nothing is read, opened or sent yet.
    pub fn new(mut options: Options) -> Result<Self, RegistryError> {
        options.patience = options.patience.min(LONGEST_PATIENCE);
        let mut redactor = Redactor::new();
        for (user, password) in [&options.env_credentials.registry, &options.env_credentials.github]
            .into_iter()
            .flatten()
        {
            redactor.add_login(user, password);
        }
        Ok(Self {
            http: http::Client::new(options.http.clone()),
            sessions: tokio::sync::Mutex::default(),
            redactor: Mutex::new(redactor),
            authentication: AtomicU64::new(0),
            options,
        })
    }

    /// Reads a manifest; `None` where the registry says that there is none.
    ///
    /// The digest is computed from the bytes and held against the registry's own header and
    /// against `reference`, where that is a digest.
    pub async fn manifest(
        &self,
        image: &ImageRef,
        reference: &Reference,
    ) -> Result<Option<Manifest>, RegistryError> {
        match image {
            ImageRef::Registry { host, repository } => {
                self.get_manifest(&self.target(host, repository)?, reference, None).await
            }
            ImageRef::Layout(path) => self.layout(path).manifest(reference),
        }
    }

    /// Finds the credentials that a container engine may send to `host`. Those of
    /// `TIDEGATE_REGISTRY_PASSWORD` that are bound to no host are for the release set only: `ours`
    /// says whether the image belongs to it.
    pub async fn login(&self, host: &str, ours: bool) -> Result<Login, RegistryError> {
        let mut known = self.options.env_credentials.clone();
        if !ours && known.host.is_none() {
            known.registry = None;
        }
        credentials::find(host, &known, self.options.docker_config.as_deref()).await
    }

    /// Reads the digest that a reference stands for, in one request; `None` where there is none.
    pub async fn digest(
        &self,
        image: &ImageRef,
        reference: &Reference,
    ) -> Result<Option<Digest>, RegistryError> {
        match image {
            ImageRef::Registry { host, repository } => {
                self.head_manifest(&self.target(host, repository)?, reference, None).await
            }
            ImageRef::Layout(path) => {
                Ok(self.layout(path).manifest(reference)?.map(|manifest| manifest.digest))
            }
        }
    }

    /// Puts a tag: the manifest's bytes as they were received, under the same media type. The
    /// digest is read back, with patience for registries that show it late.
    pub async fn put_tag(
        &self,
        image: &ImageRef,
        tag: &Tag,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        let found = Digest::of(&manifest.bytes);
        if found != manifest.digest {
            return Err(RegistryError::DigestMismatch {
                place: Place::new(error::WRITE, image.to_string(), tag.as_str(), ""),
                what: "the manifest to put",
                expected: manifest.digest.clone(),
                found,
            });
        }
        match image {
            ImageRef::Registry { host, repository } => {
                self.put_manifest(&self.target(host, repository)?, tag, manifest).await
            }
            ImageRef::Layout(path) => {
                self.layout(path).put_tag(tag, manifest, self.options.patience).await
            }
        }
    }

    /// Asks whether images may be pushed, by opening an upload and cancelling it at once; nothing
    /// is left of it. `None` where there is no login for the registry, or no registry.
    ///
    /// # Errors
    /// The registry does not let the login push, or does not answer.
    pub async fn may_push(&self, image: &ImageRef) -> Result<Option<()>, RegistryError> {
        match image {
            ImageRef::Registry { host, repository } => {
                self.try_upload(&self.target(host, repository)?).await
            }
            ImageRef::Layout(_) => Ok(None),
        }
    }

    /// Waits until a digest can be read, for at most the patience of the options: some registries
    /// show a push seconds late.
    pub async fn wait_for(
        &self,
        image: &ImageRef,
        digest: &Digest,
    ) -> Result<Manifest, RegistryError> {
        let reference = Reference::Digest(digest.clone());
        let patience = match image {
            ImageRef::Registry { host, repository } => {
                self.patience(&self.target(host, repository)?)
            }
            ImageRef::Layout(_) => self.options.patience,
        };
        let mut pause = self.pause(patience);
        loop {
            if let Some(manifest) = self.manifest(image, &reference).await? {
                return Ok(manifest);
            }
            // A layout shows at once what is in it.
            if matches!(image, ImageRef::Layout(_)) || !pause.next().await {
                return Err(RegistryError::Absent {
                    place: Place::new("find", image.to_string(), digest.as_str(), ""),
                    waited: patience,
                });
            }
        }
    }

    /// Reads a small blob of an image; `None` where there is none.
    async fn blob(
        &self,
        image: &ImageRef,
        digest: &Digest,
    ) -> Result<Option<Vec<u8>>, RegistryError> {
        match image {
            ImageRef::Registry { host, repository } => {
                self.get_blob(&self.target(host, repository)?, digest).await
            }
            ImageRef::Layout(path) => self.layout(path).blob(digest),
        }
    }

    /// How many HTTP requests have been sent, with repeats, redirects and authentication.
    pub fn requests(&self) -> u64 {
        self.http.requests()
    }

    /// How many of [`Registries::requests`] were authentication: challenges and token exchanges.
    pub fn authentication_requests(&self) -> u64 {
        self.authentication.load(Ordering::Relaxed)
    }

    fn count_authentication(&self, answer: &http::Response) {
        self.authentication.fetch_add(u64::from(answer.attempts), Ordering::Relaxed);
    }

    fn layout(&self, path: &std::path::Path) -> layout::Layout {
        layout::Layout::new(self.options.root.join(path))
    }

    /// When an operation with all its requests ends at the latest.
    fn deadline(&self, target: &Target, given: Option<Instant>) -> Instant {
        let total = target.timeout.unwrap_or(self.http.policy().total);
        given.unwrap_or_else(|| Instant::now() + total)
    }

    /// How long this registry may take to show what it accepted.
    fn patience(&self, target: &Target) -> Duration {
        target.patience.unwrap_or(self.options.patience).min(LONGEST_PATIENCE)
    }

    fn pause(&self, patience: Duration) -> Pause<'_> {
        let deadline = Instant::now() + patience;
        Pause { policy: self.http.policy(), deadline, turn: 0 }
    }

    /// A text of a server as it may be shown: on one line, without the secrets of this process.
    fn shown(&self, text: &str) -> String {
        self.redactor().redact(&http::one_line(text)).into_owned()
    }

    fn redactor(&self) -> MutexGuard<'_, Redactor> {
        // A panic elsewhere cannot leave the list of secrets half changed.
        self.redactor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
