//! What octocrab sends its requests through: the one HTTP client of this program.

use std::error::Error as StdError;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use ::http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use octocrab::OctoBody;
use url::Url;

use super::API_VERSION;
use super::etags::{Etags, Kept};
use crate::http::{self, Client, HttpError, Repeat};

/// The largest answer that is read: a page of 100 runs has about 1.5 MB.
const LARGEST_ANSWER: usize = 16 << 20;

type BoxError = Box<dyn StdError + Send + Sync>;
type Sending = Pin<Box<dyn Future<Output = Result<Response<OctoBody>, BoxError>> + Send>>;

/// The client, and the answers that it can ask for conditionally.
pub(super) struct Transport {
    api: Url,
    client: Client,
    etags: Mutex<Etags>,
}

impl Transport {
    pub(super) fn new(api: Url, options: http::Options, cache: Option<&Path>) -> Self {
        Self { api, client: Client::new(options), etags: Mutex::new(Etags::open(cache)) }
    }

    /// How many requests have been sent, with repeats.
    pub(super) fn requests(&self) -> u64 {
        self.client.requests()
    }

    async fn send(&self, request: Request<OctoBody>) -> Result<Response<OctoBody>, BoxError> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes().to_vec();
        let url = self.url(&parts.uri)?;
        let authorization = parts.headers.remove(header::AUTHORIZATION);
        // The client writes this one itself.
        parts.headers.remove(header::CONTENT_LENGTH);
        // Once, in place of octocrab's own: GitHub takes two of them for one that it does not know.
        parts.headers.insert("x-github-api-version", HeaderValue::from_static(API_VERSION));
        let reads = parts.method == Method::GET;
        let kept = if reads { self.etags().kept(url.as_str()) } else { None };
        if let Some(kept) = &kept
            && let Ok(tag) = kept.etag.parse()
        {
            parts.headers.insert(header::IF_NONE_MATCH, tag);
        }
        let by_method = if reads { Repeat::Always } else { Repeat::Limited };
        let message = http::Request {
            repeat: parts.extensions.get::<Repeat>().copied().unwrap_or(by_method),
            method: parts.method,
            url,
            headers: parts.headers,
            authorization,
            body,
            largest_body: LARGEST_ANSWER,
            deadline: None,
        };
        let mut answer = self.client.send(&message).await?;
        if let Some(kept) = kept.filter(|_| answer.status == StatusCode::NOT_MODIFIED) {
            answer.status = StatusCode::OK;
            answer.body = kept.body.into_bytes();
            if let Some(link) = kept.link.and_then(|link| link.parse().ok()) {
                answer.headers.insert(header::LINK, link);
            }
        } else if reads && answer.status == StatusCode::OK {
            self.etags().keep(message.url.as_str(), Kept::of(&answer.headers, &answer.body));
        }
        let mut response = Response::new(OctoBody::from(answer.body));
        *response.status_mut() = answer.status;
        *response.headers_mut() = answer.headers;
        Ok(response)
    }

    /// Puts a path after the address of the API. An address of anywhere else is refused: the token
    /// would go there.
    fn url(&self, uri: &::http::Uri) -> Result<Url, HttpError> {
        let invalid = || HttpError::Setup { reason: format!("{uri} is no path of the API") };
        if uri.authority().is_some() {
            return Err(invalid());
        }
        let (base, path) = (self.api.as_str().trim_end_matches('/'), uri.to_string());
        Url::parse(&format!("{base}{path}")).map_err(|_| invalid())
    }

    fn etags(&self) -> std::sync::MutexGuard<'_, Etags> {
        // A panic in between leaves a list of answers, each of which is whole.
        self.etags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The transport as the service that octocrab calls.
#[derive(Clone)]
pub(super) struct Service(pub(super) Arc<Transport>);

impl tower_service::Service<Request<OctoBody>> for Service {
    type Response = Response<OctoBody>;
    type Error = BoxError;
    type Future = Sending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Sending {
        let transport = Arc::clone(&self.0);
        Box::pin(async move { transport.send(request).await })
    }
}
