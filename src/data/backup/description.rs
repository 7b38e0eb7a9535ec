//! What a backup is, in a file of its own beside it. It is written when the backup was read back and
//! opened: a backup without one was not finished.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The largest description that is read, in bytes: 100,000 tables fit.
pub const MAX_DESCRIPTION: u64 = 16 * 1024 * 1024;

/// A backup that was proven.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupDescription {
    /// The version of the form: 1.
    pub format: u32,
    /// Its place in the order in which backups were made, which no clock changes: the largest is the
    /// newest.
    pub number: u64,
    /// The SHA-256 of the copy, 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Its size, in bytes.
    pub size: u64,
    /// What made it: `DuckDB 1.5.6`.
    pub engine: String,
    /// The storage format: `duckdb v1.2.0`, `sqlite 3`.
    pub storage_format: String,
    /// Whether the database was one of SQLite in WAL mode. The copy never is, so that it is one file; what
    /// is restored is again. `None` where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wal: Option<bool>,
    /// The permissions of the database's file, in octal: `0640`. What is restored has no wider ones. `None`
    /// where the system has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions: Option<String>,
    /// When the copy was made.
    pub created: Timestamp,
    /// The rows of each table, by its name.
    pub tables: BTreeMap<String, u64>,
}

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// It is no JSON, or lacks something.
    #[error("its description cannot be read: {0}")]
    Text(String),
    /// A newer program wrote it.
    #[error("its description has form {0}, and this program knows 1: use a newer one")]
    Newer(u32),
    /// The digest is none.
    #[error("its description has no SHA-256 of 64 hexadecimal digits")]
    Digest,
}

impl BackupDescription {
    /// The form that this program writes.
    pub const FORMAT: u32 = 1;

    /// Reads a description.
    ///
    /// # Errors
    /// [`DescriptionError`]
    pub fn read(bytes: &[u8]) -> Result<Self, DescriptionError> {
        #[derive(Deserialize)]
        struct Form {
            format: u32,
        }
        let text = |error: serde_json::Error| DescriptionError::Text(error.to_string());
        let form: Form = serde_json::from_slice(bytes).map_err(text)?;
        if form.format != Self::FORMAT {
            return Err(DescriptionError::Newer(form.format));
        }
        let read: Self = serde_json::from_slice(bytes).map_err(text)?;
        let hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if read.sha256.len() != 64 || !read.sha256.bytes().all(hex) {
            return Err(DescriptionError::Digest);
        }
        Ok(read)
    }

    /// Returns it as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn text(&self) -> serde_json::Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// Returns the permissions that a restored database may have where nothing else tells them: those that it
    /// had, but to run it. Where they make no sense, it is its owner's alone.
    pub fn restored_mode(&self) -> u32 {
        let said = self.permissions.as_deref().filter(|text| text.len() <= 4);
        let mode = said.and_then(|text| u32::from_str_radix(text, 8).ok());
        mode.filter(|mode| *mode <= 0o777).map_or(0o600, |mode| mode & 0o666)
    }

    /// Returns the rows of all tables.
    pub fn rows(&self) -> u64 {
        self.tables.values().fold(0, |sum, rows| sum.saturating_add(*rows))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn described() -> BackupDescription {
        BackupDescription {
            format: 1,
            number: 7,
            sha256: "ab".repeat(32),
            size: 12,
            engine: "SQLite 3.50".to_owned(),
            storage_format: "sqlite 3".to_owned(),
            wal: Some(true),
            permissions: Some("0640".to_owned()),
            created: "2026-02-07T19:53:58Z".parse().unwrap(),
            tables: [("sales".to_owned(), 3), ("users".to_owned(), 2)].into(),
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let text = described().text().unwrap();
        assert_eq!(BackupDescription::read(text.as_bytes()).unwrap(), described());
        assert_eq!(described().rows(), 5);
        let more = text.replace("\"format\"", "\"later\": true, \"format\"");
        assert_eq!(BackupDescription::read(more.as_bytes()).unwrap(), described());
    }

    #[test]
    fn what_is_no_description_is_refused() {
        let text = described().text().unwrap();
        let read = |text: &str| BackupDescription::read(text.as_bytes()).unwrap_err();
        assert!(matches!(read(""), DescriptionError::Text(_)));
        assert!(matches!(read("{\"format\": 1}"), DescriptionError::Text(_)));
        let newer = text.replace("\"format\": 1", "\"format\": 2");
        assert_eq!(read(&newer), DescriptionError::Newer(2));
        for digest in ["ab", "AB", "../"] {
            let other = text.replace(&"ab".repeat(32), &digest.repeat(31));
            assert_eq!(read(&other), DescriptionError::Digest, "{digest}");
        }
    }
}
