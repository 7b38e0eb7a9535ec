//! `smoke`: a probe by hand.

use clap::{Args, ValueEnum};

/// Run a probe against a URL: does what stands there work?
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Every page of a Streamlit app has to render without an exception:
      tidegate smoke --kind streamlit --url http://127.0.0.1:8501
  Wait up to two minutes for a service that is starting:
      tidegate smoke --kind http --url http://127.0.0.1:8000 --path /health --start-period 2m
  A database that takes connections:
      tidegate smoke --kind tcp --url tcp://127.0.0.1:5432

Exit codes: 0 it works, 13 it does not, 8 nobody can tell (no such host, no network).")]
pub struct Smoke {
    /// What the probe does
    #[arg(long, value_enum)]
    pub kind: ProbeKind,
    /// The URL that is probed
    #[arg(long, value_name = "URL")]
    pub url: String,
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
    /// How long it may take until somebody answers [default: 0s]
    #[arg(long, value_name = "DURATION")]
    pub start_period: Option<String>,
    /// Options of probes over HTTP.
    #[command(flatten)]
    pub http: HttpProbe,
    /// Options of probes of Streamlit apps.
    #[command(flatten)]
    pub streamlit: StreamlitProbe,
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
}

/// Splits `name=value` at the first `=`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("expected a name, `=` and a value".to_owned()),
    }
}
