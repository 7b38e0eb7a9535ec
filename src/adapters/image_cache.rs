//! What was read of images in this run.

use std::collections::{BTreeMap, BTreeSet};

use super::registry::Manifest;
use crate::model::{Digest, ImageRef};

/// Manifests that were read, and images that were found complete. Content never changes under a
/// digest, so what was read once need not be read again in the same run.
#[derive(Debug, Default)]
pub struct ImageCache {
    manifests: BTreeMap<(ImageRef, Digest), Manifest>,
    complete: BTreeSet<(ImageRef, Digest)>,
}

impl ImageCache {
    /// Notes a manifest.
    pub fn add(&mut self, image: &ImageRef, manifest: Manifest) {
        self.manifests.insert((image.clone(), manifest.digest.clone()), manifest);
    }

    /// Notes that every child of an image is there.
    pub fn add_complete(&mut self, image: &ImageRef, digest: &Digest) {
        self.complete.insert((image.clone(), digest.clone()));
    }

    /// Returns a manifest that was read.
    pub fn manifest(&self, image: &ImageRef, digest: &Digest) -> Option<&Manifest> {
        self.manifests.get(&(image.clone(), digest.clone()))
    }

    /// Tells whether every child of an image was found.
    pub fn is_complete(&self, image: &ImageRef, digest: &Digest) -> bool {
        self.complete.contains(&(image.clone(), digest.clone()))
    }
}
