//! What a pull of a layer has to do.

use std::collections::HashMap;

use super::place::{LayerPlace, check};
use super::{Listed, Problem};
use crate::data::manifest::{Entry, Manifest};

/// A file that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Its path from the root of the repository.
    pub path: String,
    /// The object.
    pub object: Listed,
    /// What the manifest knows of that object.
    pub known: Option<Entry>,
}

/// What a pull of a layer has to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchPlan {
    /// What is fetched.
    pub fetch: Vec<Fetch>,
    /// What that has, in bytes.
    pub bytes: u64,
    /// How many files are here already.
    pub skipped: u64,
    /// What cannot be fetched, or would replace what nobody else has.
    pub problems: Vec<Problem>,
}

impl FetchPlan {
    /// Adds a file.
    pub fn add(&mut self, fetch: Fetch) {
        self.bytes = self.bytes.saturating_add(fetch.object.size);
        self.fetch.push(fetch);
    }
}

impl Manifest {
    /// Returns the files of a layer that are not in their usual place in the container, by where they
    /// are.
    pub fn files_elsewhere(&self, place: &LayerPlace) -> HashMap<String, String> {
        let odd = self.below(&place.folder).filter(|entry| {
            let usual = place.blob_path(entry.key);
            usual.is_ok_and(|usual| !entry.blob_path.is_empty() && entry.blob_path != usual)
                && check(entry.blob_path).is_ok()
        });
        odd.map(|entry| (entry.blob_path.to_owned(), entry.key.to_owned())).collect()
    }
}
