//! What was found of the data that a release would publish.

use serde::Serialize;

use crate::data::{Prepared, ReleasedData};

/// What became of the data of a candidate.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(tag = "data", rename_all = "snake_case")]
pub enum DataEvidence {
    /// It was not made (yet): nothing else let the candidate pass so far, or a release publishes
    /// none.
    #[default]
    NotRun,
    /// Steps and checks were run here.
    Prepared {
        /// What they came to.
        prepared: Box<Prepared>,
        /// What would be published, where a snapshot was taken.
        candidate: Option<Box<ReleasedData>>,
    },
    /// `sync --candidate` of another job has checked and uploaded it.
    Uploaded {
        /// What would be published.
        candidate: Box<ReleasedData>,
    },
    /// The job that makes it failed.
    Failed {
        /// Which job, and where to look.
        why: String,
    },
    /// Nobody could find out: there is no database, the store does not answer, another commit is
    /// checked out.
    Unknown {
        /// Why, and what to do.
        why: String,
    },
}

impl DataEvidence {
    /// Returns what would be published.
    pub fn candidate(&self) -> Option<&ReleasedData> {
        match self {
            Self::Prepared { candidate, .. } => candidate.as_deref(),
            Self::Uploaded { candidate } => Some(candidate),
            Self::NotRun | Self::Failed { .. } | Self::Unknown { .. } => None,
        }
    }

    /// Returns what steps and checks came to, where they were run here.
    pub fn prepared(&self) -> Option<&Prepared> {
        match self {
            Self::Prepared { prepared, .. } => Some(prepared),
            Self::NotRun | Self::Uploaded { .. } | Self::Failed { .. } | Self::Unknown { .. } => {
                None
            }
        }
    }

    /// Says what passed, in the words of the ledger.
    pub fn in_words(&self) -> Option<String> {
        let checks = self.prepared()?.checks.iter().filter(|check| check.required).count();
        match checks {
            0 => None,
            1 => Some("1 data check".to_owned()),
            count => Some(format!("{count} data checks")),
        }
    }
}
