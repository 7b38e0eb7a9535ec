//! Times as people say them.

use jiff::Timestamp;

/// Says how long before `now` a moment was: `3 h ago`, or its date when that is over 60 days back.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    let amount = match seconds.unsigned_abs() {
        0..60 => return "just now".to_owned(),
        s @ 60..3_600 => format!("{} min", s / 60),
        s @ 3_600..86_400 => format!("{} h", s / 3_600),
        s @ 86_400..172_800 => format!("{} day", s / 86_400),
        s @ 172_800..5_270_400 => format!("{} days", s / 86_400),
        _ => return then.strftime("%Y-%m-%d").to_string(),
    };
    if seconds < 0 { format!("in {amount}") } else { format!("{amount} ago") }
}

/// Says a moment as people write it, to the minute and in UTC.
pub fn at(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_say_them() {
        let now: Timestamp = "2025-12-22T12:00:00Z".parse().unwrap();
        for (then, expected) in [
            ("2025-12-22T11:59:01Z", "just now"),
            ("2025-12-22T11:58:59Z", "1 min ago"),
            ("2025-12-22T09:00:00Z", "3 h ago"),
            ("2025-12-21T12:00:00Z", "1 day ago"),
            ("2025-12-15T12:00:00Z", "7 days ago"),
            ("2025-10-01T00:00:00Z", "2025-10-01"),
            ("2025-12-22T15:00:00Z", "in 3 h"),
        ] {
            assert_eq!(ago(then.parse().unwrap(), now), expected, "{then}");
        }
    }
}
