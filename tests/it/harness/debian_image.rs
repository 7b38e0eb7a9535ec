//! A small Debian with Python and `PostgreSQL` as the base of an image: the layer that `./dev setup`
//! keeps in the cache folder.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tidegate::model::Digest;

use super::environment::cache_folder;
use super::oci_registry::OciRegistry;

/// Where `PostgreSQL`'s programs are.
pub const POSTGRES: &str = "/usr/lib/postgresql/17/bin";

/// The layer, as a tar, and its digest.
pub struct Layer {
    tar: PathBuf,
    digest: Digest,
}

impl Layer {
    /// Finds it.
    pub fn debian() -> Self {
        let cache = cache_folder();
        let tar = cache.join("debian-base.tar");
        let digest = std::fs::read_to_string(cache.join("debian-base.tar.sha256"));
        let digest = digest.unwrap_or_else(|error| {
            panic!("the base of the test images is missing ({error}): run ./dev setup")
        });
        let digest = format!("sha256:{}", digest.trim()).parse().expect("a digest");
        Self { tar: tar.canonicalize().expect("the base of the test images"), digest }
    }

    /// Puts it into a registry, and returns its descriptor. A registry over HTTP would take seconds
    /// for what is a link on disk.
    pub fn put(&self, registry: &OciRegistry, repository: &str) -> Value {
        let hex = self.digest.as_str().strip_prefix("sha256:").expect("a SHA-256 digest");
        let folder = registry.repository_folder(repository);
        let root = registry.repository_folder("");
        let root = root.parent().expect("the root of the registry");
        let blob = root.join("blobs/sha256").join(&hex[..2]).join(hex);
        std::fs::create_dir_all(&blob).expect("a folder");
        link(&self.tar, &blob.join("data"));
        let layer = folder.join("_layers/sha256").join(hex);
        std::fs::create_dir_all(&layer).expect("a folder");
        std::fs::write(layer.join("link"), self.digest.as_str()).expect("a link");
        json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": self.digest,
            "size": self.tar.metadata().expect("the base of the test images").len(),
        })
    }
}

/// A second name on the same disk, else a copy.
fn link(from: &Path, to: &Path) {
    if to.exists() {
        return;
    }
    if std::fs::hard_link(from, to).is_err() {
        std::fs::copy(from, to).expect("a copy of the base of the test images");
    }
}
