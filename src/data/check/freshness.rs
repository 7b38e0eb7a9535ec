//! How old the newest value of a column is.

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Outcome, failed, kind};

/// How far ahead the newest value may lie: time zones and clocks that differ.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Judges the newest value and the name of its type. Returns its age in hours, too.
pub(super) fn judge(
    row: &[Value],
    most: Option<Duration>,
    now: Timestamp,
) -> (Option<f64>, Outcome) {
    let none = |why: String| (None, Outcome::Inconclusive { why });
    let [value, of_type] = row else { return none("the query gave no value".to_owned()) };
    let of_type = of_type.as_str().unwrap_or_default();
    let text = match value {
        Value::String(text) => text,
        Value::Null => return none("the column has no value".to_owned()),
        other => {
            let found = kind(other);
            return none(format!(
                "the newest value is {found}, expected a date or a time: use `sql` instead"
            ));
        }
    };
    let Some(newest) = instant(text) else {
        let shown: String = text.chars().take(40).collect();
        return none(format!(
            "the newest value {shown:?} ({of_type}) is no date or time such as 2026-02-07 or 2026-02-07 19:53:58"
        ));
    };
    let Some(most) = most.and_then(|most| SignedDuration::try_from(most).ok()) else {
        return none("there is no `max_age`".to_owned());
    };
    let age = now.duration_since(newest);
    let hours = age.as_secs_f64() / 3600.0;
    let outcome = if age > most {
        let why = format!(
            "the newest value {text} is {} old, at most {} are allowed",
            long(age),
            long(most)
        );
        failed(why)
    } else if age < -AHEAD {
        failed(format!("the newest value {text} lies {} in the future", long(-age)))
    } else {
        Outcome::Passed
    };
    (Some(hours), outcome)
}

/// Reads a date or a time. A date stands for its beginning; no zone means UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > 64 {
        return None;
    }
    // DuckDB writes whole hours of an offset only: `+00`, `-05`.
    let whole = text
        .len()
        .checked_sub(3)
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.starts_with(['+', '-']))
        && text.contains(':');
    let text = if whole { format!("{text}:00") } else { text.to_owned() };
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant);
    }
    let civil = if text.contains(':') {
        text.parse::<DateTime>().ok()?
    } else {
        text.parse::<Date>().ok()?.to_datetime(jiff::civil::Time::midnight())
    };
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn long(time: SignedDuration) -> String {
    let hours = time.as_hours();
    match hours {
        0 => format!("{} min", time.as_mins()),
        1..48 => format!("{hours} h"),
        _ => format!("{} d {} h", hours / 24, hours % 24),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn dates_and_times_are_read_with_and_without_a_zone() {
        for (text, instant_in_utc) in [
            ("2026-02-07", Some("2026-02-07T00:00:00Z")),
            ("2026-02-07 19:53:58", Some("2026-02-07T19:53:58Z")),
            ("2026-02-07T19:53:58", Some("2026-02-07T19:53:58Z")),
            ("2026-02-07 19:53:58.123456", Some("2026-02-07T19:53:58.123456Z")),
            ("2026-02-07 19:53:58+00", Some("2026-02-07T19:53:58Z")),
            ("2026-02-07 19:53:58.5-05", Some("2026-02-08T00:53:58.5Z")),
            ("2026-02-07 19:53:58+05:30", Some("2026-02-07T14:23:58Z")),
            ("2026-02-07T19:53:58Z", Some("2026-02-07T19:53:58Z")),
            ("2026-02", None),
            ("infinity", None),
            ("1770490000", None),
            ("07.02.2026", None),
            ("", None),
        ] {
            let expected = instant_in_utc.map(|text| text.parse().unwrap());
            assert_eq!(instant(text), expected, "{text}");
        }
    }
}
