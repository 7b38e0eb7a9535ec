//! Lists what a container of a published database holds: versions and backups.

use std::collections::BTreeMap;

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use crate::adapters::store::{Container, Object, StoreError};
use crate::data::{Prunable, PublishedVersion, backup_time};
use crate::exit::{Exit, Failed};
use crate::model::DataVersion;

/// The most objects that are looked at below one folder.
const MOST: usize = 100_000;

/// So many descriptions are read at once.
const AT_ONCE: usize = 16;

/// A version in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVersion {
    /// The version.
    pub version: DataVersion,
    /// Its description; `None` where there is none, or none that can be read.
    pub published: Option<PublishedVersion>,
    /// Its file; `None` where only the description is there.
    pub file: Option<Object>,
    /// Its description, as an object.
    pub description: Option<Object>,
}

impl StoredVersion {
    /// Whether it can be had: described, and there in its size.
    pub fn can_be_had(&self) -> bool {
        let size = self.published.as_ref().map(|published| published.size);
        size.is_some() && size == self.file.as_ref().map(|file| file.size)
    }

    /// When it was first published; of what is not described, when it was written.
    pub fn created(&self) -> Timestamp {
        let written = self.file.as_ref().or(self.description.as_ref()).map(|o| o.modified);
        self.published.as_ref().map(|p| p.created).or(written).unwrap_or_default()
    }

    /// Returns it as something that may be deleted.
    pub fn prunable(&self) -> Prunable {
        let objects = || self.description.iter().chain(&self.file);
        Prunable {
            version: Some(self.version.clone()),
            paths: objects().map(|object| object.path.clone()).collect(),
            size: objects().map(|object| object.size).sum(),
            created: self.created(),
            stored: objects().map(|object| object.modified).max().unwrap_or(Timestamp::MAX),
        }
    }
}

/// Lists the versions, with their descriptions, newest first.
///
/// # Errors
/// Those of the store.
pub async fn versions(container: &Container) -> anyhow::Result<Vec<StoredVersion>> {
    let mut found: BTreeMap<DataVersion, (Option<Object>, Option<Object>)> = BTreeMap::new();
    for object in listed(container, "versions/").await? {
        // What is not named like a version is not ours.
        let Some((version, is_description)) = named(&object.path) else { continue };
        let (file, description) = found.entry(version).or_default();
        let place = if is_description { description } else { file };
        *place = Some(object);
    }
    let described = stream::iter(found).map(|(version, (file, description))| async move {
        let published = match &description {
            Some(_) => readable(super::version(container, &version).await, &version)?,
            None => None,
        };
        anyhow::Ok(StoredVersion { version, published, file, description })
    });
    let mut versions: Vec<StoredVersion> = described.buffered(AT_ONCE).try_collect().await?;
    versions.sort_by_key(|version| std::cmp::Reverse(version.created()));
    Ok(versions)
}

/// Lists the backups of `file`, newest first.
///
/// # Errors
/// Those of the store.
pub async fn backups(container: &Container, file: &str) -> anyhow::Result<Vec<Prunable>> {
    let mut backups = Vec::new();
    for object in listed(container, "backups/").await? {
        let Some(created) = backup_time(file, &object.path) else { continue };
        let (size, stored, paths) = (object.size, object.modified, vec![object.path]);
        backups.push(Prunable { version: None, paths, size, created, stored });
    }
    backups.sort_by_key(|backup| std::cmp::Reverse(backup.created));
    Ok(backups)
}

/// A description that is damaged must not hide the others.
fn readable(
    read: anyhow::Result<Option<PublishedVersion>>,
    version: &DataVersion,
) -> anyhow::Result<Option<PublishedVersion>> {
    match read {
        Ok(published) => Ok(published),
        Err(error) if error.chain().any(<dyn std::error::Error>::is::<StoreError>) => Err(error),
        Err(error) => {
            tracing::warn!("the description of {version} is left out: {error:#}");
            Ok(None)
        }
    }
}

fn named(path: &str) -> Option<(DataVersion, bool)> {
    let name = path.strip_prefix("versions/")?;
    let (hex, extension) = name.split_once('.')?;
    let digest: crate::model::Digest = format!("sha256:{hex}").parse().ok()?;
    Some((digest.as_str().parse().ok()?, extension == "json"))
}

pub(super) async fn listed(container: &Container, folder: &str) -> anyhow::Result<Vec<Object>> {
    let mut objects = Vec::new();
    let mut listing = container.list(folder);
    while let Some(object) = listing.next().await {
        match object {
            Ok(object) => objects.push(object),
            Err(StoreError::Missing { .. }) => break,
            Err(error) => {
                return Err(error).with_context(|| format!("cannot list {folder}"));
            }
        }
        if objects.len() > MOST {
            let error = format!("{}/{folder} holds more than {MOST} objects", container.place());
            return Err(Failed::new(Exit::BadInput, error).into());
        }
    }
    Ok(objects)
}
