//! Writes the copy of a layer's manifest into its container, by compare-and-swap: of two syncs at once
//! the second reads what the first has written, and adds its own.

use std::collections::BTreeSet;

use crate::adapters::store::{Container, Expect, StoreError, Written};
use crate::data::manifest::Manifest;
use crate::data::sync::LayerPlace;
use crate::observe::data::layer::{self, Copy};

/// So often it is tried.
const TRIES: usize = 10;

/// Writes the copy, and notes its version in `manifest`, which gets what others have written since.
/// `agreed` is until when the copy of version `base` and the manifest said the same, in seconds since
/// 1970: what was sent until then, and the copy no longer has, was deleted by others.
/// `deleted` are the files that this run has deleted from the store. Returns `false` where others
/// wrote each time: the next sync writes it.
pub async fn write_copy(
    container: &Container,
    place: &LayerPlace,
    manifest: &mut Manifest,
    base: Option<&str>,
    agreed: Option<i64>,
    deleted: &BTreeSet<String>,
) -> Result<bool, StoreError> {
    let path = place.copy();
    let mut base = base.map(str::to_owned);
    for _ in 0..TRIES {
        let now = layer::copy_version(container, place).await?;
        let expect = match &now {
            None => Expect::Missing,
            Some(version) if base.as_ref() == Some(version) => Expect::Version(version.clone()),
            Some(_) => match layer::copy(container, place).await? {
                Copy::There(theirs, version) => {
                    manifest.merge(&theirs, &place.folder, agreed);
                    for path in deleted {
                        manifest.remove(path);
                    }
                    base = Some(version.clone());
                    Expect::Version(version)
                }
                Copy::Damaged(version) => Expect::Version(version),
                Copy::Missing => Expect::Missing,
            },
        };
        let mut bytes = Vec::new();
        let here = |source| StoreError::File { path: path.clone().into(), source };
        manifest.write_copy(&place.folder, &mut bytes).map_err(here)?;
        match container.write(&path, bytes.into(), expect).await? {
            Written::Done(version) => {
                manifest.copies.insert(place.layer.clone(), version);
                return Ok(true);
            }
            Written::Moved => {}
        }
    }
    Ok(false)
}
