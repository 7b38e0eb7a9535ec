//! When a request is sent again, and how long to wait before.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// What may be done with a request whose fate is not known. The caller decides for each request:
/// only the caller knows whether doing it twice is the same as doing it once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Sent again after any transient failure: reads.
    Always,
    /// Sent again only where the server certainly did not apply it (no connection, 429, 503):
    /// writes whose caller reads back after a lost answer.
    Refused,
    /// Sent again only where the server says that it came too early (no connection, 429, a
    /// secondary limit): creates that a second request would make two of. A 503 may come from
    /// something in front of a server that went on with the work.
    Limited,
    /// Never sent again.
    Never,
}

/// How often and for how long a request is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a request is sent at most.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles from attempt to attempt.
    pub first_delay: Duration,
    /// The longest wait between two attempts, whatever the server asks for.
    pub longest_delay: Duration,
    /// Whether an answer is final that asks for a longer wait than that.
    pub ends_where_asked_for_more: bool,
    /// The wait after a secondary rate limit of GitHub's that asks for none: "at least one minute"
    /// ("Rate limits for the REST API", exceeding the rate limit).
    pub limit_delay: Duration,
    /// How long one request may take with all its attempts and waits.
    pub total: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_delay: Duration::from_millis(500),
            longest_delay: Duration::from_secs(20),
            ends_where_asked_for_more: false,
            limit_delay: Duration::from_mins(1),
            total: Duration::from_secs(55),
        }
    }
}

impl RetryPolicy {
    /// The wait after attempt number `attempt` (from 1): doubled each time, capped, and between
    /// half and the whole of that by chance, so that many runners do not come back together.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self
            .first_delay
            .checked_mul(1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX))
            .unwrap_or(self.longest_delay)
            .min(self.longest_delay);
        // Without randomness the whole wait is taken: later is always allowed.
        let chance = getrandom::u32().map_or(1.0, |n| f64::from(n) / f64::from(u32::MAX));
        doubled.mul_f64(0.5 + 0.5 * chance)
    }

    /// The wait before the next attempt after an answer: what the server asks for within the cap,
    /// and never less than the backoff, because some servers ask for nothing or for a past date.
    pub fn delay(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let backoff = self.backoff(attempt);
        asked.map_or(backoff, |asked| asked.max(backoff)).min(self.longest_delay)
    }
}

/// Whether an answer is a transient refusal or failure.
pub(super) fn is_transient(status: StatusCode, body: &[u8], repeat: Repeat) -> bool {
    match repeat {
        Repeat::Never => false,
        Repeat::Limited => status.as_u16() == 429 || is_secondary_limit(status, body),
        Repeat::Refused => matches!(status.as_u16(), 429 | 503) || is_secondary_limit(status, body),
        Repeat::Always => {
            matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504)
                || is_secondary_limit(status, body)
        }
    }
}

/// GitHub's secondary rate limits are a 403 that says so in its text; every other 403 is final.
pub(super) fn is_secondary_limit(status: StatusCode, body: &[u8]) -> bool {
    if status != StatusCode::FORBIDDEN {
        return false;
    }
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.contains("secondary rate limit") || text.contains("abuse detection")
}

/// What a `Retry-After` header asks for (RFC 9110 section 10.2.3), or the `retry-after: 471ms`
/// that GHCR writes into the body of a 429. Values that mean nothing are `None`; past dates and
/// negative numbers are zero.
pub(super) fn retry_after(headers: &HeaderMap, body: &[u8]) -> Option<Duration> {
    let header = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    if let Some(text) = header
        && let Some(asked) = seconds_or_date(text.trim(), headers)
    {
        return Some(asked);
    }
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body)).to_ascii_lowercase();
    let after = text.split_once("retry-after: ")?.1;
    let value = after.split([',', '"', ' ', '\n']).next()?;
    duration(value)
}

impl super::Response {
    /// Returns how long the server asks to wait (RFC 9110 section 10.2.3).
    pub fn retry_after(&self) -> Option<Duration> {
        retry_after(&self.headers, &self.body)
    }
}

