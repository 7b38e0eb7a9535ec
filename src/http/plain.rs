//! Plain http to this machine, without a TLS stack.
//!
//! A client that can speak TLS loads the system's certificates when it is made: 60 ms and more of
//! CPU, several times what a promotion on a local registry takes.

use std::time::Duration;

use ::http::response::Parts;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use reqwest::header::{HeaderMap, HeaderValue, USER_AGENT as USER_AGENT_HEADER};
use url::Url;

use super::{Body, HttpError, Request, Response, USER_AGENT, cause, host_of};

/// A client with kept-alive connections.
#[derive(Debug)]
pub(super) struct Client(legacy::Client<HttpConnector, Full<Bytes>>);

/// A body that is still to come; its error says what broke it.
pub(super) type Incoming = UnsyncBoxBody<bytes::Bytes, String>;

/// What `Full` is made of, without a dependency of our own on its crate.
type Bytes = std::io::Cursor<Vec<u8>>;

impl Client {
    pub(super) fn new(connect_timeout: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(connect_timeout));
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            // A request is repeated by the one policy of this crate, and by nobody else.
            .retry_canceled_requests(false)
            .build(connector);
        Self(client)
    }

    /// Sends a request once, within `patience` to the last byte.
    pub(super) async fn send(
        &self,
        request: &Request,
        url: &Url,
        headers: HeaderMap,
        patience: Duration,
    ) -> Result<Response, HttpError> {
        let host = host_of(url);
        let attempts = 1;
        tokio::time::timeout(patience, self.exchange(request, url, headers))
            .await
            .unwrap_or(Err(HttpError::TimedOut { host, attempts }))
    }

    async fn exchange(
        &self,
        request: &Request,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<Response, HttpError> {
        let (parts, mut incoming) = self.open(request, url, headers).await?;
        let mut body = Body::new(parts.status, request.largest_body);
        while let Some(piece) = next(&mut incoming, url).await? {
            if !body.take(&piece, url)? {
                break;
            }
        }
        Ok(Response {
            status: parts.status,
            headers: parts.headers,
            body: body.bytes,
            attempts: 1,
            url: url.clone(),
            same_origin: true,
        })
    }

    /// Sends a request once, and returns the head of the answer before its body.
    pub(super) async fn open(
        &self,
        request: &Request,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<(Parts, Incoming), HttpError> {
        let host = host_of(url);
        let mut message = ::http::Request::new(Full::new(Bytes::new(request.body.clone())));
        *message.method_mut() = request.method.clone();
        *message.headers_mut() = headers;
        message.headers_mut().insert(USER_AGENT_HEADER, HeaderValue::from_static(USER_AGENT));
        *message.uri_mut() = url
            .as_str()
            .parse()
            .map_err(|_| HttpError::Setup { reason: format!("{host} is not a valid address") })?;
        let answer = self.0.request(message).await.map_err(|error: Error| {
            if error.is_connect() {
                HttpError::Connect { host, reason: cause(&error), attempts: 1 }
            } else {
                cut(url, cause(&error))
            }
        })?;
        let (parts, incoming) = answer.into_parts();
        Ok((parts, incoming.map_err(|error| cause(&error)).boxed_unsync()))
    }
}

/// Returns the next piece of a body; `None` after the last.
pub(super) async fn next(
    incoming: &mut Incoming,
    url: &Url,
) -> Result<Option<bytes::Bytes>, HttpError> {
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|reason| cut(url, reason))?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}

fn cut(url: &Url, reason: String) -> HttpError {
    HttpError::Cut { host: host_of(url), reason, attempts: 1 }
}
