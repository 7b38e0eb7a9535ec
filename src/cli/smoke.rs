//! `smoke`: a probe by hand.

use std::str::FromStr;

use clap::{Args, ValueEnum};

use super::Digests;
use crate::adapters::registry::Reference;
use crate::model::{Digest, ImageRef, InvalidValue};

/// Run a probe against a URL or an image: does it work?
///
/// Without --kind, all probes of the configuration run against the checked-out commit's candidate.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Every page of a Streamlit app has to render without an exception:
      tidegate smoke --kind streamlit --url http://127.0.0.1:8501
  Wait up to two minutes for a service that is starting:
      tidegate smoke --kind http --url http://127.0.0.1:8000 --path /health --start-period 2m
  A database that takes connections:
      tidegate smoke --kind tcp --url tcp://127.0.0.1:5432
  An image, in a container that is removed afterwards:
      tidegate smoke --kind streamlit --image ghcr.io/acme/app:main-candidate
  What the gate would run:
      tidegate smoke

Exit codes: 0 it works, 13 it does not, 8 nobody can tell (no such host, no network).")]
pub struct Smoke {
    /// What the probe does
    #[arg(long, value_enum, requires = "asked")]
    pub kind: Option<ProbeKind>,
    /// The URL that is probed
    #[arg(long, value_name = "URL", group = "asked", requires = "kind")]
    pub url: Option<String>,
    /// The image that is run and probed, by its digest (NAME@sha256:...) or a tag
    #[arg(long, group = "asked", requires = "kind")]
    pub image: Option<SmokedImage>,
    /// Without --kind: probe this digest instead of the one that the tag names
    #[arg(long, value_name = "sha256:HEX", conflicts_with_all = ["digests", "kind"])]
    pub digest: Option<Digest>,
    /// Without --kind: probe these digests: {"image": "sha256:..."}
    #[arg(long, value_name = "JSON", conflicts_with = "kind")]
    pub digests: Option<Digests>,
    /// http: the path; streamlit: the base path (server.baseUrlPath)
    #[arg(long)]
    pub path: Option<String>,
    /// How long one attempt may take [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,
    /// How many attempts may fail before the last one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub retries: u32,
    /// The wait between two attempts [default: 1s]
    #[arg(long, value_name = "DURATION")]
    pub interval: Option<String>,
    /// How long it may take until somebody answers [default: 0s, with --image 60s]
    #[arg(long, value_name = "DURATION")]
    pub start_period: Option<String>,
    /// Options of containers.
    #[command(flatten)]
    pub container: ContainerProbe,
    /// Options of probes over HTTP.
    #[command(flatten)]
    pub http: HttpProbe,
    /// Options of probes of Streamlit apps.
    #[command(flatten)]
    pub streamlit: StreamlitProbe,
}

/// How the container runs.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of --image")]
pub struct ContainerProbe {
    /// The port inside the container [default: 8501 for streamlit]
    #[arg(long, requires = "image")]
    pub port: Option<u16>,
    /// The command of --kind command, for sh -c in the container
    #[arg(long, value_name = "COMMAND", requires = "image")]
    pub run: Option<String>,
    /// A variable of its environment, not for secrets; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair, requires = "image")]
    pub env: Vec<(String, String)>,
    /// A variable of this environment that is passed on and not shown; may be repeated
    #[arg(long, value_name = "NAME", requires = "image")]
    pub pass: Vec<String>,
    /// The most memory [default: 1g]
    #[arg(long, value_name = "SIZE", requires = "image")]
    pub memory: Option<String>,
    /// The platform that is run, such as linux/amd64 [default: the engine's]
    #[arg(long, requires = "image")]
    pub platform: Option<String>,
}

/// What an answer over HTTP has to be.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of --kind http")]
pub struct HttpProbe {
    /// A status that passes; may be repeated [default: 200 to 299]
    #[arg(long, value_name = "CODE")]
    pub status: Vec<u16>,
    /// A regular expression that has to be found in the body
    #[arg(long, value_name = "REGEX")]
    pub body: Option<String>,
    /// What a JSON pointer has to show, as JSON or plain text; may be repeated
    #[arg(long, value_name = "POINTER=VALUE", value_parser = pair)]
    pub json_pointer: Vec<(String, String)>,
    /// A header that is sent, not for secrets; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub header: Vec<(String, String)>,
    /// How long the answer may take
    #[arg(long, value_name = "DURATION")]
    pub max_latency: Option<String>,
}

/// What a Streamlit app has to show.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of --kind streamlit")]
pub struct StreamlitProbe {
    /// Walk this page only; may be repeated [default: all pages]
    #[arg(long, value_name = "NAME")]
    pub page: Vec<String>,
    /// A text that one of the pages has to show; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub require_text: Vec<String>,
    /// An element that one of the pages has to show, such as metric; may be repeated
    #[arg(long, value_name = "NAME")]
    pub require_element: Vec<String>,
    /// Press the button with this label where a page has it; may be repeated
    #[arg(long, value_name = "LABEL")]
    pub press: Vec<String>,
    /// Ask for this host, where the app answers one name only
    #[arg(long)]
    pub host: Option<String>,
    /// Let an exception pass that the app shows on purpose (st.exception)
    #[arg(long)]
    pub allow_shown_exceptions: bool,
    /// Let a page pass that shows nothing
    #[arg(long)]
    pub allow_empty: bool,
}

/// What a probe by hand does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProbeKind {
    /// One GET request has to be answered well
    Http,
    /// A connection has to be taken
    Tcp,
    /// Every page of a Streamlit app has to render
    Streamlit,
    /// A command in the container has to end with 0
    Command,
    /// The image's HEALTHCHECK has to pass
    ContainerHealth,
}

/// An image with a digest or a tag: `--image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmokedImage {
    /// The image.
    pub name: ImageRef,
    /// Which one.
    pub reference: Reference,
}

impl FromStr for SmokedImage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, reference) = if let Some((name, digest)) = text.split_once('@') {
            (name, digest.parse().map(Reference::Digest))
        } else if let Some((name, tag)) =
            text.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'))
        {
            (name, tag.parse().map(Reference::Tag))
        } else {
            return Err(
                "expected a digest or a tag after the name: NAME@sha256:... or NAME:TAG".to_owned()
            );
        };
        let name = name.parse().map_err(|error: InvalidValue| error.to_string())?;
        let reference = reference.map_err(|error| error.to_string())?;
        Ok(Self { name, reference })
    }
}

/// Splits `name=value` at the first `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected a name, `=` and a value".to_owned()),
    }
}
