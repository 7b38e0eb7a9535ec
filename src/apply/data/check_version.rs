//! Checks that a version can be had, before anything refers to it.

use super::PublishError;
use crate::adapters::store::Container;
use crate::data::PublishedVersion;

/// Asks the store for the file of `version`: it has to be there, in its size.
///
/// # Errors
/// [`PublishError::NoVersion`] where it is not, besides those of the store.
pub async fn check_version(
    container: &Container,
    version: &PublishedVersion,
) -> anyhow::Result<()> {
    let place = || format!("{}/{}", container.place(), version.path);
    match container.head(&version.path).await? {
        Some(object) if object.size == version.size => Ok(()),
        Some(object) => {
            let problem = format!("has {} bytes instead of {}", object.size, version.size);
            Err(PublishError::NoVersion { place: place(), problem }.into())
        }
        None => {
            let problem = "is not there".to_owned();
            Err(PublishError::NoVersion { place: place(), problem }.into())
        }
    }
}
