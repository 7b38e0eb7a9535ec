//! How a store is reached.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::StoreError;
use crate::http::is_loopback;
use crate::model::StoreUrl;

/// How a variable is looked up; an empty one counts as none.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How a store is reached.
#[derive(Clone)]
pub struct Options {
    /// Its address, where it is not the usual one.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// How variables are looked up: the environment, over a `.env` file where one was asked for.
    pub environment: Environment,
    /// When and how long requests are repeated.
    pub retry: Retry,
    /// How large objects of an S3 bucket are copied.
    pub copies: Copies,
}

/// How objects are copied on the side of an S3 server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copies {
    /// The largest object that one request copies, in bytes: S3 takes 5 GB, and the larger it is, the
    /// longer there is no answer.
    pub whole: u64,
    /// The size of a part of larger ones, in bytes: S3 takes 5 MiB to 5 GiB.
    pub part: u64,
}

impl Default for Copies {
    fn default() -> Self {
        Self { whole: 512 * 1024 * 1024, part: 256 * 1024 * 1024 }
    }
}

/// When and how long requests are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The wait before the first repetition; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait, also where the server asks for a longer one.
    pub longest_wait: Duration,
    /// After which time a request is given up, counted from its first attempt.
    pub patience: Duration,
    /// How long a server may take to begin an answer, and how long it may fall silent in one.
    pub silence: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            patience: Duration::from_mins(2),
            silence: Duration::from_mins(1),
        }
    }
}

impl Retry {
    /// The wait after attempt number `attempt` (from 1): doubled each time, capped, between half and
    /// the whole of it by chance, and no shorter than what the server asks for within the cap.
    pub(super) fn wait(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first_wait.saturating_mul(factor).min(self.longest_wait);
        let chance = getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX));
        let wait = full.mul_f64(0.5 + 0.5 * chance);
        asked.map_or(wait, |asked| asked.max(wait)).min(self.longest_wait)
    }
}

impl Options {
    /// The usual ones.
    pub fn new(environment: Environment) -> Self {
        Self {
            endpoint: None,
            region: None,
            environment,
            retry: Retry::default(),
            copies: Copies::default(),
        }
    }

    /// Reads a variable; an empty one counts as none.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.trim().is_empty())
    }

    /// Reads the first of some variables that is there, with its name.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<(&'static str, String)> {
        names.iter().find_map(|name| Some((*name, self.variable(name)?)))
    }

    /// Reads the address of a store: of the first of some variables, else the configured one.
    ///
    /// # Errors
    /// Where it is no https address, and no http address of this machine.
    pub(super) fn address(
        &self,
        store: &StoreUrl,
        variables: &[&'static str],
    ) -> Result<Option<Url>, StoreError> {
        let named = self.first(variables);
        let configured = || self.endpoint.clone().map(|address| ("data.endpoint", address));
        named.or_else(configured).map(|(name, text)| address(store, name, &text)).transpose()
    }
}

/// Reads an address that somebody has written. What is wrong with it is said without it: it may hold
/// a password.
pub(super) fn address(store: &StoreUrl, name: &str, text: &str) -> Result<Url, StoreError> {
    let wrong = |problem: &str| StoreError::Credentials {
        place: store.to_string(),
        problem: format!("{name} {problem}"),
    };
    let url: Url = text.trim().parse().map_err(|_| wrong("is no https:// address"))?;
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
        return Err(wrong("holds more than an address"));
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(wrong("is plain http://, which is allowed on this machine only")),
        _ => Err(wrong("is no https:// address")),
    }
}
