//! What is in the container, and what is known of it.

use crate::adapters::store::StoreError;
use crate::commands::publish::{Database, Records};
use crate::commands::session::block_on;
use crate::data::{KnownVersion, Pointer};
use crate::observe::data::{self, StoredVersion};

/// The pointer, and the versions beside it.
pub(super) struct Found {
    /// What is served.
    pub(super) served: Option<Pointer>,
    /// The versions, newest first.
    pub(super) versions: Vec<StoredVersion>,
}

/// Reads the container.
///
/// # Errors
/// Those of the store; a container that is not there holds nothing.
pub(super) fn look(database: &Database<'_>) -> anyhow::Result<Found> {
    let found = block_on(async {
        let container = database.container()?;
        let served = data::served(&container).await?.map(|(pointer, _)| pointer);
        Ok(Found { served, versions: data::versions(&container).await? })
    });
    match found {
        Err(error) if error.downcast_ref::<StoreError>().is_some_and(is_missing) => {
            Ok(Found { served: None, versions: Vec::new() })
        }
        found => found,
    }
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::Missing { .. })
}

impl Found {
    /// Returns the versions that can be had, with the releases that refer to them.
    pub(super) fn known(&self, records: &Records) -> Vec<KnownVersion> {
        let had = self.versions.iter().filter(|version| version.can_be_had());
        had.filter_map(|version| {
            let releases = records.serving.get(&version.version).cloned().unwrap_or_default();
            Some(KnownVersion { published: version.published.clone()?, releases })
        })
        .collect()
    }

    /// Tells whether a version is the one that is served.
    pub(super) fn is_served(&self, version: &StoredVersion) -> bool {
        self.served.as_ref().is_some_and(|served| served.version.version == version.version)
    }
}
