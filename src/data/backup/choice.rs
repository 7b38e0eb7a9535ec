//! Which backup a person means.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Backup;
use crate::model::InvalidValue;

const EXPECTED: &str =
    "the name of a backup, `latest`, a time (2026-02-07T19:53Z) or a day (2026-02-07)";

/// What a person names a backup by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackupChoice {
    /// The newest one.
    Latest,
    /// The newest one that was made at that time or before.
    At(Timestamp),
    /// The newest one that was made on that day in UTC or before.
    On(Date),
    /// Its name.
    Name(String),
}

impl FromStr for BackupChoice {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        if let Some(day) = text.parse().ok().filter(|_| text.contains('-')) {
            return Ok(Self::On(day));
        }
        let name = text.strip_prefix("backups/").unwrap_or(text);
        let fits = !name.is_empty() && name.len() <= 1024 && !name.chars().any(char::is_control);
        if !fits || name.contains('/') {
            return Err(InvalidValue::new(text, EXPECTED));
        }
        Ok(Self::Name(name.to_owned()))
    }
}

impl fmt::Display for BackupChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::At(time) => write!(f, "{time}"),
            Self::On(day) => write!(f, "{day}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl BackupChoice {
    /// Finds it among backups, newest first. A name may be that of one that is not whole; by time,
    /// only whole ones are found.
    pub fn of<'a>(&self, backups: &'a [Backup]) -> Option<&'a Backup> {
        let mut whole = backups.iter().filter(|backup| backup.is_whole());
        match self {
            Self::Latest => whole.next(),
            Self::At(time) => whole.find(|backup| backup.created <= *time),
            Self::On(day) => {
                whole.find(|backup| TimeZone::UTC.to_datetime(backup.created).date() <= *day)
            }
            Self::Name(name) => backups.iter().find(|backup| backup.name == *name),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::BackupChoice;

    #[test]
    fn names_times_and_days_are_told_apart() {
        let at = |time: &str| BackupChoice::At(time.parse().unwrap());
        for (text, choice) in [
            ("latest", BackupChoice::Latest),
            ("2026-02-07T19:53:58Z", at("2026-02-07T19:53:58Z")),
            ("2026-02-07", BackupChoice::On("2026-02-07".parse().unwrap())),
            (
                "backups/sales_20260207_195358.db",
                BackupChoice::Name("sales_20260207_195358.db".to_owned()),
            ),
        ] {
            assert_eq!(text.parse::<BackupChoice>().unwrap(), choice, "{text}");
        }
        for text in ["", "../x.db", "a/b.db", "a\u{1b}b"] {
            assert!(text.parse::<BackupChoice>().is_err(), "{text:?}");
        }
    }
}
