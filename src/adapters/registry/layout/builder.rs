//! Makes a small image in an OCI image layout: what `demo` promotes.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Layout, write_file};
use crate::adapters::registry::RegistryError;
use crate::adapters::registry::manifest::{Manifest, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use crate::model::{CommitSha, Digest, Tag};

/// The media type of an uncompressed layer.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The image of one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformImage {
    /// The operating system: `linux`.
    pub os: String,
    /// The architecture: `amd64`.
    pub architecture: String,
    /// Uncompressed tar archives, the lowest first.
    pub layers: Vec<Vec<u8>>,
}

/// Makes an image with one index and a manifest for each platform. The same input gives the same
/// bytes, and so the same digest.
#[derive(Debug, Clone)]
pub struct Builder {
    revision: CommitSha,
    created: jiff::Timestamp,
    platforms: Vec<PlatformImage>,
}

impl Builder {
    /// Begins an image of a commit.
    pub fn new(revision: CommitSha, created: jiff::Timestamp) -> Self {
        Self { revision, created, platforms: Vec::new() }
    }

    /// Adds a platform.
    #[must_use]
    pub fn platform(mut self, os: &str, architecture: &str, layers: Vec<Vec<u8>>) -> Self {
        self.platforms.push(PlatformImage {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            layers,
        });
        self
    }

    /// Adds the two platforms of most published images, with the same layers.
    #[must_use]
    pub fn two_platforms(self, layers: &[Vec<u8>]) -> Self {
        self.platform("linux", "amd64", layers.to_vec()).platform("linux", "arm64", layers.to_vec())
    }

    /// Writes the image into the layout at `folder`, which is made where it does not exist, and
    /// puts the tags. Images that are already there stay.
    pub async fn write(self, folder: &Path, tags: &[Tag]) -> Result<Manifest, RegistryError> {
        let layout = Layout::new(folder.to_owned());
        let begin = |name: &str, document: &Value| {
            let path = folder.join(name);
            if path.exists() { Ok(()) } else { put(path, document.to_string().as_bytes()) }
        };
        begin("oci-layout", &json!({"imageLayoutVersion": "1.0.0"}))?;
        let empty = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []});
        begin("index.json", &empty)?;
        let mut manifests = Vec::new();
        for platform in &self.platforms {
            manifests.push(self.write_platform(&layout, platform)?);
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": manifests,
            "annotations": {"org.opencontainers.image.revision": self.revision.as_str()},
        });
        let bytes = index.to_string().into_bytes();
        let index = Manifest::from_received(OCI_INDEX, bytes)
            .map_err(|reason| RegistryError::Layout { path: folder.to_owned(), reason })?;
        blob(&layout, OCI_INDEX, &index.bytes)?;
        for tag in tags {
            layout.put_tag(tag, &index, super::super::LONGEST_PATIENCE).await?;
        }
        Ok(index)
    }

    fn write_platform(
        &self,
        layout: &Layout,
        platform: &PlatformImage,
    ) -> Result<Value, RegistryError> {
        let PlatformImage { os, architecture, layers } = platform;
        let mut descriptors = Vec::new();
        for layer in layers {
            descriptors.push(blob(layout, LAYER, layer)?);
        }
        let config = json!({
            "created": self.created.to_string(),
            "architecture": architecture,
            "os": os,
            "config": {"Labels": {"org.opencontainers.image.revision": self.revision.as_str()}},
            "rootfs": {
                "type": "layers",
                "diff_ids": layers.iter().map(|layer| Digest::of(layer)).collect::<Vec<_>>(),
            },
        });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": blob(layout, OCI_CONFIG, config.to_string().as_bytes())?,
            "layers": descriptors,
        });
        let mut descriptor = blob(layout, OCI_MANIFEST, manifest.to_string().as_bytes())?;
        if let Some(descriptor) = descriptor.as_object_mut() {
            let platform = json!({"architecture": architecture, "os": os});
            descriptor.insert("platform".to_owned(), platform);
        }
        Ok(descriptor)
    }
}

/// Writes a blob and returns its descriptor.
fn blob(layout: &Layout, media_type: &str, bytes: &[u8]) -> Result<Value, RegistryError> {
    let digest = Digest::of(bytes);
    let path = layout.blob_path(&digest);
    if !path.exists() {
        put(path, bytes)?;
    }
    Ok(json!({"mediaType": media_type, "digest": digest, "size": bytes.len()}))
}

fn put(path: PathBuf, bytes: &[u8]) -> Result<(), RegistryError> {
    write_file(&path, bytes)
        .map_err(|error| RegistryError::Layout { path, reason: error.to_string() })
}