fn seconds_or_date(text: &str, headers: &HeaderMap) -> Option<Duration> {
    duration(text).or_else(|| {
        let until = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        // The server's own clock, where it tells it, is what its date is meant by.
        let now = headers
            .get(DATE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| jiff::fmt::rfc2822::parse(value).ok())
            .map_or_else(jiff::Timestamp::now, |date| date.timestamp());
        Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
    })
}

/// A number of seconds, whole or not, or a number with the unit `µs`, `us`, `ms`, `s` or `m`.
fn duration(text: &str) -> Option<Duration> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "" | "s" => number,
        "ms" => number / 1e3,
        "us" | "µs" | "μs" => number / 1e6,
        "m" => number * 60.0,
        _ => return None,
    };
    Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        headers.insert(DATE, "Wed, 21 Oct 2015 07:28:00 GMT".parse().unwrap());
        retry_after(&headers, b"")
    }

    #[test]
    fn retry_after_in_every_form_that_servers_send() {
        for (value, expected) in [
            ("2", Some(Duration::from_secs(2))),
            ("0", Some(Duration::ZERO)),
            ("0.25", Some(Duration::from_millis(250))),
            ("250ms", Some(Duration::from_millis(250))),
            ("471.5ms", Some(Duration::from_micros(471_500))),
            ("-7", Some(Duration::ZERO)),
            ("99999999999999999999999999", Some(Duration::MAX)),
            ("Wed, 21 Oct 2015 07:28:09 GMT", Some(Duration::from_secs(9))),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(Duration::ZERO)),
            ("soon", None),
            ("", None),
            ("NaN", None),
            ("1e9", None),
            ("--5", None),
        ] {
            assert_eq!(asked(value), expected, "{value:?}");
        }
    }

    #[test]
    fn retry_after_in_the_body_of_ghcr() {
        let body = br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"retry-after: 471.5ms, allowed: 44000/minute"}]}"#;
        assert_eq!(retry_after(&HeaderMap::new(), body), Some(Duration::from_micros(471_500)));
        assert_eq!(retry_after(&HeaderMap::new(), b"retry-after: "), None);
    }

    #[test]
    fn waits_are_capped_and_never_shorter_than_half_the_backoff() {
        let policy = RetryPolicy {
            attempts: 9,
            first_delay: Duration::from_secs(1),
            longest_delay: Duration::from_secs(8),
            ends_where_asked_for_more: false,
            limit_delay: Duration::from_mins(1),
            total: Duration::from_secs(50),
        };
        for attempt in [1, 2, 3, 4, 31, 32, 33, 1000] {
            let full = Duration::from_secs(1 << (attempt - 1).min(3));
            for _ in 0..50 {
                let wait = policy.backoff(attempt);
                assert!(wait >= full / 2 && wait <= full, "attempt {attempt}: {wait:?}");
            }
        }
        assert_eq!(policy.delay(1, Some(Duration::MAX)), Duration::from_secs(8));
        assert!(policy.delay(1, Some(Duration::ZERO)) >= Duration::from_millis(500));
    }

    #[test]
    fn only_transient_answers_are_repeated() {
        let code = |n| StatusCode::from_u16(n).unwrap();
        for status in [200, 201, 301, 400, 401, 403, 404, 405, 412, 501] {
            assert!(!is_transient(code(status), b"", Repeat::Always), "{status}");
        }
        for status in [429, 500, 502, 503, 504] {
            assert!(is_transient(code(status), b"", Repeat::Always), "{status}");
            assert!(!is_transient(code(status), b"", Repeat::Never), "{status}");
        }
        for (status, again) in [(429, true), (503, true), (500, false), (502, false), (504, false)]
        {
            assert_eq!(is_transient(code(status), b"", Repeat::Refused), again, "{status}");
            assert_eq!(is_transient(code(status), b"", Repeat::Limited), status == 429, "{status}");
        }
        let limit = b"You have exceeded a secondary rate limit";
        for repeat in [Repeat::Always, Repeat::Refused, Repeat::Limited] {
            assert!(is_transient(code(403), limit, repeat));
        }
    }
}
