//! `http`: one GET request, and what its answer has to be.
//!
//! A redirect is not followed: it is an answer, and its status counts. Nothing is repeated here: the
//! schedule does that.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::sync::OnceLock;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use super::shown;
use crate::http::{host_of, is_loopback, one_line};
use crate::probe::{Attempt, HttpCheck, ProbeFailure};
use crate::secret::Redactor;

/// The most bytes of a body that are read.
const LARGEST_BODY: usize = 1024 * 1024;

/// The most lines of a body that stand in a failure.
const SHOWN_LINES: usize = 20;

/// The most characters of them.
const SHOWN_BODY: usize = 2000;

/// The most bytes that a compiled regular expression may take.
const LARGEST_REGEX: usize = 1024 * 1024;

/// Answers of a server whose app is not there yet: "425 Too Early" (RFC 8470), and what a proxy says
/// in front of it (RFC 9110, sections 15.6.3 to 15.6.5).
const OF_A_START: [u16; 4] = [425, 502, 503, 504];

/// A probe over HTTP, ready for attempts.
pub(super) struct HttpProbe<'a> {
    check: &'a HttpCheck,
    redactor: &'a Redactor,
    url: Url,
    /// Whether it is a port of a container: there nobody but the candidate can be at fault.
    container: bool,
    headers: HeaderMap,
    body: Option<Regex>,
    client: OnceLock<reqwest::Client>,
}

/// Where an attempt stopped short of an answer.
enum Stopped {
    Attempt(Attempt),
    TimedOut,
}

