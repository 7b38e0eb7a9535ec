//! One retry policy for HTTP that knows what may be repeated.
//!
//! Every request says for itself whether it may be sent twice ([`Repeat`]), how much may be
//! received, and which header carries credentials. [`Client::send`] then
//!
//! 1. sends it with a connect and a total time-out,
//! 2. follows redirects of reads by hand: to another origin without the credentials (or not at all,
//!    where they are in a header of their own), never from https to http, never for a write,
//! 3. repeats it after transient failures with capped, jittered backoff, within the policy's total,
//! 4. returns the last answer, whatever its status: what a 404 means is the caller's business.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, StatusCode};
use tokio::time::Instant;
use url::Url;

mod plain;
mod retry;
mod stream;
mod summary;
mod urls;

pub use retry::{Repeat, RetryPolicy};
pub use stream::Streamed;
pub use summary::{one_line, summary};
pub use urls::{host_of, is_loopback, same_origin, without_query};
use urls::{keeps_key, redirect_target};

/// How much of the body of a failed answer is read: enough for any error document.
const LARGEST_ERROR_BODY: usize = 64 * 1024;

/// How many redirects one request follows.
const MOST_REDIRECTS: usize = 5;

/// Who asks.
const USER_AGENT: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));

/// How the client behaves; the defaults are for the networks of CI runners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// When and how long requests are repeated.
    pub retry: RetryPolicy,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long one attempt may take, from the connection to the last byte.
    pub attempt_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            retry: RetryPolicy::default(),
            connect_timeout: Duration::from_secs(10),
            attempt_timeout: Duration::from_secs(30),
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method; redirects are followed for GET and HEAD only.
    pub method: Method,
    /// Where it goes; never with credentials in it.
    pub url: Url,
    /// Headers; one with a key is marked as sensitive, and is never sent to another origin.
    pub headers: HeaderMap,
    /// The `Authorization` header: for the origin of `url` only.
    pub authorization: Option<HeaderValue>,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it may be sent again.
    pub repeat: Repeat,
    /// The largest body of a successful answer that is accepted, in bytes.
    pub largest_body: usize,
    /// When the answer is of no use any more; without it, the policy's total counts from now.
    pub deadline: Option<Instant>,
}

/// An answer, of any status.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body; of a failed answer at most its first 64 KiB.
    pub body: Vec<u8>,
    /// How often the request was sent.
    pub attempts: u32,
    /// The address that answered: the one that was asked, or where it redirected to.
    pub url: Url,
    /// Whether the origin that was asked answered itself, and not one that it redirected to.
    pub same_origin: bool,
}

