//! The words of a probe: what is asked of a running candidate or of a URL, and what came of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use url::Url;

/// A probe, ready to be run.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// What people call it.
    pub name: String,
    /// What it asks.
    pub target: Target,
    /// How often, and for how long.
    pub timing: Timing,
    /// What it asks for.
    pub check: Check,
}

/// What a probe asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A container of the stack.
    Service {
        /// The name of the service.
        service: String,
        /// The port inside the container; none for probes that need none.
        port: Option<u16>,
    },
    /// A place that is there already.
    Url(Url),
    /// The runner itself, for a command.
    Runner,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service { service, port: Some(port) } => write!(f, "{service}:{port}"),
            Self::Service { service, port: None } => f.write_str(service),
            Self::Url(url) => url.fmt(f),
            Self::Runner => f.write_str("the runner"),
        }
    }
}

/// The times of a probe, with the meaning of Docker's HEALTHCHECK ("Dockerfile reference").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// How long after the start of its container an attempt that shows nothing but "not ready yet"
    /// does not count.
    pub start_period: Duration,
    /// The wait between two attempts.
    pub interval: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How many attempts may fail before the last one: `retries + 1` failures in a row, and the
    /// probe has failed.
    pub retries: u32,
}

impl Timing {
    /// The times where the configuration says nothing.
    pub const DEFAULT: Self = Self {
        start_period: Duration::from_mins(1),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(30),
        retries: 2,
    };

    /// Returns the longest time that the probe can take from the start of its container.
    pub fn longest(&self) -> Duration {
        let attempts = self.retries.saturating_add(1);
        let attempt = self.timeout.saturating_add(self.interval);
        self.start_period.saturating_add(attempt.saturating_mul(attempts))
    }
}

/// What a probe asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    /// One GET request.
    Http(HttpCheck),
    /// A TCP connection.
    Tcp,
    /// A command that has to end with 0.
    Command {
        /// For `sh -c`, in the container or on the runner, as the target says.
        run: String,
    },
    /// The health that the engine reports for the container.
    ContainerHealth,
    /// A session of a Streamlit app.
    Streamlit(StreamlitCheck),
}

impl Check {
    /// Returns the word of the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp => "tcp",
            Self::Command { .. } => "command",
            Self::ContainerHealth => "container_health",
            Self::Streamlit(_) => "streamlit",
        }
    }
}

/// What an answer over HTTP has to be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HttpCheck {
    /// The path, with its query; for a URL it is joined to the URL.
    pub path: Option<String>,
    /// The statuses that pass; empty: 200 to 299.
    pub status: Vec<u16>,
    /// A regular expression that has to be found in the body.
    pub body: Option<String>,
    /// The values that JSON pointers (RFC 6901) into the body have to show.
    pub json: BTreeMap<String, serde_json::Value>,
    /// How long the answer may take, from the request to the end of the body.
    pub max_latency: Option<Duration>,
    /// Headers that are sent.
    pub headers: BTreeMap<String, String>,
}

/// What a Streamlit app has to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StreamlitCheck {
    /// The base path (`server.baseUrlPath`).
    pub base_path: Option<String>,
    /// Pages that are walked, by the names that the app gives them; empty: all of them.
    pub pages: Vec<String>,
    /// The host, with its port where it has one, that `Host` and `Origin` name; none: that of the
    /// URL. For apps that answer one name only (`server.allowedHosts`).
    pub host: Option<String>,
    /// Labels of buttons that are pressed where a page has them; one that no page has is a failure.
    pub press: Vec<String>,
    /// Texts that one of the pages has to show.
    pub require_text: Vec<String>,
    /// Elements that one of the pages has to show, by their names in Streamlit's protocol
    /// (`arrow_data_frame`, `metric`, `button`).
    pub require_element: Vec<String>,
    /// Whether an exception that the app shows on purpose (`st.exception`) passes.
    pub allow_shown_exceptions: bool,
    /// Whether a page that renders nothing passes.
    pub allow_empty: bool,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// It shows what it has to show.
    Passed {
        /// What was seen, in a few words: `200 in 12 ms`, `3 pages`.
        seen: String,
    },
    /// Nobody answers yet, or the answer may be that of a start: it counts after the start period
    /// only.
    NotReady(ProbeFailure),
    /// What answered is wrong: it counts at once.
    Failed(ProbeFailure),
    /// The attempt could not be made, whatever the candidate is like (no engine, no network).
    Impossible {
        /// Why.
        why: String,
    },
}

/// What is wrong, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProbeFailure {
    /// One line, without secrets: `page "Sales": KeyError: 'price'`.
    pub what: String,
    /// More lines: a traceback, the end of the log. Bounded by [`MAX_DETAIL`], without secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The most bytes of a detail.
pub const MAX_DETAIL: usize = 8 * 1024;

impl ProbeFailure {
    /// A failure that one line says.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), detail: None }
    }

    /// Adds lines, of which the last [`MAX_DETAIL`] bytes are kept.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        let mut detail: String = detail.into();
        if detail.len() > MAX_DETAIL {
            let mut from = detail.len() - MAX_DETAIL;
            while !detail.is_char_boundary(from) {
                from += 1;
            }
            detail.drain(..from);
        }
        self.detail = (!detail.trim().is_empty()).then_some(detail);
        self
    }
}

/// The most bytes of a regular expression, as it is written.
const MAX_PATTERN: usize = 1_000;

/// Checks what stands in the headers `Host` and `Origin`: a name or an address, with a port or
/// without (RFC 9110, section 7.2).
///
/// # Errors
/// What was expected.
pub fn host(text: &str) -> Result<(), String> {
    let authority = text.parse::<http::uri::Authority>();
    if authority.is_ok_and(|authority| !authority.as_str().contains('@')) {
        return Ok(());
    }
    Err(format!("expected a host such as app.acme.example, found {text:?}"))
}

/// Compiles a regular expression of the configuration, which may be hostile: its size is bounded,
/// and the engine takes linear time.
///
/// # Errors
/// What was expected, and what is wrong.
pub fn pattern(text: &str) -> Result<regex::Regex, String> {
    let expected = "expected a regular expression";
    if text.is_empty() || text.len() > MAX_PATTERN {
        return Err(format!("{expected} of 1 to {MAX_PATTERN} bytes, found {}", text.len()));
    }
    regex::RegexBuilder::new(text).size_limit(1 << 20).build().map_err(|error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim();
        format!("{expected}, found {text:?}: {}", last.trim_start_matches("error: "))
    })
}
