//! The times of the manifest: `2026-02-07T19:53:58`, in UTC without a zone.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads a time, in seconds since 1970. Fractions are left out, and a zone may be named.
pub fn stamp(text: &str) -> Option<i64> {
    let text = text.trim();
    let civil = text.parse::<DateTime>().ok().filter(|_| !text.ends_with(['Z', 'z']));
    match civil.filter(|_| !has_offset(text)) {
        Some(time) => Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()),
        None => Some(text.parse::<Timestamp>().ok()?.as_second()),
    }
}

/// Tells whether the text ends with an offset such as `+01:00`.
fn has_offset(text: &str) -> bool {
    text.get(11..).is_some_and(|time| time.contains(['+', '-']))
}

/// Writes seconds since 1970 as a time.
pub fn shown(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).datetime().to_string()
}
