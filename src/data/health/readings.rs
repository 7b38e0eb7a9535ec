//! What was read of backups in a bucket. Reading one costs time and money there, so one that the store
//! says is unchanged is read once a day, not at each check.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::BackupRead;
use crate::data::Backup;

/// The largest text of readings that is read, in bytes.
pub const MAX_READINGS: u64 = 1024 * 1024;

/// For how long a reading counts. A store may lose what its version still names.
const COUNTS: SignedDuration = SignedDuration::from_hours(24);

/// When a backup was read, and what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupReading {
    /// When.
    pub at: Timestamp,
    /// What.
    pub found: BackupRead,
}

/// What was found of the bytes of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// They are those that were opened when it was made.
    Whole,
    /// They were not all read: there was no time.
    TooLarge,
    /// They are others.
    Damaged(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reading {
    etag: String,
    sha256: String,
    at: Timestamp,
    found: Found,
}

/// What was read of the backups in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readings {
    format: u32,
    place: String,
    backups: BTreeMap<String, Reading>,
}

impl Readings {
    /// The form that this program writes.
    const FORMAT: u32 = 1;

    /// Has read nothing yet of the backups in `place`.
    pub fn new(place: &str) -> Self {
        Self { format: Self::FORMAT, place: place.to_owned(), backups: BTreeMap::new() }
    }

    /// Reads what was written of the backups in `place`. What cannot be used counts as nothing: then
    /// the backups are read again.
    pub fn read(bytes: &[u8], place: &str) -> Self {
        serde_json::from_slice(bytes)
            .ok()
            .filter(|read: &Self| read.format == Self::FORMAT && read.place == place)
            .unwrap_or_else(|| Self::new(place))
    }

    /// Returns them as text.
    ///
    /// # Errors
    /// None that is known: they are text and numbers.
    pub fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// Tells what was found of a backup that nobody has changed since, and when. What says that it was
    /// read in the future was written with another clock.
    pub fn known(&self, backup: &Backup, now: Timestamp) -> Option<(Timestamp, Found)> {
        let known = self.backups.get(&backup.name)?;
        let description = backup.description.as_ref()?;
        let age = now.duration_since(known.at);
        let is_same = !known.etag.is_empty()
            && known.etag == backup.etag
            && known.sha256 == description.sha256;
        let counts = is_same && !age.is_negative() && age < COUNTS;
        counts.then(|| (known.at, known.found.clone()))
    }

    /// Notes what was found of a backup.
    pub fn note(&mut self, backup: &Backup, at: Timestamp, found: Found) {
        let Some(description) = &backup.description else { return };
        let (etag, sha256) = (backup.etag.clone(), description.sha256.clone());
        self.backups.insert(backup.name.clone(), Reading { etag, sha256, at, found });
    }

    /// Forgets the backups that are no more.
    pub fn keep(&mut self, backups: &[Backup]) {
        self.backups.retain(|name, _| backups.iter().any(|backup| backup.name == *name));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;
    use crate::data::BackupDescription;

    fn now() -> Timestamp {
        "2026-02-08T12:00:00Z".parse().unwrap()
    }

    fn backup(etag: &str, sha256: &str) -> Backup {
        let description = BackupDescription {
            format: 1,
            number: 1,
            sha256: sha256.repeat(64),
            size: 10,
            engine: String::new(),
            storage_format: String::new(),
            wal: None,
            permissions: None,
            created: now(),
            tables: [].into(),
        };
        Backup {
            name: "sales_1.db".to_owned(),
            created: now(),
            size: Some(10),
            stored: now(),
            etag: etag.to_owned(),
            description: Some(description),
            problem: None,
            noted: false,
        }
    }

    fn later(minutes: i64) -> Timestamp {
        now() + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_reading_counts_for_a_day_and_for_the_same_bytes_in_the_same_place_only() {
        let mut readings = Readings::new("s3://acme/backups");
        readings.note(&backup("e1", "0"), now(), Found::Whole);
        let text = readings.text().unwrap();
        let readings = Readings::read(text.as_bytes(), "s3://acme/backups");
        let known = |one: &Backup, at| readings.known(one, at);
        let same = backup("e1", "0");
        assert_eq!(known(&same, later(24 * 60 - 1)), Some((now(), Found::Whole)));
        assert_eq!(known(&same, later(24 * 60)), None);
        assert_eq!(known(&same, later(-1)), None, "a clock that was set back proves nothing");
        assert_eq!(known(&backup("e2", "0"), now()), None);
        assert_eq!(known(&backup("e1", "1"), now()), None);
        assert_eq!(known(&Backup { name: "other.db".to_owned(), ..same.clone() }, now()), None);
        let elsewhere = Readings::read(text.as_bytes(), "s3://acme/other");
        assert_eq!(elsewhere.known(&same, now()), None);
        assert_eq!(Readings::read(b"{broken", "s3://acme/backups").known(&same, now()), None);
    }

    #[test]
    fn a_store_without_versions_is_read_each_time() {
        let mut readings = Readings::new("p");
        readings.note(&backup("", "0"), now(), Found::Whole);
        assert_eq!(readings.known(&backup("", "0"), now()), None);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut readings = Readings::new("p");
        let damaged = Found::Damaged("other bytes".to_owned());
        readings.note(&backup("e", "0"), now(), damaged.clone());
        readings.keep(&[backup("f", "1")]);
        assert_eq!(readings.known(&backup("e", "0"), now()), Some((now(), damaged)));
        readings.keep(&[]);
        assert_eq!(readings.known(&backup("e", "0"), now()), None);
    }
}
