//! The way to a session: where it is, which headers an app accepts, and what a refusal means.
//!
//! Streamlit lets a session begin when the `Origin` is the `Host` that the request came for
//! (`BrowserWebSocketHandler.check_origin` until 1.5x, `starlette_websocket._is_origin_allowed`
//! since), whatever `server.enableCORS` and `server.enableXsrfProtection` say; since 1.6x the `Host`
//! also has to be one of `server.allowedHosts` where that is set. So both name the address that was
//! asked, or the `host` of the check.

use std::io;

use http::header::{HOST, HeaderValue, ORIGIN, SEC_WEBSOCKET_PROTOCOL, USER_AGENT};
use http::{Request, StatusCode};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, error::ProtocolError};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::{Host, Url};

use super::MAX_MESSAGE;
use crate::http::one_line;
use crate::probe::{Attempt, ProbeFailure};

/// An open WebSocket.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where sessions are: since 1.17, and until 1.16.
const STREAM_PATHS: [&str; 2] = ["_stcore/stream", "stream"];

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody answers there yet.
    NotReady(String),
    /// What answered is wrong.
    Failed(String),
    /// It cannot be known what is there.
    Impossible(String),
}

impl From<Refusal> for Attempt {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotReady(what) => Self::NotReady(ProbeFailure::new(what)),
            Refusal::Failed(what) => Self::Failed(ProbeFailure::new(what)),
            Refusal::Impossible(why) => Self::Impossible { why },
        }
    }
}

/// Opens a WebSocket to the app at `base`.
pub async fn open(
    base: &Url,
    base_path: Option<&str>,
    host: Option<&str>,
    deadline: Instant,
) -> Result<Socket, Refusal> {
    let [current, older] = STREAM_PATHS.map(|path| stream_url(base, base_path, path));
    let at_current = attempt(&current?, host, deadline).await;
    let Err(Answer::Status(first)) = at_current else {
        return at_current.map_err(|answer| answer.refusal(base, host));
    };
    if !may_be_elsewhere(first) {
        return Err(Answer::Status(first).refusal(base, host));
    }
    // The answer of the current path says more where neither is there.
    attempt(&older?, host, deadline).await.map_err(|_| Answer::Status(first).refusal(base, host))
}

/// Whether an older version may answer so at a path that it does not know: it serves its page there.
fn may_be_elsewhere(status: StatusCode) -> bool {
    status.is_success() || matches!(status.as_u16(), 400 | 404 | 405)
}

/// What came instead of a WebSocket.
enum Answer {
    /// An HTTP status.
    Status(StatusCode),
    /// Anything else.
    Refused(Refusal),
}

impl Answer {
    fn refusal(self, base: &Url, host: Option<&str>) -> Refusal {
        let status = match self {
            Self::Refused(refusal) => return refusal,
            Self::Status(status) => status,
        };
        let at = shown(base);
        match status.as_u16() {
            403 => Refusal::Failed(format!(
                "{at} refuses a session from {} (403): name the host that people use as `host`, or \
                 look at server.allowedHosts and server.corsAllowedOrigins of the app",
                origin(base, host)
            )),
            401 | 407 => Refusal::Failed(format!("{at} wants a login ({})", status.as_u16())),
            300..=399 => Refusal::Failed(format!(
                "{at} answers with a redirect ({}), not with a session of Streamlit",
                status.as_u16()
            )),
            200..=299 | 404 | 500..=599 => Refusal::NotReady(format!(
                "{at} answers {}, not with a session of Streamlit",
                status.as_u16()
            )),
            other => Refusal::Failed(format!("{at} refuses a session ({other})")),
        }
    }
}

async fn attempt(url: &Url, host: Option<&str>, deadline: Instant) -> Result<Socket, Answer> {
    let late =
        || Answer::Refused(Refusal::NotReady(format!("{} did not answer in time", shown(url))));
    let request = request(url, host).map_err(|why| Answer::Refused(Refusal::Impossible(why)))?;
    let stream = timeout_at(deadline, connect(url)).await.map_err(|_| late())?;
    let stream = stream.map_err(Answer::Refused)?;
    // A probe sends little and waits for answers: no batching of small packets (RFC 896).
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot switch Nagle's algorithm off");
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let shake = client_async_tls_with_config(request, stream, Some(config), None);
    match timeout_at(deadline, shake).await.map_err(|_| late())? {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(Answer::Status(response.status())),
        Err(error) => Err(Answer::Refused(handshake_refusal(url, &error))),
    }
}

fn handshake_refusal(url: &Url, error: &Error) -> Refusal {
    let at = shown(url);
    let text = one_line(&error.to_string());
    if let Error::Tls(_) = error {
        return Refusal::Impossible(format!("no TLS connection with {at}: {text}"));
    }
    if matches!(error, Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed)
        || matches!(error, Error::Protocol(ProtocolError::HandshakeIncomplete))
    {
        return Refusal::NotReady(format!("{at} closed the connection: {text}"));
    }
    Refusal::NotReady(format!("{at} does not speak WebSocket: {text}"))
}

