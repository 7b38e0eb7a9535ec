//! `data.imports`: each as the import itself would refuse it, found where the file is read.

use std::time::Duration;

use url::Url;

use super::{json_pointer, misfit, repository_path};
use crate::config::node::Misfit;
use crate::config::{ApiConfig, DataConfig, wait};
use crate::data::import::{Import, ImportError};

/// The most imports.
const MOST: usize = 50;

/// Checks them all.
pub(super) fn check(data: &DataConfig) -> Result<(), Misfit> {
    if data.imports.len() > MOST {
        let problem = format!("expected at most {MOST}, found {}", data.imports.len());
        return Err(misfit(&["data", "imports"], problem));
    }
    for (name, entry) in &data.imports {
        let wrong = |keys: &[&str], problem: String| {
            let path: Vec<&str> =
                ["data", "imports", name].into_iter().chain(keys.iter().copied()).collect();
            misfit(&path, problem)
        };
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b);
        if !(1..=63).contains(&name.len()) || !name.bytes().all(plain) {
            let problem = "expected a name of 1 to 63 lower-case letters, digits, _ and -";
            return Err(wrong(&[], problem.to_owned()));
        }
        if let Some(csv) = &entry.csv {
            repository_path(csv).map_err(|problem| wrong(&["csv"], problem))?;
        }
        if let Some(api) = &entry.api {
            self::api(api).map_err(|(key, problem)| wrong(&["api", key], problem))?;
        }
        match Import::of(name, Some(entry)) {
            Ok(_) => {}
            Err(ImportError::Wrong { key, problem, .. }) => {
                let keys: Vec<&str> = key.split('.').collect();
                // What the entry does not say, its preset does: there is no line for that.
                return Err(wrong(&keys, problem));
            }
            Err(error @ ImportError::Unknown { .. }) => return Err(wrong(&[], error.to_string())),
        }
    }
    Ok(())
}

fn api(api: &ApiConfig) -> Result<(), (&'static str, String)> {
    if let Some(text) = &api.url {
        let url = Url::parse(text).ok();
        let fits = url.is_some_and(|url| {
            let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            let plain = url.username().is_empty() && url.password().is_none();
            plain && (url.scheme() == "https" || (url.scheme() == "http" && here))
        });
        if !fits {
            let problem = "expected a URL such as https://api.acme.example/sales, without credentials; http:// on this machine only";
            return Err(("url", problem.to_owned()));
        }
    }
    for (key, name) in [("url_env", &api.url_env), ("key_env", &api.key_env)] {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.as_ref().is_some_and(|name| name.is_empty() || !name.bytes().all(plain)) {
            return Err((key, "expected the name of an environment variable".to_owned()));
        }
    }
    if let Some(pointer) = api.rows.as_ref().filter(|pointer| !pointer.is_empty()) {
        json_pointer(pointer).map_err(|problem| ("rows", problem))?;
    }
    if let Some(zone) = &api.timezone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        return Err(("timezone", format!("expected a zone such as Europe/Berlin, found {zone:?}")));
    }
    match &api.timeout {
        Some(text)
            if wait(text).is_none_or(|time| time.is_zero() || time > Duration::from_mins(10)) =>
        {
            let problem =
                format!("expected a time of at most 10 minutes such as `30s`, found {text:?}");
            Err(("timeout", problem))
        }
        Some(_) | None => Ok(()),
    }
}
