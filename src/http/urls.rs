//! What may be sent where: origins, redirects, and URLs as they may be shown.

use reqwest::header::HeaderValue;
use url::{Host, Origin, Url};

use super::{HttpError, Request, one_line};

/// Whether a URL names this machine by a loopback address or as `localhost`.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether two URLs have scheme, host and port in common (RFC 6454): only then may credentials
/// for the one be sent to the other.
pub fn same_origin(a: &Url, b: &Url) -> bool {
    matches!(a.origin(), Origin::Tuple(..)) && a.origin() == b.origin()
}

/// The host of a URL, with its port where that is not the scheme's own.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A URL as it may be shown: the query may be a signature, the user part a password.
pub fn without_query(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), host_of(url), one_line(url.path()))
}

/// Makes sure that a key in a header of its own stays with its server: unlike
/// [`Request::authorization`], it would go along.
pub(super) fn keeps_key(request: &Request, target: &Url) -> Result<(), HttpError> {
    let has_key = request.headers.values().any(HeaderValue::is_sensitive);
    if !has_key || same_origin(target, &request.url) {
        return Ok(());
    }
    Err(HttpError::Redirect {
        host: host_of(&request.url),
        target: without_query(target),
        reason: "it is another server, and the request carries a key",
    })
}

/// Reads a `Location`: never from https to plain http, never with credentials in it.
pub(super) fn redirect_target(from: &Url, location: &str) -> Result<Url, HttpError> {
    let refused =
        |target: String, reason| HttpError::Redirect { host: host_of(from), target, reason };
    let to = from.join(location).map_err(|_| refused(one_line(location), "not a URL"))?;
    match (from.scheme(), to.scheme()) {
        ("https" | "http", "https") | ("http", "http") => {}
        ("https", "http") => {
            return Err(refused(without_query(&to), "it leaves https for plain http"));
        }
        _ => return Err(refused(without_query(&to), "not an http address")),
    }
    if !to.username().is_empty() || to.password().is_some() {
        return Err(refused(without_query(&to), "it carries credentials"));
    }
    Ok(to)
}
