//! What the store has of a layer: its objects, and the copy of the manifest.

use std::io::{Seek as _, SeekFrom, Write as _};

use futures_util::StreamExt as _;

use crate::adapters::store::{Container, StoreError};
use crate::data::manifest::{MOST_BYTES, Manifest, ManifestError};
use crate::data::sync::{LayerPlace, Listed};

/// More objects are no layer of one repository.
const MOST_OBJECTS: usize = 10_000_000;
/// So often the copy of the manifest is read anew because somebody has just written it.
const TRIES: usize = 10;

/// The copy of the manifest in the store.
#[derive(Debug)]
pub enum Copy {
    /// It is there, with its version.
    There(Manifest, String),
    /// It is there, with its version, and is no manifest.
    Damaged(String),
    /// There is none, or no container.
    Missing,
}

/// Returns the version of the copy of the manifest; `None` where there is none.
pub async fn copy_version(
    container: &Container,
    place: &LayerPlace,
) -> Result<Option<String>, StoreError> {
    Ok(container.head(&place.copy()).await?.map(|object| object.etag))
}

/// Reads the copy of the manifest, by way of a temporary file: it may be large.
pub async fn copy(container: &Container, place: &LayerPlace) -> Result<Copy, StoreError> {
    let path = place.copy();
    for _ in 0..TRIES {
        let Some(object) = container.head(&path).await? else { return Ok(Copy::Missing) };
        if object.size > MOST_BYTES {
            return Ok(Copy::Damaged(object.etag));
        }
        let here = |source| StoreError::File { path: std::env::temp_dir(), source };
        let mut file = tempfile::tempfile().map_err(here)?;
        let etag = Some(object.etag.as_str()).filter(|etag| !etag.is_empty());
        let mut stream = match container.stream(&path, 0, etag).await {
            Ok(stream) => stream,
            // Another sync has just written it.
            Err(StoreError::Moved { .. }) => continue,
            Err(StoreError::Missing { .. }) => return Ok(Copy::Missing),
            // A policy has archived it: the listing says as much, and the next sync writes it anew.
            Err(StoreError::Damaged { .. }) => return Ok(Copy::Damaged(object.etag)),
            Err(error) => return Err(error),
        };
        let mut size = 0;
        while let Some(part) = stream.next().await {
            let part = part?;
            size += part.len() as u64;
            if size > object.size {
                return Err(StoreError::Damaged {
                    place: path,
                    problem: format!("has more than its {} bytes", object.size),
                });
            }
            file.write_all(&part).map_err(here)?;
        }
        file.seek(SeekFrom::Start(0)).map_err(here)?;
        return match Manifest::read(file) {
            Ok(manifest) => Ok(Copy::There(manifest, object.etag)),
            Err(ManifestError::Io(error)) => Err(here(error)),
            Err(ManifestError::Damaged(_) | ManifestError::TooLarge) => {
                Ok(Copy::Damaged(object.etag))
            }
        };
    }
    Err(StoreError::Moved { place: path })
}

/// Lists what the layer has in the store; nothing where there is no container. Copies of manifests
/// are left out.
pub async fn listing(container: &Container, place: &LayerPlace) -> Result<Vec<Listed>, StoreError> {
    let mut listed = Vec::new();
    let mut objects = container.list("");
    let copies = crate::data::sync::MANIFESTS;
    while let Some(object) = objects.next().await {
        let object = match object {
            Ok(object) => object,
            Err(StoreError::Missing { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        if object.path.starts_with(copies) {
            continue;
        }
        if listed.len() >= MOST_OBJECTS {
            return Err(StoreError::TooLarge {
                place: format!("{} (layer {})", container.place(), place.layer),
                size: MOST_OBJECTS as u64,
                limit: MOST_OBJECTS as u64,
            });
        }
        listed.push(Listed {
            path: object.path,
            size: object.size,
            etag: object.etag,
            modified: object.modified.as_second(),
        });
    }
    Ok(listed)
}
