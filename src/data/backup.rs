//! The names of backups: `backups/analytics_20260207_195358.duckdb`, with the time in UTC.
//!
//! What `tidegate data backup` keeps in its own container, for each backup:
//!
//! ```text
//! sales_20260207_195358.duckdb             the copy
//! sales_20260207_195358.duckdb.json        its description: written last, after the copy was proven
//! sales_20260207_195358.duckdb.unfinished  who makes it: there from the start to the end
//! ```

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

mod choice;
mod description;
mod kept;

pub use choice::BackupChoice;
pub use description::{BackupDescription, DescriptionError, MAX_DESCRIPTION};
pub use kept::{Backup, prune_backups};

const FORMAT: &str = "%Y%m%d_%H%M%S";

/// How the description of a backup ends.
pub const DESCRIPTION: &str = ".json";

/// How the note ends that a backup is being made.
pub const UNFINISHED: &str = ".unfinished";

/// Returns the path of the backup that is made of `file` at `time`.
pub fn backup_path(file: &str, time: Timestamp) -> String {
    format!("backups/{}", backup_name(file, time))
}

/// Returns its name without a folder.
pub fn backup_name(file: &str, time: Timestamp) -> String {
    let time = TimeZone::UTC.to_datetime(time).strftime(FORMAT).to_string();
    match file.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}_{time}.{extension}"),
        None => format!("{file}_{time}"),
    }
}

/// Returns when the backup of `file` at `path` was made; `None` where it is no such backup.
pub fn backup_time(file: &str, path: &str) -> Option<Timestamp> {
    let (stem, extension) = match file.rsplit_once('.') {
        Some((stem, extension)) => (stem, format!(".{extension}")),
        None => (file, String::new()),
    };
    let time = path
        .strip_prefix("backups/")?
        .strip_prefix(stem)?
        .strip_prefix('_')?
        .strip_suffix(extension.as_str())?;
    let parsed = DateTime::strptime(FORMAT, time).ok()?;
    let timestamp = parsed.to_zoned(TimeZone::UTC).ok()?.timestamp();
    // Only names that this program writes: `strptime` also reads shorter numbers.
    (backup_path(file, timestamp) == path).then_some(timestamp)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn names_and_times_belong_together() {
        let time: Timestamp = "2026-02-07T20:53:58.7+01:00".parse().unwrap();
        let path = backup_path("analytics.duckdb", time);
        assert_eq!(path, "backups/analytics_20260207_195358.duckdb");
        let read = backup_time("analytics.duckdb", &path).unwrap();
        assert_eq!(read.to_string(), "2026-02-07T19:53:58Z");
        assert_eq!(backup_path("data", time), "backups/data_20260207_195358");
    }

    #[test]
    fn other_names_are_no_backups() {
        for path in [
            "backups/analytics.duckdb",
            "backups/other_20260207_195358.duckdb",
            "backups/analytics_20260207_195358.duckdb.tmp",
            "backups/analytics_20261307_195358.duckdb",
            "backups/analytics_2026027_195358.duckdb",
            "backups/analytics_old_20260207_195358.duckdb",
            "versions/analytics_20260207_195358.duckdb",
        ] {
            assert_eq!(backup_time("analytics.duckdb", path), None, "{path}");
        }
    }
}
