//! Probes: what a candidate has to show before it becomes stable.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::ImageRef;

/// A probe. It asks a container of an image of the release set (`image`), a service of the compose
/// file (`service`), or a URL (`url`); without any of them, the only image of the release set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SmokeConfig {
    /// What the probe does.
    pub kind: SmokeKind,
    /// What people call it; without the key, its kind and its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The image of the release set that is run, by the digest that is about to be promoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRef>,
    /// The service of the compose file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// A URL: `http://` or `https://`, for `tcp` also `tcp://host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The port inside the container, for `http`, `tcp` and `streamlit`; without the key, 8501 for
    /// `streamlit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How long after the start of its container an attempt that shows nothing but "not ready yet"
    /// does not count (`2m`); without the key, 60 s. At most 30 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_period: Option<String>,
    /// The wait between two attempts; without the key, 1 s. At most 5 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<String>,
    /// How long one attempt may take; without the key, 30 s. At most 10 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// How many attempts may fail before the last one; without the key, 2. At most 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
    /// `http`: the path, without the key `/`. `streamlit`: the base path (`server.baseUrlPath`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `http`: the statuses that pass; without the key, 200 to 299.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<u16>,
    /// `http`: a regular expression that has to be found in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `http`: the values that JSON pointers (RFC 6901) into the body have to show.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, serde_json::Value>,
    /// `http`: how long the answer may take (`500ms`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<String>,
    /// `http`: headers that are sent. Not for secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// `command`: the command, for `sh -c`; it passes where it ends with 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// `command`: where it runs; without the key, in the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<CommandPlace>,
    /// `streamlit`: the pages that are walked, by their names; without the key, all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<String>,
    /// `streamlit`: the host that the app is asked for, where it answers one name only
    /// (`server.allowedHosts`); without the key, the address that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// `streamlit`: labels of buttons that are pressed, each on every page that has it; what it does
    /// must not end in an exception either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub press: Vec<String>,
    /// `streamlit`: texts that one of the pages has to show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require_text: Vec<String>,
    /// `streamlit`: elements that one of the pages has to show, by their names in Streamlit's
    /// protocol (`metric`, `button`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require_element: Vec<String>,
    /// `streamlit`: `true` lets an exception pass that the app shows on purpose (`st.exception`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_shown_exceptions: bool,
    /// `streamlit`: `true` lets a page pass that renders nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_empty: bool,
}

impl SmokeConfig {
    /// Makes a probe of a kind, with every other key left out.
    pub fn new(kind: SmokeKind) -> Self {
        Self {
            kind,
            name: None,
            image: None,
            service: None,
            url: None,
            port: None,
            start_period: None,
            interval: None,
            timeout: None,
            retries: None,
            path: None,
            status: Vec::new(),
            body: None,
            json: BTreeMap::new(),
            max_latency: None,
            headers: BTreeMap::new(),
            run: None,
            on: None,
            pages: Vec::new(),
            host: None,
            press: Vec::new(),
            require_text: Vec::new(),
            require_element: Vec::new(),
            allow_shown_exceptions: false,
            allow_empty: false,
        }
    }
}

/// What a probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SmokeKind {
    /// One GET request.
    Http,
    /// A TCP connection.
    Tcp,
    /// A command that has to end with 0.
    Command,
    /// The health that the engine reports for the container (the image's HEALTHCHECK).
    ContainerHealth,
    /// A session of a Streamlit app: every page has to render without an exception.
    Streamlit,
}

impl SmokeConfig {
    /// Tells whether it is a command on the runner.
    pub fn on_runner(&self) -> bool {
        self.on == Some(CommandPlace::Runner)
    }
}

impl SmokeKind {
    /// Returns the word of the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Command => "command",
            Self::ContainerHealth => "container_health",
            Self::Streamlit => "streamlit",
        }
    }
}

/// Where a command runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommandPlace {
    /// In the container.
    #[default]
    Container,
    /// On the runner, in the root of the repository. `TIDEGATE_PORT_<n>` and `TIDEGATE_URL_<n>` name
    /// where the port `n` of the container is reached.
    Runner,
}
