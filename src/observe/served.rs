//! Asks the app which version it serves (`served`).
//!
//! One GET request without credentials, bounded in time and size; nothing is repeated. Whatever the
//! status of the answer, a commit that it shows is a proof.

use std::time::Duration;

use regex::RegexBuilder;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::adapters::streamlit;
use crate::config::ServedConfig;
use crate::evidence::served::Served;
use crate::http::{self, HttpError, Repeat, Request, Response, one_line, without_query};
use crate::state::State;

/// The most bytes of a body that are read.
const LARGEST_BODY: usize = 1 << 20;

/// The most bytes that a compiled regular expression may take.
const LARGEST_REGEX: usize = 1 << 20;

/// Asks once, for at most `patience`.
pub async fn ask(served: &ServedConfig, state: &State, patience: Duration) -> Served {
    match look(served, patience).await {
        Ok(shown) => Served::of(&shown, state),
        Err(served) => served,
    }
}

async fn look(served: &ServedConfig, patience: Duration) -> Result<String, Served> {
    let url = Url::parse(&served.url)
        .map_err(|error| unreachable_for(format!("`served.url` is no URL ({error})")))?;
    if let (Some(text), true) = (&served.text, served.streamlit) {
        // The session has its own time-out; this one is for whatever it does not see.
        let asked = streamlit::first_page_text(&url, None, patience);
        return match tokio::time::timeout(patience, asked).await {
            Ok(Ok(page)) => in_text(text, &page).map_err(|why| Served::NotShown { why }),
            Ok(Err(why)) => Err(unreachable_for(one_line(&why))),
            Err(_) => Err(unreachable_for(format!("no page within {patience:?}"))),
        };
    }
    let answer = get(&url, patience).await?;
    let shown = match (&served.header, &served.json, &served.text) {
        (Some(name), None, None) => in_header(name, &answer.headers),
        (None, Some(pointer), None) => in_json(pointer, &answer.body),
        (None, None, Some(pattern)) => in_text(pattern, &String::from_utf8_lossy(&answer.body)),
        (_, _, _) => Err("`served` names no place, or several".to_owned()),
    };
    shown.map_err(|why| Served::NotShown {
        why: format!("{why}, in the answer {} of {}", answer.status.as_u16(), without_query(&url)),
    })
}

fn unreachable_for(why: String) -> Served {
    Served::Unreachable { why }
}

async fn get(url: &Url, patience: Duration) -> Result<Response, Served> {
    let mut options = http::Options::default();
    options.retry.attempts = 1;
    options.retry.total = patience;
    options.connect_timeout = options.connect_timeout.min(patience);
    options.attempt_timeout = patience;
    let request = Request {
        method: Method::GET,
        url: url.clone(),
        headers: HeaderMap::new(),
        authorization: None,
        body: Vec::new(),
        repeat: Repeat::Never,
        largest_body: LARGEST_BODY,
        deadline: Some(Instant::now() + patience),
    };
    http::Client::new(options).send(&request).await.map_err(|error| match error {
        HttpError::TooLarge { .. } => Served::NotShown { why: error.to_string() },
        HttpError::Connect { .. }
        | HttpError::TimedOut { .. }
        | HttpError::Cut { .. }
        | HttpError::Redirect { .. }
        | HttpError::Setup { .. } => unreachable_for(error.to_string()),
    })
}

fn in_header(name: &str, headers: &HeaderMap) -> Result<String, String> {
    let missing = || format!("there is no header {}", one_line(name));
    let name = HeaderName::try_from(name).map_err(|_| missing())?;
    let value = headers.get(&name).ok_or_else(missing)?;
    Ok(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn in_json(pointer: &str, body: &[u8]) -> Result<String, String> {
    let json: Value = serde_json::from_slice(body).map_err(|_| "there is no JSON".to_owned())?;
    match json.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        // Ten digits without a letter are a number to a careless writer of JSON.
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
            Err(format!("{} is no text", one_line(pointer)))
        }
        None => Err(format!("there is nothing at {}", one_line(pointer))),
    }
}

fn in_text(pattern: &str, text: &str) -> Result<String, String> {
    let pattern = RegexBuilder::new(pattern)
        .size_limit(LARGEST_REGEX)
        .build()
        .map_err(|_| "`served.text` is no regular expression".to_owned())?;
    let found = pattern.captures(text).and_then(|found| found.get(1));
    found
        .map(|found| found.as_str().to_owned())
        .ok_or_else(|| "`served.text` is not found".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commit_is_found_where_the_configuration_says() {
        let mut headers = HeaderMap::new();
        headers.insert("x-commit", "abc1234".parse().unwrap());
        assert_eq!(in_header("X-Commit", &headers).unwrap(), "abc1234");
        assert_eq!(in_header("x-other", &headers).unwrap_err(), "there is no header x-other");
        let body = br#"{"build": {"commit": "abc1234", "at": null, "number": 1234567}}"#;
        assert_eq!(in_json("/build/commit", body).unwrap(), "abc1234");
        assert_eq!(in_json("/build/number", body).unwrap(), "1234567");
        assert_eq!(in_json("/build/at", body).unwrap_err(), "/build/at is no text");
        assert_eq!(in_json("/commit", body).unwrap_err(), "there is nothing at /commit");
        assert_eq!(in_json("/commit", b"<html>").unwrap_err(), "there is no JSON");
        assert_eq!(in_text("Version ([0-9a-f]+)", "<p>Version abc1234</p>").unwrap(), "abc1234");
        assert!(in_text("Version ([0-9a-f]+)", "Version ?").unwrap_err().contains("not found"));
        assert!(in_text("((", "x").is_err());
    }
}
