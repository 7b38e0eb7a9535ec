//! Reads which version of a database is served, and what a version is.

use anyhow::Context as _;

use crate::adapters::store::Container;
use crate::data::{MAX_POINTER, Pointer, PointerError, PublishedVersion};
use crate::exit::{Exit, OrFailed as _};
use crate::model::DataVersion;

const LIMIT: u64 = MAX_POINTER as u64;

/// Reads `latest.json`: which version is served, and the `ETag` that a compare-and-swap needs. `None`
/// where nothing was published yet.
///
/// # Errors
/// Besides those of the store: [`PointerError`] where the pointer cannot be read, or a newer program
/// has written it.
pub async fn served(container: &Container) -> anyhow::Result<Option<(Pointer, String)>> {
    let path = PublishedVersion::POINTER;
    let Some((bytes, object)) = container.read(path, LIMIT).await? else {
        return Ok(None);
    };
    let pointer = Pointer::read(&bytes).or_else(|error| unusable(container, path, error))?;
    Ok(Some((pointer, object.etag)))
}

/// Reads what `version` is, as it was first published. `None` where it has no description, or its
/// name is no digest, so that there can be none.
///
/// # Errors
/// Besides those of the store: [`PointerError`] where the description cannot be read or describes
/// another version.
pub async fn version(
    container: &Container,
    version: &DataVersion,
) -> anyhow::Result<Option<PublishedVersion>> {
    let Some(path) = description(version) else { return Ok(None) };
    let Some((bytes, _)) = container.read(&path, LIMIT).await? else { return Ok(None) };
    let published = PublishedVersion::read(&bytes, version);
    published.or_else(|error| unusable(container, &path, error)).map(Some)
}

fn description(version: &DataVersion) -> Option<String> {
    let hex = version.as_str().strip_prefix("sha256:")?;
    Some(format!("versions/{hex}.json"))
}

fn unusable<T>(container: &Container, path: &str, error: PointerError) -> anyhow::Result<T> {
    let hint = error.hint();
    Err(error)
        .with_context(|| format!("{}/{path} cannot be used", container.place()))
        .or_exit(Exit::BadInput)
        .or_hint(hint)
}
