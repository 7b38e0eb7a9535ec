//! Manifests and indexes: bytes that are never written anew.

use std::fmt;

use serde::Deserialize;

use crate::model::{Digest, Tag};

/// The largest manifest that is read: the limit that the OCI distribution specification asks
/// registries to support ("Pushing Manifests"), 4 MiB.
pub const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;

/// The media type of an OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of an OCI manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of a Docker manifest.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of an OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// All four manifest types.
pub(super) const ACCEPTED: [&str; 4] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];

/// The same as the value of an `Accept` header: a GET without them answers 404 for an index.
pub(super) const ACCEPTED_LINE: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// What names a manifest in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A name that can move.
    Tag(Tag),
    /// The content itself.
    Digest(Digest),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

/// A manifest or an index, exactly as it was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// One of the four media types.
    pub media_type: String,
    /// The bytes as received. They are never serialised again: that would change the digest.
    pub bytes: Vec<u8>,
    /// The digest of `bytes`.
    pub digest: Digest,
}

impl Manifest {
    /// Whether this lists manifests for platforms.
    pub fn is_index(&self) -> bool {
        is_index(&self.media_type)
    }

    /// Checks received bytes and their media type, and computes the digest from the bytes.
    pub(super) fn from_received(media_type: &str, bytes: Vec<u8>) -> Result<Self, String> {
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !ACCEPTED.contains(&media_type) {
            return Err(format!(
                "expected an OCI or Docker manifest or index, but the media type is {media_type:?}"
            ));
        }
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|error| format!("the manifest is not valid JSON ({error})"))?;
        // A text that is an index to one reader and a manifest to another has no one meaning
        // (OCI image specification, "mediaType" must agree with the content).
        let one_kind = if is_index(media_type) {
            document.manifests.is_some() && document.config.is_none() && document.layers.is_none()
        } else {
            document.manifests.is_none() && document.config.is_some()
        };
        if !one_kind || document.media_type.as_deref().is_some_and(|inner| inner != media_type) {
            return Err(format!("the content of the manifest does not agree with {media_type}"));
        }
        Ok(Self { media_type: media_type.to_owned(), digest: Digest::of(&bytes), bytes })
    }

    pub(super) fn document(&self) -> Result<Document, String> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| format!("the manifest is not valid JSON ({error})"))
    }
}

pub(super) fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// The parts of a manifest or index that tidegate looks at.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document {
    pub media_type: Option<String>,
    pub manifests: Option<Vec<Descriptor>>,
    pub config: Option<Descriptor>,
    pub layers: Option<Vec<serde::de::IgnoredAny>>,
}

/// A descriptor (OCI image specification, descriptor.md).
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub media_type: String,
    pub digest: Digest,
    pub size: u64,
    pub platform: Option<Platform>,
}

/// The platform that an image is made for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct Platform {
    /// `linux`, `windows`; `unknown` for attestations.
    pub os: String,
    /// `amd64`, `arm64`; `unknown` for attestations.
    pub architecture: String,
    /// The variant of the architecture, such as `v7`.
    pub variant: Option<String>,
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        Ok(())
    }
}

impl Platform {
    /// Whether this marks an attestation: build tools store provenance and SBOM documents in the
    /// index under the platform `unknown/unknown`.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" && self.architecture == "unknown"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_manifests_are_refused() {
        let both = br#"{"manifests":[],"config":{"mediaType":"x","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0}}"#;
        let other = format!(r#"{{"mediaType":"{DOCKER_LIST}","manifests":[]}}"#);
        for (media_type, bytes) in [
            (OCI_INDEX, &both[..]),
            (OCI_MANIFEST, &both[..]),
            (OCI_INDEX, other.as_bytes()),
            (OCI_MANIFEST, br#"{"manifests":[]}"#),
            (OCI_INDEX, b"{}"),
            (OCI_INDEX, b"<html>"),
            ("text/html", br#"{"manifests":[]}"#),
        ] {
            assert!(Manifest::from_received(media_type, bytes.to_vec()).is_err(), "{media_type}");
        }
    }

    #[test]
    fn every_type_is_asked_for() {
        assert_eq!(ACCEPTED_LINE, ACCEPTED.join(", "));
    }

    #[test]
    fn parameters_of_the_media_type_are_ignored() {
        let received = Manifest::from_received(
            &format!("{OCI_INDEX}; charset=utf-8"),
            br#"{"manifests":[]}"#.to_vec(),
        );
        assert_eq!(received.map(|manifest| manifest.media_type).as_deref(), Ok(OCI_INDEX));
    }
}