/// Says why there is no answer. Never holds a URL's query or credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// No connection; the server has not seen the request.
    #[error("could not connect to {host} ({reason}; attempts: {attempts})")]
    Connect {
        /// The host and port.
        host: String,
        /// The cause, in the words of the system.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// A time-out after the connection was made: the server may have applied the request.
    #[error("no complete answer from {host} in time (attempts: {attempts})")]
    TimedOut {
        /// The host and port.
        host: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The connection broke: the server may have applied the request.
    #[error(
        "the connection to {host} broke before the answer was complete ({reason}; attempts: {attempts})"
    )]
    Cut {
        /// The host and port.
        host: String,
        /// The cause, in the words of the system.
        reason: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// The answer is larger than it may be.
    #[error("the answer of {host} is larger than {limit} bytes")]
    TooLarge {
        /// The host and port.
        host: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A redirect that is not followed.
    #[error("{host} redirects to {target}, which is not followed: {reason}")]
    Redirect {
        /// The host and port.
        host: String,
        /// Where to; without query.
        target: String,
        /// Why not.
        reason: &'static str,
    },
    /// The client itself could not be made.
    #[error("could not set up the http client ({reason})")]
    Setup {
        /// The cause.
        reason: String,
    },
}

impl HttpError {
    /// Whether the server may have applied a request that failed this way.
    pub fn may_have_been_applied(&self) -> bool {
        match self {
            Self::TimedOut { .. } | Self::Cut { .. } | Self::TooLarge { .. } => true,
            Self::Connect { .. } | Self::Redirect { .. } | Self::Setup { .. } => false,
        }
    }

    fn may_be_repeated(&self, repeat: Repeat) -> bool {
        match (self, repeat) {
            // Waiting does not mend a certificate.
            (Self::Connect { reason, .. }, Repeat::Always | Repeat::Refused | Repeat::Limited) => {
                !reason.contains("certificate")
            }
            (Self::TimedOut { .. } | Self::Cut { .. }, Repeat::Always) => true,
            (Self::TimedOut { .. } | Self::Cut { .. }, Repeat::Refused | Repeat::Limited)
            | (Self::TooLarge { .. } | Self::Redirect { .. } | Self::Setup { .. }, _)
            | (_, Repeat::Never) => false,
        }
    }

    fn after(mut self, sent: u32) -> Self {
        match &mut self {
            Self::Connect { attempts, .. }
            | Self::TimedOut { attempts, .. }
            | Self::Cut { attempts, .. } => *attempts = sent,
            Self::TooLarge { .. } | Self::Redirect { .. } | Self::Setup { .. } => {}
        }
        self
    }
}

/// An HTTP client with one policy for all requests, and a counter.
#[derive(Debug)]
pub struct Client {
    options: Options,
    /// Made at first use: loading the system's certificates costs more than a whole command that
    /// speaks to no server.
    through_proxy: OnceLock<reqwest::Client>,
    direct: OnceLock<reqwest::Client>,
    /// For plain http on this machine, where no certificate is ever looked at.
    plain: OnceLock<plain::Client>,
    requests: AtomicU64,
}

impl Client {
    /// Makes a client. Nothing is opened or loaded before the first request.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            through_proxy: OnceLock::new(),
            direct: OnceLock::new(),
            plain: OnceLock::new(),
            requests: AtomicU64::new(0),
        }
    }

    /// The retry policy.
    pub fn policy(&self) -> &RetryPolicy {
        &self.options.retry
    }

    /// How many requests have been sent, with repeats and redirects.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Sends a request by the rules of this module.
    pub async fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let policy = &self.options.retry;
        let deadline = request.deadline.unwrap_or_else(|| Instant::now() + policy.total);
        let mut attempt = 1;
        loop {
            let result = self.follow(request, deadline).await;
            let again = match &result {
                Ok(answer) => retry::is_transient(answer.status, &answer.body, request.repeat),
                Err(error) => error.may_be_repeated(request.repeat),
            };
            let asked = match &result {
                Ok(answer) if again => {
                    retry::retry_after(&answer.headers, &answer.body).or_else(|| {
                        retry::is_secondary_limit(answer.status, &answer.body)
                            .then_some(policy.limit_delay)
                    })
                }
                Ok(_) | Err(_) => None,
            };
            let is_too_long = policy.ends_where_asked_for_more
                && asked.is_some_and(|asked| asked > policy.longest_delay);
            let again = again && !is_too_long;
            let delay = policy.delay(attempt, asked);
            // A wait that ends after the deadline would only delay the error.
            if !again || attempt >= policy.attempts || Instant::now() + delay >= deadline {
                return result
                    .map(|answer| Response { attempts: attempt, ..answer })
                    .map_err(|error| error.after(attempt));
            }
            tracing::debug!(
                method = %request.method,
                // The path of a webhook is its secret.
                host = %host_of(&request.url),
                attempt,
                wait_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
                "repeating a request after a transient failure"
            );
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    /// One attempt, with its redirects.
    async fn follow(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError> {
        let mut url = request.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.once(request, &url, deadline).await?;
            let reads = request.method == Method::GET || request.method == Method::HEAD;
            let moved = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let Some(location) = location.filter(|_| moved && reads) else {
                return Ok(answer);
            };
            url = redirect_target(&url, location)?;
            keeps_key(request, &url)?;
        }
        Err(HttpError::Redirect {
            host: host_of(&request.url),
            target: without_query(&url),
            reason: "too many redirects",
        })
    }

    async fn once(
        &self,
        request: &Request,
        url: &Url,
        deadline: Instant,
    ) -> Result<Response, HttpError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = self.options.attempt_timeout.min(left);
        let mut headers = request.headers.clone();
        let same_origin = same_origin(url, &request.url);
        if let Some(authorization) = request.authorization.as_ref().filter(|_| same_origin) {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        if url.scheme() == "http" && is_loopback(url) {
            let client =
                self.plain.get_or_init(|| plain::Client::new(self.options.connect_timeout));
            let answer = client.send(request, url, headers, patience).await?;
            return Ok(Response { same_origin, ..answer });
        }
        let mut builder = self
            .client_for(url)?
            .request(request.method.clone(), url.clone())
            .headers(headers)
            .timeout(patience);
        if !request.body.is_empty() {
            builder = builder.body(request.body.clone());
        }
        let mut answer = builder.send().await.map_err(|error| transport(url, &error))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = Body::new(status, request.largest_body);
        while let Some(chunk) = answer.chunk().await.map_err(|error| transport(url, &error))? {
            if !body.take(&chunk, url)? {
                break;
            }
        }
        let body = body.bytes;
        Ok(Response { status, headers, body, attempts: 1, url: url.clone(), same_origin })
    }

    /// Loopback servers are never reached through a proxy of the environment.
    fn client_for(&self, url: &Url) -> Result<&reqwest::Client, HttpError> {
        let direct = is_loopback(url);
        let slot = if direct { &self.direct } else { &self.through_proxy };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(self.options.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false);
        if direct {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| HttpError::Setup { reason: cause(&error) })?;
        Ok(slot.get_or_init(|| client))
    }
}

