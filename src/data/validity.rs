//! From when until when a signed URL is valid, as its query says.

use jiff::{SignedDuration, Timestamp};
use url::Url;

/// When a signed URL is valid. It only explains a refusal: the store's clock decides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Validity {
    /// When it begins.
    pub from: Option<Timestamp>,
    /// When it ends.
    pub until: Option<Timestamp>,
}

impl Validity {
    /// Reads it off the query: Azure's `st` and `se` ("Create a service SAS", parameters), and the
    /// `X-Amz-Date` and `X-Amz-Expires` of S3 ("Authenticating Requests: Using Query Parameters") or
    /// `X-Goog-` of Google.
    pub fn of(url: &Url) -> Self {
        let value = |wanted: &[&str]| {
            url.query_pairs()
                .find(|(name, _)| wanted.iter().any(|known| name.eq_ignore_ascii_case(known)))
                .map(|(_, value)| value.into_owned())
        };
        let date = value(&["x-amz-date", "x-goog-date"]).and_then(|text| compact(&text));
        let seconds =
            value(&["x-amz-expires", "x-goog-expires"]).and_then(|text| text.parse().ok());
        let end = date
            .zip(seconds)
            .and_then(|(date, seconds)| date.checked_add(SignedDuration::from_secs(seconds)).ok());
        Self {
            from: value(&["st"]).and_then(|text| azure(&text)).or(date),
            until: value(&["se"]).and_then(|text| azure(&text)).or(end),
        }
    }

    /// Says why it is not valid at `now`; `None` where it is, or nobody can tell.
    pub fn problem(&self, now: Timestamp) -> Option<String> {
        if let Some(until) = self.until.filter(|until| *until <= now) {
            return Some(format!("its signature was valid until {until}"));
        }
        let from = self.from.filter(|from| now < *from)?;
        Some(format!("its signature is valid from {from} on, and the store's clock says {now}"))
    }
}

/// `2026-02-07T19:53:58Z`, or a day, which begins at midnight UTC.
fn azure(text: &str) -> Option<Timestamp> {
    let minutes = text.strip_suffix('Z').filter(|rest| rest.len() == "2026-02-07T19:53".len());
    let long = match (minutes, text.len()) {
        (Some(rest), _) => format!("{rest}:00Z"),
        (None, 10) => format!("{text}T00:00:00Z"),
        (None, _) => text.to_owned(),
    };
    long.parse().ok()
}

/// `20260207T195358Z`.
fn compact(text: &str) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::Validity;

    fn of(query: &str) -> Validity {
        Validity::of(&format!("https://acme.example/analytics?{query}").parse().unwrap())
    }

    #[test]
    fn the_end_of_a_signature_is_read() {
        for (query, until) in [
            ("sv=2024-11-04&se=2026-02-07T19%3A53%3A58Z&sig=x", Some("2026-02-07T19:53:58Z")),
            ("se=2026-02-07T19:53Z", Some("2026-02-07T19:53:00Z")),
            ("se=2026-02-07", Some("2026-02-07T00:00:00Z")),
            ("X-Amz-Date=20260207T195358Z&X-Amz-Expires=60", Some("2026-02-07T19:54:58Z")),
            ("X-Goog-Date=20260207T195358Z&X-Goog-Expires=1", Some("2026-02-07T19:53:59Z")),
            ("X-Amz-Date=20260207T195358Z&X-Amz-Expires=99999999999999999999", None),
            ("se=soon", None),
            ("", None),
        ] {
            let expected = until.map(|text| text.parse().unwrap());
            assert_eq!(of(query).until, expected, "{query}");
        }
    }

    #[test]
    fn only_what_is_over_or_has_not_begun_is_a_problem() {
        let validity = of("st=2026-01-01T00:00:00Z&se=2026-02-01T00:00:00Z");
        let problem = |now: &str| validity.problem(now.parse().unwrap());
        assert_eq!(problem("2026-01-15T00:00:00Z"), None);
        assert!(problem("2026-02-01T00:00:00Z").unwrap().contains("until 2026-02-01"));
        assert!(problem("2025-12-31T23:59:59Z").unwrap().contains("from 2026-01-01"));
    }
}
