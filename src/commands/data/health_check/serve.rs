//! `data health-check --serve`: answers `GET /health` for monitors on this machine.
//!
//! A request is bounded in its size and in time, and so is the number of connections. One check runs at
//! a time; its result is kept for some seconds, so that many questions cost no more than one.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::{Method, Response, StatusCode, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Kept, ReadingsFile, SCHEMA, look};
use crate::adapters::engine::stop_signal;
use crate::commands::session::block_on;
use crate::data::health::HealthStatus;
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::http::is_loopback;
use crate::output::Output;

/// How long a result is given again.
const KEPT: Duration = Duration::from_secs(5);

/// How long a check may take.
const CHECK: Duration = Duration::from_mins(2);

/// How long a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(2);

/// How long a connection may take altogether.
const CONNECTION: Duration = Duration::from_mins(3);

/// How many connections there are at once; more wait. Those that say nothing must not keep a monitor
/// out, and a process may usually have 1024 files open.
const CONNECTIONS: usize = 512;

/// The largest head of a request, in bytes.
const HEAD: usize = 16 * 1024;

/// What texts for people are.
const PLAIN: &str = "text/plain; charset=utf-8";

#[derive(Serialize)]
struct Listening {
    address: SocketAddr,
    url: String,
}

/// What is kept between checks.
struct Last {
    /// What was answered.
    answer: Option<(Instant, StatusCode, Bytes)>,
    /// What was read of backups in a bucket, also where it cannot be written.
    readings: Option<ReadingsFile>,
}

pub(super) fn run(
    kept: &Kept,
    address: SocketAddr,
    allow_remote: bool,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    if !address.ip().is_loopback() && !allow_remote {
        let error = format!("{} is reached by other machines", address.ip());
        return Err(Failed::new(Exit::Usage, error)
            .with_hint("serve at 127.0.0.1, or pass --allow-remote where a proxy guards it")
            .into());
    }
    block_on(async {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address}"))
            .or_exit(Exit::Usage)?;
        let address = listener.local_addr()?;
        // Listened for before anybody is told the address: who is told may stop it at once.
        let mut stopped = std::pin::pin!(stop_signal());
        let registered =
            std::future::poll_fn(|context| Poll::Ready(stopped.as_mut().poll(context)));
        if registered.await.is_ready() {
            return Ok(Exit::Done);
        }
        let listening = Listening { address, url: format!("http://{address}/health") };
        output.show("tidegate/health-server/1", &listening, |output, listening| {
            output.line(format!("listening on {}", listening.url))
        })?;
        serve(kept, &listener, allow_remote, stopped).await;
        Ok(Exit::Done)
    })
}

/// Answers until a signal comes.
async fn serve(
    kept: &Kept,
    listener: &TcpListener,
    allow_remote: bool,
    mut stopped: Pin<&mut impl Future>,
) {
    let last = Mutex::new(Last { answer: None, readings: ReadingsFile::of(kept) });
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => open.push(connection(kept, &last, allow_remote, stream)),
                // Too many files are open: the others may end meanwhile.
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(()) = open.next() => {}
        }
    }
}

async fn connection(kept: &Kept, last: &Mutex<Last>, allow_remote: bool, stream: TcpStream) {
    let service = service_fn(async |request: http::Request<hyper::body::Incoming>| {
        // A page of another site whose name was made to lead here asks with that name (DNS rebinding).
        if !allow_remote && !names_this_machine(&request) {
            let text = "ask for localhost, 127.0.0.1 or [::1], or serve with --allow-remote\n";
            let body = Bytes::from_static(text.as_bytes());
            return Ok(reply(StatusCode::MISDIRECTED_REQUEST, PLAIN, body));
        }
        Ok::<_, Infallible>(answer(kept, last, request.method(), request.uri().path()).await)
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(ARRIVAL).max_buf_size(HEAD);
    server.keep_alive(false);
    let served = server.serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION, served).await {
        Ok(Ok(())) | Err(_) => {}
        // What came was no request, or nobody waited for the answer.
        Ok(Err(error)) => tracing::debug!("a connection ended: {error}"),
    }
}

/// Tells whether a request asks for this machine by a loopback name or address. The host of the target counts
/// where it has one, and the header otherwise (RFC 9112, section 3.2.2). What names no host is no browser.
fn names_this_machine<B>(request: &http::Request<B>) -> bool {
    let host = match (request.uri().authority(), request.headers().get(header::HOST)) {
        (Some(authority), _) => Some(authority.as_str()),
        (None, Some(header)) => header.to_str().ok(),
        (None, None) => return true,
    };
    let url = host.filter(|host| !host.is_empty() && !host.contains(['/', '@', '?', '#', '\\']));
    let url = url.and_then(|host| url::Url::parse(&format!("http://{host}/")).ok());
    url.is_some_and(|url| is_loopback(&url))
}

async fn answer(
    kept: &Kept,
    last: &Mutex<Last>,
    method: &Method,
    path: &str,
) -> Response<Full<Bytes>> {
    let text = |status: StatusCode, text: &'static str| {
        reply(status, PLAIN, Bytes::from_static(text.as_bytes()))
    };
    if path != "/health" {
        return text(StatusCode::NOT_FOUND, "there is /health only\n");
    }
    if method != Method::GET && method != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "GET and HEAD only\n");
        let allowed = header::HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(header::ALLOW, allowed);
        return refused;
    }
    let (status, body) = checked(kept, last).await;
    reply(status, "application/json", body)
}

/// Gives the last result, or makes a new one: whoever comes meanwhile waits for that.
async fn checked(kept: &Kept, last: &Mutex<Last>) -> (StatusCode, Bytes) {
    let mut last = last.lock().await;
    if let Some((at, status, body)) = &last.answer
        && at.elapsed() < KEPT
    {
        return (*status, body.clone());
    }
    let check = look(kept, last.readings.as_mut(), Timestamp::now());
    let (status, body) = match tokio::time::timeout(CHECK, check).await {
        Ok(health) => {
            let status = match health.status {
                HealthStatus::Healthy | HealthStatus::Warning => StatusCode::OK,
                HealthStatus::Error => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, json(&health))
        }
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, late()),
    };
    last.answer = Some((Instant::now(), status, body.clone()));
    (status, body)
}

fn json(health: &impl Serialize) -> Bytes {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        schema: &'a str,
        #[serde(flatten)]
        value: &'a T,
    }
    let text = serde_json::to_string_pretty(&Envelope { schema: SCHEMA, value: health });
    text.map_or_else(|_| late(), |text| Bytes::from(format!("{text}\n")))
}

fn late() -> Bytes {
    #[derive(Serialize)]
    struct Late {
        status: HealthStatus,
        detail: String,
    }
    let detail = format!("the check took over {} seconds", CHECK.as_secs());
    let late = Late { status: HealthStatus::Error, detail };
    Bytes::from(serde_json::to_string(&late).unwrap_or_default())
}

fn reply(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}