async fn connect(url: &Url) -> Result<TcpStream, Refusal> {
    let at = shown(url);
    let port = url.port_or_known_default().unwrap_or(80);
    let connected = match url.host() {
        Some(Host::Domain(name)) => {
            let addresses = tokio::net::lookup_host((name, port)).await;
            let addresses: Vec<_> = addresses
                .map_err(|error| {
                    Refusal::Impossible(format!("cannot resolve {}: {error}", one_line(name)))
                })?
                .collect();
            TcpStream::connect(addresses.as_slice()).await
        }
        Some(Host::Ipv4(ip)) => TcpStream::connect((ip, port)).await,
        Some(Host::Ipv6(ip)) => TcpStream::connect((ip, port)).await,
        None => return Err(Refusal::Impossible(format!("{at} names no host"))),
    };
    connected.map_err(|error| match error.kind() {
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::PermissionDenied => {
            Refusal::Impossible(format!("cannot reach {at}: {error}"))
        }
        _ => Refusal::NotReady(format!("{at} does not answer: {error}")),
    })
}

fn stream_url(base: &Url, base_path: Option<&str>, path: &str) -> Result<Url, Refusal> {
    let mut url = base.clone();
    let scheme = match base.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        other => {
            return Err(Refusal::Impossible(format!("a Streamlit app has no {other}:// URL")));
        }
    };
    let parts = [base.path(), base_path.unwrap_or_default(), path];
    let parts = parts.map(|part| part.trim_matches('/'));
    let path: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    url.set_path(&path.join("/"));
    url.set_query(None);
    url.set_fragment(None);
    let cannot = |()| Refusal::Impossible(format!("{} is no URL of an app", shown(base)));
    url.set_username("").and_then(|()| url.set_password(None)).map_err(cannot)?;
    url.set_scheme(scheme).map_err(cannot)?;
    Ok(url)
}

fn request(url: &Url, host: Option<&str>) -> Result<Request<()>, String> {
    let bad = |what: &str| format!("{what} cannot stand in a request to {}", shown(url));
    let mut request = url.as_str().into_client_request().map_err(|_| bad("the URL"))?;
    let header = |text: &str| HeaderValue::from_str(text).map_err(|_| bad("the host"));
    let (authority, origin) = (header(&authority(url, host))?, header(&origin(url, host))?);
    let headers = request.headers_mut();
    headers.insert(HOST, authority);
    headers.insert(ORIGIN, origin);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("streamlit"));
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(request)
}

/// The host and the port that a browser would send, or the `host` of the check.
fn authority(url: &Url, host: Option<&str>) -> String {
    if let Some(host) = host {
        return host.to_owned();
    }
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

fn origin(url: &Url, host: Option<&str>) -> String {
    let scheme = if matches!(url.scheme(), "https" | "wss") { "https" } else { "http" };
    format!("{scheme}://{}", authority(url, host))
}

/// A URL for people: without a login, a query, and what could write to a terminal.
fn shown(url: &Url) -> String {
    let path = url.path().trim_end_matches('/');
    one_line(&format!("{}{path}", authority(url, None)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(base: &str, base_path: Option<&str>) -> String {
        let url = stream_url(&Url::parse(base).unwrap(), base_path, STREAM_PATHS[0]).unwrap();
        url.to_string()
    }

    #[test]
    fn the_session_is_below_the_path_of_the_url_and_the_base_path() {
        assert_eq!(at("http://a:8501", None), "ws://a:8501/_stcore/stream");
        assert_eq!(at("http://a:8501/", Some("/dash/")), "ws://a:8501/dash/_stcore/stream");
        assert_eq!(at("https://u:p@a/x/y/?q=1#f", Some("z")), "wss://a/x/y/z/_stcore/stream");
    }

    #[test]
    fn the_origin_is_the_host_that_is_asked_for() {
        let url = Url::parse("https://a.example:8443/x").unwrap();
        let asked = request(&stream_url(&url, None, "s").unwrap(), None).unwrap();
        assert_eq!(asked.headers()[HOST], "a.example:8443");
        assert_eq!(asked.headers()[ORIGIN], "https://a.example:8443");
        let plain = Url::parse("http://127.0.0.1").unwrap();
        let plain = stream_url(&plain, None, "s").unwrap();
        let named = request(&plain, Some("dash.example")).unwrap();
        assert_eq!(named.headers()[HOST], "dash.example");
        assert_eq!(named.headers()[ORIGIN], "http://dash.example");
        assert!(request(&plain, Some("a\r\nX: b")).is_err());
    }

    #[test]
    fn a_login_in_the_url_is_never_shown() {
        let url = Url::parse("http://user:secret@a.example/x?token=secret").unwrap();
        assert_eq!(shown(&url), "a.example/x");
    }
}
