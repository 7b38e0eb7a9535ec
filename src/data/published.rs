//! A published version of a database, and where it is served.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Columns, Prepared, Snapshot};
use crate::model::{CommitSha, DataVersion, Digest, StoreUrl};

/// One immutable published version. `latest.json` holds it, and so does `versions/<sha256>.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PublishedVersion {
    /// The version: `sha256:` and the digest of the file.
    pub version: DataVersion,
    /// The same digest, 64 lower-case hexadecimal digits, for programs that compare it.
    pub sha256: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// When it was first published.
    pub created: Timestamp,
    /// The commit whose data it is, where it was published from a repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitSha>,
    /// The storage format: `duckdb v1.2.0`, `sqlite 3`.
    pub storage_format: String,
    /// The digest of what it holds, whatever its bytes are: `v1/duckdb-1.5.6/` or `v1/sqlite/` and 64
    /// hexadecimal digits. Versions of before it was computed have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Its path in the container: `versions/<sha256>.duckdb`.
    pub path: String,
    /// The numbers of its checks, by name: what the next version is compared with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// The columns of the tables whose schema is checked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Columns>,
}

/// What `latest.json` says: which version is served. Only the program that moves it writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    /// The version of the format: 1.
    pub format: u32,
    /// The version that is served.
    #[serde(flatten)]
    pub version: PublishedVersion,
    /// The number of the release that serves it, where there are releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// When it was moved here.
    pub moved: Timestamp,
}

/// Where a database is served. It stands in the record, so that what follows from the record does
/// not depend on whose configuration is read later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataPlace {
    /// The store.
    pub store: StoreUrl,
    /// Its address, where it is not the usual one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The container.
    pub container: String,
    /// The name of the copy that follows the pointer: `analytics.duckdb`.
    pub file: String,
}

/// The data of a release: which version is served where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleasedData {
    /// Where.
    pub place: DataPlace,
    /// What.
    #[serde(flatten)]
    pub version: PublishedVersion,
}

impl DataPlace {
    /// Returns the container, for messages: `azure://account/analytics`.
    pub fn container_url(&self) -> String {
        let store = self.store.to_string();
        format!("{}/{}", store.trim_end_matches('/'), self.container)
    }
}

impl fmt::Display for DataPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.container_url())
    }
}

impl PublishedVersion {
    /// Returns what would be published of a snapshot; `None` where none was taken. `file` is the
    /// database, whose ending the version gets. Where the content is that of the served version, it
    /// is that version.
    pub fn of(
        prepared: &Prepared,
        file: &str,
        commit: Option<CommitSha>,
        created: Timestamp,
    ) -> Option<Self> {
        let snapshot = prepared.snapshot.as_ref()?;
        let (sha256, size) = match &prepared.unchanged {
            Some(served) => (&served.sha256, served.size),
            None => (&snapshot.sha256, snapshot.size),
        };
        Some(Self {
            version: format!("sha256:{sha256}").parse().ok()?,
            sha256: sha256.clone(),
            size,
            created,
            commit,
            storage_format: snapshot.storage_format.clone(),
            content: snapshot.content.clone(),
            path: format!("versions/{sha256}.{}", extension(file)),
            figures: prepared.figures.clone(),
            columns: prepared.columns.clone(),
        })
    }

    /// Tells whether a snapshot of the database `file` holds what this version holds, in a format that
    /// the same readers open, although its bytes may differ.
    pub fn holds(&self, snapshot: &Snapshot, file: &str) -> bool {
        self.content.is_some()
            && self.content == snapshot.content
            && self.storage_format == snapshot.storage_format
            && self.path.ends_with(&format!(".{}", extension(file)))
    }

    /// The path of the pointer in its container.
    pub const POINTER: &str = "latest.json";

    /// Returns the path of its description in the container.
    pub fn description(&self) -> String {
        format!("versions/{}.json", self.sha256)
    }

    /// Returns the digest, which is what a quarantine names; `None` where a hand-written description
    /// has none.
    pub fn digest(&self) -> Option<Digest> {
        self.version.as_str().parse().ok()
    }

    /// Returns the first twelve digits of the digest, as people quote versions.
    pub fn short(&self) -> &str {
        self.sha256.get(..12).unwrap_or(&self.sha256)
    }
}

/// The ending of a database's versions.
fn extension(file: &str) -> &str {
    file.rsplit_once('.').map_or("db", |(_, extension)| extension)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn prepared(content: Option<&str>) -> Prepared {
        let snapshot = Snapshot {
            file: "/tmp/x.duckdb".to_owned(),
            sha256: "a".repeat(64),
            size: 3,
            storage_format: "duckdb v1.2.0".to_owned(),
            content: content.map(str::to_owned),
        };
        Prepared { snapshot: Some(snapshot), ..Prepared::default() }
    }

    fn of(prepared: &Prepared, file: &str) -> PublishedVersion {
        let created = "2026-02-07T19:53:58Z".parse().unwrap();
        PublishedVersion::of(prepared, file, None, created).unwrap()
    }

    #[test]
    fn a_version_holds_what_has_its_content_format_and_ending() {
        let one = prepared(Some("v1/duckdb-1.5.6/1"));
        let served = of(&one, "data/x.duckdb");
        let snapshot = one.snapshot.as_ref().unwrap();
        assert!(served.holds(snapshot, "x.duckdb"));
        assert!(!served.holds(snapshot, "x.ddb"), "readers look for another ending");
        let other = Snapshot { storage_format: "duckdb v1.5.0".to_owned(), ..snapshot.clone() };
        assert!(!served.holds(&other, "x.duckdb"), "another storage format");
        let other = Snapshot { content: Some("v1/duckdb-1.5.7/1".to_owned()), ..snapshot.clone() };
        assert!(!served.holds(&other, "x.duckdb"), "another content");
        let unknown = prepared(None);
        let served = of(&unknown, "data/x.duckdb");
        assert!(!served.holds(unknown.snapshot.as_ref().unwrap(), "x.duckdb"), "nobody knows");
    }

    #[test]
    fn what_is_unchanged_is_the_served_version() {
        let mut served = of(&prepared(Some("c")), "x.duckdb");
        served.sha256 = "b".repeat(64);
        served.size = 4;
        let again = Prepared { unchanged: Some(Box::new(served)), ..prepared(Some("c")) };
        let again = of(&again, "x.duckdb");
        assert_eq!(again.version.as_str(), format!("sha256:{}", "b".repeat(64)));
        assert_eq!((again.path, again.size), (format!("versions/{}.duckdb", "b".repeat(64)), 4));
    }
}
