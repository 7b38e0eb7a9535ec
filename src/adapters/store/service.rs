//! The one way of every request to a store: signed anew at each attempt, with the checksum of its
//! body, repeated while it pays, and counted where the server asks for fewer.
//!
//! It stands below `object_store`, which has its own retries switched off: those keep a signature
//! for all attempts, know no `Retry-After`, and tell nobody that a server is busy.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderValue, Method, request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use md5::Digest as _;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest,
    HttpRequestBody, HttpResponse, HttpService,
};
use tokio::time::Instant;
use url::Url;

use super::Retry;
use super::azure::Account;
use super::failure::Failure;
use super::plain::Plain;
use crate::http::{is_loopback, one_line};

/// Who asks.
const OWN_NAME: &str = concat!("tidegate/", env!("CARGO_PKG_VERSION"));
/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a connection is kept that nobody uses: less than servers keep theirs.
const IDLE: Duration = Duration::from_secs(20);
/// The largest answer that is no object: a page of 5,000 names of 1,024 characters fits.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// The slowest connection that an attempt waits for, in bytes a second.
const SLOWEST: u64 = 32 * 1024;
/// Without any answer so far, a store is given up after this part of the patience: the address is
/// wrong, or there is no network.
const WITHOUT_ANSWER: u32 = 4;

/// What an answer says beside what the library reads from it; in the extensions of its results.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// `Last-Modified`.
    pub(super) modified: Option<Timestamp>,
}

/// The header `Content-MD5` (RFC 1864) of a body; in the extensions of a request whose sender has
/// computed it already. Azure refuses a body that does not fit it.
#[derive(Debug, Clone)]
pub(super) struct Checksum(HeaderValue);

impl Checksum {
    /// Computes it.
    pub(super) fn of(body: &[u8]) -> Self {
        let text = STANDARD.encode(md5::Md5::digest(body));
        Self(HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("")))
    }
}

/// The connections to one store.
pub(super) struct Service {
    client: OnceLock<HttpClient>,
    direct: bool,
    plain: bool,
    retry: Retry,
    /// Who signs, with Azure; the library signs for the others.
    account: OnceLock<Arc<Account>>,
    busy: AtomicU64,
    answered: AtomicBool,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").field("retry", &self.retry).finish_non_exhaustive()
    }
}

/// Hands the service to `object_store`.
#[derive(Debug, Clone)]
pub(super) struct Shared(pub(super) Arc<Service>);

impl HttpConnector for Shared {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait]
impl HttpService for Shared {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(self.0.send(parts, body).await?)
    }
}

impl Service {
    /// Makes the connections to the server of an address; nothing is opened or loaded yet.
    pub(super) fn new(endpoint: Option<&Url>, retry: Retry) -> Self {
        Self {
            client: OnceLock::new(),
            // A server of this machine is never reached through a proxy.
            direct: endpoint.is_some_and(is_loopback),
            plain: endpoint.is_some_and(|url| url.scheme() == "http" && is_loopback(url)),
            retry,
            account: OnceLock::new(),
            busy: AtomicU64::new(0),
            answered: AtomicBool::new(false),
        }
    }

    /// Has all requests signed by an account.
    pub(super) fn sign_as(&self, account: Arc<Account>) {
        // A service has one account for all its time.
        let _ = self.account.set(account);
    }

    /// How often the server has asked for fewer requests.
    pub(super) fn busy(&self) -> u64 {
        self.busy.load(Ordering::Relaxed)
    }

    /// Whether each body is sent with its [`Checksum`].
    pub(super) fn wants_checksums(&self) -> bool {
        self.account.get().is_some()
    }

    /// The rules of repetition.
    pub(super) fn retry(&self) -> &Retry {
        &self.retry
    }

    /// Sends a request until it succeeds, fails for good, or patience ends.
    pub(super) async fn send(
        &self,
        parts: request::Parts,
        body: Bytes,
    ) -> Result<HttpResponse, Failure> {
        let begun = Instant::now();
        let checksum = match parts.extensions.get::<Checksum>() {
            Some(Checksum(known)) => Some(known.clone()),
            None if self.wants_checksums() && !body.is_empty() => {
                let body = body.clone();
                let computed = tokio::task::spawn_blocking(move || Checksum::of(&body)).await;
                computed.ok().map(|Checksum(value)| value)
            }
            None => None,
        };
        let (mut attempt, mut applied) = (1, false);
        loop {
            let failure = match self.once(&parts, &body, checksum.as_ref()).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.is_busy() {
                self.busy.fetch_add(1, Ordering::Relaxed);
            }
            let patience = match self.answered.load(Ordering::Relaxed) {
                true => self.retry.patience,
                false => self.retry.patience / WITHOUT_ANSWER,
            };
            let wait = self.retry.wait(attempt, failure.asked());
            // A wait that ends after the patience would only delay the error.
            if !failure.is_transient() || begun.elapsed() + wait > patience {
                return Err(failure.after_repeats(applied));
            }
            applied |= failure.may_have_been_applied();
            tracing::debug!(
                method = %parts.method,
                attempt,
                reason = %failure,
                wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                "repeating a request to the store"
            );
            tokio::time::sleep(wait).await;
            attempt += 1;
        }
    }

