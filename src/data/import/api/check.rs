//! What `api` of an import may say, and the address of an API.

use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::period::Mark;
use crate::config::{ApiConfig, PagesBy, PagesConfig};
use crate::data::import::Column;

/// How long one request may take where nobody says it.
const USUAL_TIMEOUT: Duration = Duration::from_secs(30);

/// How long one request may take at most.
const LONGEST_TIMEOUT: Duration = Duration::from_mins(10);

/// A key below `api`, and what is wrong with it.
type Wrong = (&'static str, String);

/// Checks the keys of `api`, one by one and with each other.
pub(in crate::data::import) fn check(api: &ApiConfig, columns: &[Column]) -> Result<(), Wrong> {
    if let Some(text) = &api.url {
        let url = address(text).map_err(|problem| ("url", problem))?;
        let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme() == "http" && !here {
            let problem = "expected https://, or http:// on this machine".to_owned();
            return Err(("url", problem));
        }
    }
    let variables = [("url_env", &api.url_env), ("key_env", &api.key_env)];
    for (key, name) in variables {
        if let Some(name) = name.as_ref().filter(|name| !is_variable(name)) {
            return Err((key, format!("expected the name of a variable, found {name:?}")));
        }
    }
    if let Some(header) = &api.key_header {
        key_header(header).map_err(|problem| ("key_header", problem))?;
    }
    if let Some(pointer) = &api.rows {
        json_pointer(pointer).map_err(|problem| ("rows", problem))?;
    }
    for (key, name) in
        [("start_parameter", &api.start_parameter), ("end_parameter", &api.end_parameter)]
    {
        if name.as_ref().is_some_and(String::is_empty) {
            return Err((key, "expected the name of a parameter, found nothing".to_owned()));
        }
    }
    if let Some(name) = &api.timezone {
        zone(Some(name)).map_err(|problem| ("timezone", problem))?;
    }
    if let Some(name) = &api.watermark {
        let column = columns.iter().find(|column| column.name == *name);
        let column = column.ok_or_else(|| ("watermark", format!("there is no column {name:?}")))?;
        if Mark::of(column.kind).is_none() {
            let problem = format!("expected a date, a timestamp or an integer; {name:?} is none");
            return Err(("watermark", problem));
        }
    }
    if let Some(pages) = &api.pages {
        self::pages(pages).map_err(|problem| ("pages", problem))?;
    }
    timeout(api.timeout.as_deref()).map_err(|problem| ("timeout", problem))?;
    Ok(())
}

/// Reads the address of an API. The error never shows it: it may hold what is secret.
pub fn address(text: &str) -> Result<Url, String> {
    let expected = "expected an address such as https://api.acme.example/sales";
    let url = Url::parse(text.trim()).map_err(|error| format!("{expected}: {error}"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(format!("{expected}, found one that begins with {}:", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{expected}, without a user or password in it"));
    }
    Ok(url)
}

/// Reads how long one request may take.
pub fn timeout(text: Option<&str>) -> Result<Duration, String> {
    let Some(text) = text else { return Ok(USUAL_TIMEOUT) };
    let time = crate::data::check::duration(text);
    time.filter(|time| !time.is_zero() && *time <= LONGEST_TIMEOUT)
        .ok_or_else(|| format!("expected a time such as 30s, at most 10m, found {text:?}"))
}

/// Returns the zone whose days are asked for.
pub(super) fn zone(name: Option<&str>) -> Result<TimeZone, String> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    TimeZone::get(name)
        .map_err(|_| format!("expected an IANA time zone such as Europe/Berlin, found {name:?}"))
}

/// Returns the variable with the address of an import's API.
pub fn url_variable(import: &str, api: &ApiConfig) -> String {
    api.url_env.clone().unwrap_or_else(|| variable(import, "URL"))
}

/// Returns the variable with the key of an import's API.
pub fn key_variable(import: &str, api: &ApiConfig) -> String {
    api.key_env.clone().unwrap_or_else(|| variable(import, "KEY"))
}

fn variable(import: &str, what: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = import.chars().map(plain).collect();
    format!("{name}_API_{what}")
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A token of RFC 9110, section 5.6.2, that is no header with a meaning of its own for the connection.
fn key_header(name: &str) -> Result<(), String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let taken = ["accept", "connection", "content-length", "host", "te", "transfer-encoding"];
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("expected the name of a header such as X-API-Key, found {name:?}"));
    }
    if taken.iter().any(|other| other.eq_ignore_ascii_case(name)) {
        return Err(format!("expected a header that carries a key, found {name}"));
    }
    Ok(())
}

/// RFC 6901, section 3; the empty pointer is the whole answer.
fn json_pointer(pointer: &str) -> Result<(), String> {
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if (pointer.is_empty() || pointer.starts_with('/')) && escapes {
        return Ok(());
    }
    Err(format!("expected a JSON pointer such as /data/items, found {pointer:?}"))
}

fn pages(pages: &PagesConfig) -> Result<(), String> {
    let PagesConfig { by, parameter, next, first, size_parameter, size } = pages;
    let only = |key: &str, with: &str| Err(format!("`{key}` belongs to `by: {with}`"));
    match by {
        PagesBy::Link if parameter.is_some() => return only("parameter", "cursor or page"),
        PagesBy::Link | PagesBy::Page if next.is_some() => return only("next", "cursor"),
        PagesBy::Link | PagesBy::Cursor if first.is_some() => return only("first", "page"),
        PagesBy::Link | PagesBy::Cursor | PagesBy::Page => {}
    }
    if parameter.as_ref().is_some_and(String::is_empty) {
        return Err("expected the name of a parameter, found nothing".to_owned());
    }
    if let Some(pointer) = next {
        json_pointer(pointer).map_err(|problem| format!("`next`: {problem}"))?;
    }
    match (size_parameter, size) {
        (None, None) => Ok(()),
        (Some(name), Some(1..)) if !name.is_empty() => Ok(()),
        (Some(_) | None, Some(_) | None) => {
            Err("expected `size_parameter` and `size` together, and a size of 1 or more".to_owned())
        }
    }
}