impl<'a> HttpProbe<'a> {
    /// Prepares a probe. `container`: `base` is a published port of a container.
    ///
    /// # Errors
    /// What is wrong with the check, in a few words.
    pub(super) fn new(
        base: &Url,
        container: bool,
        check: &'a HttpCheck,
        redactor: &'a Redactor,
    ) -> Result<Self, String> {
        let path = check.path.as_deref();
        let url = match path {
            Some(path) => join(base, path),
            None => base.clone(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &check.headers {
            let wrong = || format!("the header {} cannot be sent", one_line(name));
            let name = HeaderName::try_from(name).map_err(|_| wrong())?;
            headers.append(name, HeaderValue::try_from(value).map_err(|_| wrong())?);
        }
        let body = check
            .body
            .as_deref()
            .map(|text| RegexBuilder::new(text).size_limit(LARGEST_REGEX).build())
            .transpose()
            .map_err(|error| {
                format!("`body` is no regular expression ({})", one_line(&error.to_string()))
            })?;
        Ok(Self { check, redactor, url, container, headers, body, client: OnceLock::new() })
    }

    /// Makes one attempt.
    pub(super) async fn attempt(&self, timeout: Duration) -> Attempt {
        match tokio::time::timeout(timeout, self.exchange()).await.unwrap_or(Err(Stopped::TimedOut))
        {
            Ok(attempt) | Err(Stopped::Attempt(attempt)) => attempt,
            Err(Stopped::TimedOut) => {
                failed(format!("GET {}: no complete answer within {timeout:?}", self.shown_url()))
            }
        }
    }

    async fn exchange(&self) -> Result<Attempt, Stopped> {
        let begun = Instant::now();
        let request = self.client()?.get(self.url.clone()).headers(self.headers.clone());
        let mut answer = request.send().await.map_err(|error| self.no_answer(&error))?;
        let status = answer.status();
        if OF_A_START.contains(&status.as_u16()) && !self.check.status.contains(&status.as_u16()) {
            return Ok(Attempt::NotReady(self.wrong_status(
                status.as_u16(),
                answer.headers(),
                &[],
            )));
        }
        let mut body = Vec::new();
        let mut whole = true;
        while let Some(piece) = answer.chunk().await.map_err(|error| self.no_answer(&error))? {
            let room = LARGEST_BODY - body.len();
            body.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            if piece.len() > room {
                whole = false;
                break;
            }
        }
        let took = begun.elapsed();
        let right = if self.check.status.is_empty() {
            status.is_success()
        } else {
            self.check.status.contains(&status.as_u16())
        };
        if !right {
            let failure = self.wrong_status(status.as_u16(), answer.headers(), &body);
            return Ok(Attempt::Failed(failure));
        }
        if let Err(what) = self.body(&body, whole) {
            return Ok(Attempt::Failed(self.with_body(&what, &body)));
        }
        if let Some(most) = self.check.max_latency
            && took > most
        {
            return Ok(failed(format!(
                "GET {}: the answer took {} ms, at most {} ms are allowed",
                self.shown_url(),
                took.as_millis(),
                most.as_millis()
            )));
        }
        Ok(Attempt::Passed { seen: format!("{} in {} ms", status.as_u16(), took.as_millis()) })
    }

    fn client(&self) -> Result<&reqwest::Client, Stopped> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("tidegate/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Each attempt asks who is there now.
            .pool_max_idle_per_host(0);
        if is_loopback(&self.url) {
            builder = builder.no_proxy();
        }
        if self.url.scheme() == "http" {
            // Loading the system's certificates takes longer than the rest of a probe.
            builder = builder.tls_certs_only([]);
        }
        let client = builder.build().map_err(|error| {
            Stopped::Attempt(Attempt::Impossible {
                why: format!("could not set up the http client ({})", innermost(&error)),
            })
        })?;
        Ok(self.client.get_or_init(|| client))
    }

    /// What an attempt without an answer comes to. Where there was a connection, somebody is to
    /// blame who answers; where there was none, it may be the name, the network or the certificate.
    fn no_answer(&self, error: &reqwest::Error) -> Stopped {
        let url = self.shown_url();
        let cause = shown::line(&innermost(error), self.redactor);
        let attempt = if has_kind(error, ErrorKind::ConnectionRefused) {
            not_ready(format!("GET {url}: connection refused"))
        } else if self.container {
            // The engine's own proxy accepts a connection, and ends it where nobody listens.
            not_ready(format!("GET {url}: no answer ({cause})"))
        } else if error.is_connect() || error.is_builder() {
            Attempt::Impossible {
                why: format!("{} cannot be reached ({cause})", host_of(&self.url)),
            }
        } else {
            failed(format!("GET {url}: the connection ended before the answer did ({cause})"))
        };
        Stopped::Attempt(attempt)
    }

    fn wrong_status(&self, status: u16, headers: &HeaderMap, body: &[u8]) -> ProbeFailure {
        let expected = match self.check.status.as_slice() {
            [] => "200 to 299".to_owned(),
            list => list.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
        };
        let to = headers.get(LOCATION).filter(|_| (300..400).contains(&status)).map(|to| {
            format!(" to {}", shown::line(&String::from_utf8_lossy(to.as_bytes()), self.redactor))
        });
        self.with_body(
            &format!("status {status}{}, expected {expected}", to.unwrap_or_default()),
            body,
        )
    }

    /// Holds the body against the check.
    fn body(&self, body: &[u8], whole: bool) -> Result<(), String> {
        if let (Some(regex), Some(text)) = (&self.body, &self.check.body)
            && !regex.is_match(body)
        {
            let part = if whole { "" } else { " in its first 1 MiB" };
            return Err(format!("the body does not match {:?}{part}", one_line(text)));
        }
        if self.check.json.is_empty() {
            return Ok(());
        }
        if !whole {
            return Err("the body is larger than 1 MiB, so it was not read as JSON".to_owned());
        }
        let document: Value = serde_json::from_slice(body)
            .map_err(|error| format!("the body is no JSON ({})", one_line(&error.to_string())))?;
        for (pointer, expected) in &self.check.json {
            let found = document.pointer(pointer);
            if !found.is_some_and(|found| same(found, expected)) {
                let found = match found {
                    Some(found) => shown::line(&found.to_string(), self.redactor),
                    None => "missing".to_owned(),
                };
                let (pointer, expected) = (one_line(pointer), one_line(&expected.to_string()));
                return Err(format!("{pointer} is {found}, expected {expected}"));
            }
        }
        Ok(())
    }

    fn with_body(&self, what: &str, body: &[u8]) -> ProbeFailure {
        let failure = ProbeFailure::new(format!("GET {}: {what}", self.shown_url()));
        let text = String::from_utf8_lossy(body);
        // Hidden before it is cut: nobody knows the half of a secret.
        let text = shown::lines(&first(&self.redactor.redact(&text)), self.redactor);
        if text.trim().is_empty() { failure } else { failure.with_detail(text) }
    }

    /// The URL without its query, which may hold a key; of a container only the path, since the
    /// port is another one each time.
    fn shown_url(&self) -> String {
        if self.container {
            return shown::line(self.url.path(), self.redactor);
        }
        shown::line(&crate::http::without_query(&self.url), self.redactor)
    }
}

/// Joins a path of the configuration to a base: below the base's own path.
fn join(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let (path, query) =
        path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let below = base.path().trim_end_matches('/');
    url.set_path(&format!("{below}/{}", path.trim_start_matches('/')));
    url.set_query(query);
    url.set_fragment(None);
    url
}

/// Whether two values are the same; numbers by their value, since `1` and `1.0` are one in JSON
/// (RFC 8259, section 6).
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => found == expected,
    }
}

/// The first lines of a body.
fn first(text: &str) -> String {
    let lines: Vec<&str> = text.lines().take(SHOWN_LINES).collect();
    let mut shown: String = lines.join("\n").chars().take(SHOWN_BODY).collect();
    if shown.len() < text.trim_end().len() {
        shown.push_str("\n…");
    }
    shown
}

fn failed(what: String) -> Attempt {
    Attempt::Failed(ProbeFailure::new(what))
}

fn not_ready(what: String) -> Attempt {
    Attempt::NotReady(ProbeFailure::new(what))
}

fn has_kind(error: &reqwest::Error, kind: ErrorKind) -> bool {
    let mut inner: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = inner {
        if error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == kind) {
            return true;
        }
        inner = error.source();
    }
    false
}

/// The innermost cause: the outer ones repeat the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut text = "unknown cause".to_owned();
    let mut inner = error.source();
    while let Some(error) = inner {
        text = error.to_string();
        inner = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