    async fn once(
        &self,
        parts: &request::Parts,
        body: &Bytes,
        checksum: Option<&HeaderValue>,
    ) -> Result<HttpResponse, Failure> {
        let mut request = HttpRequest::from_parts(parts.clone(), body.clone().into());
        if let Some(checksum) = checksum {
            request.headers_mut().insert("content-md5", checksum.clone());
        }
        if let Some(account) = self.account.get() {
            account.authorize(&mut request).await?;
        }
        let limit = self.retry.silence + Duration::from_secs(body.len() as u64 / SLOWEST);
        let answer = tokio::time::timeout(limit, self.client()?.execute(request)).await;
        let answer = answer.map_err(|_| Failure::TimedOut)?.map_err(|error| transport(&error))?;
        self.answered.store(true, Ordering::Relaxed);
        let status = answer.status();
        if status.is_success() && parts.method == Method::GET && !is_listing(parts.uri.query()) {
            return Ok(answer);
        }
        let (mut head, body) = answer.into_parts();
        let bytes =
            tokio::time::timeout(limit, collected(body)).await.map_err(|_| Failure::TimedOut)??;
        // S3 begins some answers before it knows how they end.
        let late = status.is_success() && bytes.len() < 16_384 && is_error(&bytes);
        if !status.is_success() || late {
            return Err(Failure::of(status, &head.headers, &bytes));
        }
        if let (Some(sent), Some(received)) = (checksum, head.headers.get("content-md5"))
            && sent != received
        {
            let problem = "the store received other bytes than those that were sent (MD5)";
            return Err(Failure::Damaged(problem.to_owned()));
        }
        let modified = head.headers.get("last-modified").and_then(|value| value.to_str().ok());
        let modified = modified.and_then(|value| jiff::fmt::rfc2822::parse(value).ok());
        head.extensions.insert(Stamp { modified: modified.map(|date| date.timestamp()) });
        Ok(HttpResponse::from_parts(head, bytes.into()))
    }

    /// Loading the system's certificates takes longer than a command that finds nothing to send.
    fn client(&self) -> Result<&HttpClient, Failure> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        if self.plain {
            return Ok(self
                .client
                .get_or_init(|| HttpClient::new(Plain::new(OWN_NAME, CONNECT, IDLE))));
        }
        let mut builder = reqwest::Client::builder()
            .user_agent(OWN_NAME)
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            .referer(false);
        if self.direct {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| Failure::Connect(cause(&error)))?;
        Ok(self.client.get_or_init(|| HttpClient::new(client)))
    }
}

/// Whether a request asks for names, and not for an object.
fn is_listing(query: Option<&str>) -> bool {
    let query = query.unwrap_or_default().as_bytes();
    url::form_urlencoded::parse(query)
        .any(|(name, _)| matches!(&*name, "comp" | "restype" | "list-type" | "uploads"))
}

fn is_error(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or("", |(_, rest)| rest).trim_start(),
        None => text,
    };
    text.starts_with("<Error>") || text.starts_with("<Error ")
}

async fn collected(body: object_store::client::HttpResponseBody) -> Result<Bytes, Failure> {
    let mut whole = Vec::new();
    let mut pieces = body.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| transport(&error))?;
        if whole.len() + piece.len() > LARGEST_ANSWER {
            return Err(Failure::Unreadable("the answer of the store is too long".to_owned()));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

/// Says what a broken transfer is.
pub(super) fn transport(error: &HttpError) -> Failure {
    match error.kind() {
        HttpErrorKind::Connect => Failure::Connect(cause(error)),
        HttpErrorKind::Timeout => Failure::TimedOut,
        _ => Failure::Cut(cause(error)),
    }
}

/// The innermost cause: the outer layers repeat URLs.
fn cause(error: &dyn std::error::Error) -> String {
    let mut inner = error.source();
    let mut text = String::from("unknown cause");
    while let Some(error) = inner {
        text = error.to_string();
        inner = error.source();
    }
    one_line(&text)
}

/// A request without a body that the library does not know.
pub(super) fn request(
    method: Method,
    url: &Url,
    headers: &[(&'static str, &str)],
) -> Result<request::Parts, Failure> {
    let mut builder = http::Request::builder().method(method).uri(url.as_str());
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let request = builder.header("content-length", "0").body(HttpRequestBody::empty());
    let request = request.map_err(|error| Failure::Unreadable(one_line(&error.to_string())))?;
    Ok(request.into_parts().0)
}
