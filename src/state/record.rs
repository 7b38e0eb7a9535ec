//! The release record: what one release consists of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::data::ReleasedData;
use crate::model::{BranchName, CommitSha, Digest, ImageRef, RunIdentity, Tag, TreeSha};

/// What kind of release a record is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RecordKind {
    /// A candidate became stable.
    Promotion,
    /// Other data became live; the code and its images stayed as they were.
    Data {
        /// The number of the release whose code stayed.
        of: u64,
    },
    /// Stable went back to an earlier release.
    Rollback {
        /// The number of the record whose parts are live again.
        restores: u64,
    },
}

impl RecordKind {
    /// Tells whether a candidate became stable.
    pub fn is_promotion(&self) -> bool {
        match self {
            Self::Promotion => true,
            Self::Data { .. } | Self::Rollback { .. } => false,
        }
    }

    /// Tells whether stable went back.
    pub fn is_rollback(&self) -> bool {
        match self {
            Self::Rollback { .. } => true,
            Self::Promotion | Self::Data { .. } => false,
        }
    }

    /// Tells whether something new became live: what one can go back to.
    pub fn is_release(&self) -> bool {
        !self.is_rollback()
    }
}

/// One image of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleasedImage {
    /// Where it is.
    pub image: ImageRef,
    /// Its digest.
    pub digest: Digest,
    /// What `stable` pointed at before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
}

/// Where users find a release. It stands in the record, so that what follows from the record does
/// not depend on whose configuration is read later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    /// The tags that follow stable.
    pub tags: Vec<Tag>,
    /// The branch that follows stable.
    pub stable_branch: BranchName,
    /// The branch that holds the ledger.
    pub ledger_branch: BranchName,
    /// The path of the ledger.
    pub ledger_path: String,
}

/// What one release consists of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the format.
    pub version: u32,
    /// The number, from 1, without gaps.
    pub number: u64,
    /// What kind of release it is.
    #[serde(flatten)]
    pub kind: RecordKind,
    /// The protected branch that the commit is on.
    pub branch: BranchName,
    /// The commit.
    pub commit: CommitSha,
    /// Its tree.
    pub tree: TreeSha,
    /// The release set.
    pub images: Vec<ReleasedImage>,
    /// Where users find it.
    pub places: Places,
    /// The published data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ReleasedData>,
    /// The figures of the candidate.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<String, f64>,
    /// What passed, in the words of the ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// What failed in an earlier attempt of the run and passed in this one: tests as
    /// `class::name`, and `job <id>` where a job has no report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky: Vec<String>,
    /// The first commit that a rollback may still go back to once this was released, where its
    /// configuration says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incompatible_with_rollback_before: Option<CommitSha>,
    /// Why a person released it without the probes that the configuration asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probes_waived: Option<String>,
    /// The run that made it.
    pub run: RunIdentity,
    /// Where to look at the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Who: a GitHub login or a local user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, where a person gave a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason of an `--override`.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "override")]
    pub override_reason: Option<String>,
}

impl Record {
    /// Returns all digests that it consists of: those of its images, and that of its data.
    pub fn digests(&self) -> impl Iterator<Item = Digest> + '_ {
        let data = self.data.iter().filter_map(|data| data.version.digest());
        self.images.iter().map(|own| own.digest.clone()).chain(data)
    }

    /// Returns the number of the release that its code became live with: what the branch `stable`
    /// names. A release of data alone moves no branch.
    pub fn code_release(&self) -> u64 {
        match self.kind {
            RecordKind::Data { of } => of,
            RecordKind::Promotion | RecordKind::Rollback { .. } => self.number,
        }
    }
}