/// A body that is received in pieces, up to its limit.
struct Body {
    bytes: Vec<u8>,
    limit: usize,
    needed: bool,
}

impl Body {
    fn new(status: StatusCode, largest: usize) -> Self {
        let needed = status.is_success();
        Self { bytes: Vec::new(), limit: if needed { largest } else { LARGEST_ERROR_BODY }, needed }
    }

    /// Takes a piece; `false` where enough has been read of a failed answer.
    fn take(&mut self, piece: &[u8], url: &Url) -> Result<bool, HttpError> {
        if self.bytes.len() + piece.len() <= self.limit {
            self.bytes.extend_from_slice(piece);
            return Ok(true);
        }
        if self.needed {
            return Err(HttpError::TooLarge { host: host_of(url), limit: self.limit });
        }
        Ok(false)
    }
}

fn transport(url: &Url, error: &reqwest::Error) -> HttpError {
    let (host, attempts) = (host_of(url), 1);
    if error.is_connect() {
        HttpError::Connect { host, reason: cause(error), attempts }
    } else if error.is_timeout() {
        HttpError::TimedOut { host, attempts }
    } else {
        HttpError::Cut { host, reason: cause(error), attempts }
    }
}

/// The innermost cause: the outer layers of the libraries' errors repeat the URL.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error.source();
    let mut text = String::from("unknown cause");
    while let Some(error) = inner {
        text = error.to_string();
        inner = error.source();
    }
    one_line(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn credentials_belong_to_one_origin() {
        let registry = url("https://ghcr.io/v2/");
        assert!(same_origin(&registry, &url("https://ghcr.io:443/token")));
        for other in [
            "http://ghcr.io/token",
            "https://ghcr.io:8443/token",
            "https://ghcr.io.evil.example/token",
            "https://evil.example/ghcr.io",
            "data:text/plain,x",
        ] {
            assert!(!same_origin(&registry, &url(other)), "{other}");
        }
    }

    #[test]
    fn redirects_never_leave_https_or_http() {
        let from = url("https://ghcr.io/v2/a/blobs/x");
        for location in ["http://ghcr.io/x", "ftp://x/", "file:///etc/passwd", "https://u:p@x/"] {
            assert!(redirect_target(&from, location).is_err(), "{location}");
        }
        let target = redirect_target(&from, "https://store.example/x?sig=s3cr3t").unwrap();
        assert_eq!(without_query(&target), "https://store.example/x");
        assert_eq!(redirect_target(&from, "../y").unwrap().path(), "/v2/a/y");
    }

    #[test]
    fn loopback_is_recognised() {
        for text in ["http://127.0.0.1:5000/", "http://localhost/", "http://[::1]:1/"] {
            assert!(is_loopback(&url(text)), "{text}");
        }
        for text in ["http://10.0.0.1/", "http://localhost.evil.example/", "http://128.0.0.1/"] {
            assert!(!is_loopback(&url(text)), "{text}");
        }
    }
}
