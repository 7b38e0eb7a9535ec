//! How registries and GitHub are spoken to.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How one registry is spoken to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RegistryConfig {
    /// `true`: plain http. Without the key: http for loopback addresses, https for all others.
    pub plain_http: Option<bool>,
    /// The host that may receive the credentials in exchange for a token, where it is not the
    /// registry itself (`auth.docker.io` for Docker Hub).
    pub token_host: Option<String>,
    /// How long one request may take with all its repeats (`20s`, at most 55 s); without the key,
    /// 55 s.
    pub timeout: Option<String>,
    /// How long the registry may take to show what it accepted (`30s`, at most 60 s); without the
    /// key, 60 s.
    pub patience: Option<String>,
}

/// How GitHub is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GitHubConfig {
    /// How long one request may take (`30s`).
    pub timeout: Option<String>,
    /// How long one request may be repeated after transient failures (`150s`).
    pub patience: Option<String>,
}

impl GitHubConfig {
    /// The time for one request with its repeats, where the file says nothing.
    pub const PATIENCE: Duration = Duration::from_secs(150);

    /// Returns the time for one request.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.as_deref().and_then(wait)
    }

    /// Returns the time for one request with its repeats.
    pub fn patience(&self) -> Option<Duration> {
        self.patience.as_deref().and_then(wait)
    }
}

impl RegistryConfig {
    /// Returns `timeout` as a duration; `None` where it is not set.
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout.as_deref().and_then(wait)
    }

    /// Returns `patience` as a duration; `None` where it is not set.
    pub fn patience(&self) -> Option<Duration> {
        self.patience.as_deref().and_then(wait)
    }
}

/// Reads a wait such as `30s` or `500ms`; `None` where it is none, or not a positive one.
pub(crate) fn wait(text: &str) -> Option<Duration> {
    let duration: jiff::SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero())
}
