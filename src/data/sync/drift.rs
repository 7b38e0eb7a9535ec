//! What the store has that the manifest does not know, and the other way round.

use std::collections::HashMap;

use serde::Serialize;

use super::place::{LayerPlace, MANIFESTS};
use super::{Partitions, partition};
use crate::data::manifest::{Entry, Manifest};

/// The most paths of each kind that are kept.
const NAMED: usize = 1000;

/// An object, as a listing tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path in the container.
    pub path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// Its version.
    pub etag: String,
    /// When it was written, in seconds since 1970 by the store's clock.
    pub modified: i64,
}

/// How the store differs from what the manifest says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// How many objects the layer has in the store.
    pub objects: u64,
    /// How many files were sent and are not there any more.
    pub missing: u64,
    /// How many objects are not those that were sent.
    pub changed: u64,
    /// How many objects were never sent from here.
    pub unknown: u64,
    /// The first of the missing, by their paths in the container.
    pub missing_paths: Vec<String>,
    /// The first of the changed.
    pub changed_paths: Vec<String>,
    /// The first of the unknown.
    pub unknown_paths: Vec<String>,
    /// How many of all these are in which partition.
    pub partitions: Partitions,
}

impl Drift {
    /// Compares.
    pub fn of(place: &LayerPlace, manifest: &Manifest, listing: Vec<Listed>) -> Self {
        let mut drift = Self::default();
        let mut there: HashMap<String, (u64, String)> = listing
            .into_iter()
            .filter(|object| !object.path.starts_with(MANIFESTS))
            .map(|object| (object.path, (object.size, object.etag)))
            .collect();
        drift.objects = there.len() as u64;
        for entry in manifest.below(&place.folder) {
            let usual = || place.blob_path(entry.key).unwrap_or_default();
            let path = if entry.blob_path.is_empty() { usual() } else { entry.blob_path };
            match there.remove(path) {
                None => {
                    drift.missing += 1;
                    drift.note(path, |drift| &mut drift.missing_paths);
                }
                Some((size, etag)) => {
                    let other_etag = entry
                        .etag
                        .is_some_and(|sent| !etag.is_empty() && !sent.is_empty() && sent != etag);
                    if size != entry.size || other_etag {
                        drift.changed += 1;
                        drift.note(path, |drift| &mut drift.changed_paths);
                    }
                }
            }
        }
        let mut unknown: Vec<String> = there.into_keys().collect();
        unknown.sort_unstable();
        drift.unknown = unknown.len() as u64;
        for path in unknown {
            drift.note(&path, |drift| &mut drift.unknown_paths);
        }
        drift
    }

    fn note(&mut self, path: &str, list: impl FnOnce(&mut Self) -> &mut Vec<String>) {
        *self.partitions.entry(partition(path).to_owned()).or_default() += 1;
        let list = list(self);
        if list.len() < NAMED {
            list.push(path.to_owned());
        }
    }

    /// Tells whether the store has what the manifest says, and nothing else.
    pub fn is_none(&self) -> bool {
        self.missing == 0 && self.changed == 0 && self.unknown == 0
    }
}

impl Manifest {
    /// Makes the entries of a layer anew from what the store lists, where the manifest is damaged or
    /// the store lost what it says. What it knows of an object of the same size and version is kept,
    /// and an object that somebody else has replaced counts as not sent. Of the others only those count
    /// that are `here`, by the path of their file: nobody can tell whether the rest was ever sent from
    /// here, and a later sync might delete it. Paths that belong to no file are left out.
    pub fn rebuild(
        &mut self,
        place: &LayerPlace,
        listing: Vec<Listed>,
        here: impl Fn(&str) -> bool,
    ) {
        let mut known: HashMap<String, (String, Entry)> = HashMap::new();
        for entry in self.below(&place.folder) {
            let mut own = entry.to_entry();
            if own.blob_path.is_empty() {
                place.blob_path(entry.key).unwrap_or_default().clone_into(&mut own.blob_path);
            }
            known.insert(own.blob_path.clone(), (entry.key.to_owned(), own));
        }
        self.forget(&place.folder);
        for object in listing {
            let Ok(usual) = place.file(&object.path) else { continue };
            match known.remove(&object.path) {
                Some((key, entry)) => {
                    let same = entry.etag.as_ref().is_none_or(|etag| *etag == object.etag);
                    if same && entry.size == object.size {
                        self.set(&key, entry);
                    }
                }
                None if !here(&usual) => {}
                None => {
                    let entry = Entry {
                        blob_path: object.path,
                        size: object.size,
                        synced_at: object.modified,
                        etag: Some(object.etag).filter(|etag| !etag.is_empty()),
                        ..Entry::default()
                    };
                    self.set(&usual, entry);
                }
            }
        }
    }
}
