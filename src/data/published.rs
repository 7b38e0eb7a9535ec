//! A published version of a database, and where it is served.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Columns, Prepared};
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
    /// database, whose ending the version gets.
    pub fn of(
        prepared: &Prepared,
        file: &str,
        commit: Option<CommitSha>,
        created: Timestamp,
    ) -> Option<Self> {
        let snapshot = prepared.snapshot.as_ref()?;
        let extension = file.rsplit_once('.').map_or("db", |(_, extension)| extension);
        Some(Self {
            version: format!("sha256:{}", snapshot.sha256).parse().ok()?,
            sha256: snapshot.sha256.clone(),
            size: snapshot.size,
            created,
            commit,
            storage_format: snapshot.storage_format.clone(),
            path: format!("versions/{}.{extension}", snapshot.sha256),
            figures: prepared.figures.clone(),
            columns: prepared.columns.clone(),
        })
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
