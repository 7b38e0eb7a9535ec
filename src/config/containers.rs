//! How the candidates run while they are probed, and what belongs to a release besides its images.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SmokeConfig;
use crate::model::ImageRef;

/// How the candidates run while they are probed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContainersConfig {
    /// The engine's socket (`unix:///run/user/1000/podman/podman.sock`); without the key,
    /// `DOCKER_HOST`, else the usual sockets of Docker and Podman.
    pub engine: Option<String>,
    /// The platform that is run (`linux/amd64`); without the key, the engine's own.
    pub platform: Option<String>,
    /// How long pulling all images may take (`10m`, the default).
    pub pull_timeout: Option<String>,
    /// What counts for every candidate.
    pub default: ContainerConfig,
    /// What counts for single images, over `default`.
    pub images: BTreeMap<ImageRef, ContainerConfig>,
}

/// How a container runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContainerConfig {
    /// The most memory: `512m`, `2g`; without the key, `1g`.
    pub memory: Option<String>,
    /// The most CPUs; without the key, 2.
    pub cpus: Option<f64>,
    /// The most processes and threads; without the key, 512.
    pub pids: Option<u32>,
    /// `true`: the root file system cannot be written; `/tmp` is memory.
    pub read_only: Option<bool>,
    /// Capabilities that are kept besides `CHOWN`, `DAC_OVERRIDE`, `FOWNER`, `SETGID` and `SETUID`.
    pub capabilities: Option<Vec<String>>,
    /// Its environment. Not for secrets.
    pub env: BTreeMap<String, String>,
    /// Variables of the gate's own environment that are passed on, and kept out of logs.
    pub secrets: Vec<String>,
    /// What replaces the image's CMD.
    pub command: Option<Vec<String>>,
    /// What replaces the image's USER.
    pub user: Option<String>,
}

/// The compose file whose services are started for the probes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComposeConfig {
    /// The file, from the root of the repository.
    pub file: String,
    /// Profiles that are started besides the services without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<String>,
    /// The file with variables; without the key, `.env` beside the compose file, where there is
    /// one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_file: Option<String>,
    /// Which image of the release set a service runs, where its `image:` does not say it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, ImageRef>,
}

/// A command that runs in a candidate's image before the candidates start, such as a migration. It
/// may run twice, and what it does has to be backward compatible.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeforePromoteConfig {
    /// The command, for `sh -c`.
    pub run: String,
    /// The service of the compose file whose image and environment it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The image of the release set; without both keys, the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// How long it may take; without the key, 5 minutes. At most `1h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// Runs it once more, after all probes have passed and just before the release is recorded, with
    /// this environment: that of what users see. Without the key it is a rehearsal only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveConfig>,
}

/// The environment of what users see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LiveConfig {
    /// Variables. Not for secrets.
    pub env: BTreeMap<String, String>,
    /// Variables of the gate's own environment that are passed on, and kept out of logs; with
    /// `NAME=OTHER`, under another name.
    pub secrets: Vec<String>,
}

/// Watches what is served after a promotion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BakeConfig {
    /// How long (`10m`). At most `6h`: that is how long a job may run on GitHub's runners.
    #[serde(rename = "for")]
    pub duration: String,
    /// What is asked; it needs a `url`.
    pub probe: SmokeConfig,
    /// How many conclusive failures in a row roll stable back; without the key, 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// The wait between two looks; without the key, `15s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
}

/// Where the app shows the commit that it was made from: exactly one of `header`, `json` and `text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServedConfig {
    /// The URL that is asked.
    pub url: String,
    /// The header of the answer that holds the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// The JSON pointer (RFC 6901) to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<String>,
    /// A regular expression whose first group is the commit; for a Streamlit app it is looked for in
    /// what the first page renders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// `streamlit: true` reads the text from a session of the app.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub streamlit: bool,
}
