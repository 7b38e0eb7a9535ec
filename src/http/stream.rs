//! Answers that are read piece by piece: files that do not fit into memory.
//!
//! One attempt, and no redirect: a URL may be signed, and its signature is for nobody else.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, LOCATION};
use url::Url;

use super::{
    Client, HttpError, Request, host_of, is_loopback, one_line, plain, transport, without_query,
};

/// How much of a failed answer is read for its message.
const LARGEST_ERROR_BODY: usize = 16 * 1024;

/// An answer whose body is still to come.
#[derive(Debug)]
pub struct Streamed {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Body,
    url: Url,
    patience: Duration,
}

#[derive(Debug)]
enum Body {
    Plain(plain::Incoming),
    Web(reqwest::Response),
}

impl Client {
    /// Sends a request once and returns the answer's head. Each further piece has to come within the
    /// time-out of an attempt.
    ///
    /// # Errors
    /// [`HttpError`], also for a redirect.
    pub async fn open(&self, request: &Request) -> Result<Streamed, HttpError> {
        let url = &request.url;
        let patience = self.options.attempt_timeout;
        let answer = tokio::time::timeout(patience, self.head(request, patience)).await;
        let late = |_| HttpError::TimedOut { host: host_of(url), attempts: 1 };
        let answer = answer.map_err(late)??;
        let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
        if answer.status.is_redirection()
            && let Some(location) = location
        {
            let target = url.join(location);
            return Err(HttpError::Redirect {
                host: host_of(url),
                target: target.as_ref().map_or_else(|_| one_line(location), without_query),
                reason: "a signed URL is sent to its own server only",
            });
        }
        Ok(answer)
    }

    async fn head(&self, request: &Request, patience: Duration) -> Result<Streamed, HttpError> {
        let url = &request.url;
        self.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (status, headers, body) = if url.scheme() == "http" && is_loopback(url) {
            let client =
                self.plain.get_or_init(|| plain::Client::new(self.options.connect_timeout));
            let (parts, incoming) = client.open(request, url, request.headers.clone()).await?;
            (parts.status, parts.headers, Body::Plain(incoming))
        } else {
            let sent = self
                .client_for(url)?
                .request(request.method.clone(), url.clone())
                .headers(request.headers.clone())
                .send()
                .await
                .map_err(|error| transport(url, &error))?;
            (sent.status(), sent.headers().clone(), Body::Web(sent))
        };
        Ok(Streamed { status, headers, body, url: url.clone(), patience })
    }
}

impl Streamed {
    /// Returns the next piece of the body; `None` after the last.
    ///
    /// # Errors
    /// [`HttpError`] where it was cut, or came too slowly.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HttpError> {
        let (url, patience) = (&self.url, self.patience);
        let next = async {
            match &mut self.body {
                Body::Web(answer) => answer.chunk().await.map_err(|error| transport(url, &error)),
                Body::Plain(incoming) => plain::next(incoming, url).await,
            }
        };
        tokio::time::timeout(patience, next)
            .await
            .map_err(|_| HttpError::TimedOut { host: host_of(url), attempts: 1 })?
    }

    /// Reads a small body.
    ///
    /// # Errors
    /// [`HttpError`], also where it is larger than `limit` bytes.
    pub async fn small(mut self, limit: usize) -> Result<Vec<u8>, HttpError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            if bytes.len() + piece.len() > limit {
                return Err(HttpError::TooLarge { host: host_of(&self.url), limit });
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// Returns the beginning of a failed answer's body, as far as it comes.
    pub async fn failure(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = self.next().await {
            let room = LARGEST_ERROR_BODY - bytes.len();
            bytes.extend_from_slice(piece.get(..room).unwrap_or(&piece));
            if bytes.len() >= LARGEST_ERROR_BODY {
                break;
            }
        }
        bytes
    }
}
