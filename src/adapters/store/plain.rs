//! Plain http to a store of this machine (an emulator, a gateway), without a TLS stack: loading the
//! system's certificates takes longer than a sync that finds nothing to send.

use std::time::Duration;

use async_trait::async_trait;
use http::header::{HeaderValue, USER_AGENT};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{self, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::client::{
    HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpResponseBody,
    HttpService,
};

/// Kept-alive connections without TLS.
#[derive(Debug)]
pub(super) struct Plain {
    client: legacy::Client<HttpConnector, HttpRequestBody>,
    user_agent: HeaderValue,
}

impl Plain {
    /// Makes the connections; nothing is opened yet.
    pub(super) fn new(user_agent: &'static str, connect: Duration, idle: Duration) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(connect));
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(idle)
            // A request is repeated by the service alone.
            .retry_canceled_requests(false)
            .build(connector);
        Self { client, user_agent: HeaderValue::from_static(user_agent) }
    }
}

#[async_trait]
impl HttpService for Plain {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        let answer = self.client.request(request).await.map_err(|error| {
            let kind = match error.is_connect() {
                true => HttpErrorKind::Connect,
                false => HttpErrorKind::Request,
            };
            HttpError::new(kind, error)
        })?;
        let (head, body) = answer.into_parts();
        let body = body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error));
        Ok(HttpResponse::from_parts(head, HttpResponseBody::new(body)))
    }
}
