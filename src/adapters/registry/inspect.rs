//! What an index consists of, and whether all of it is there.
//!
//! For each child manifest at most two requests: the manifest itself and, for a platform, its
//! image configuration. Layers are not looked at: registries refuse manifests whose layers they
//! do not have.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::Registries;
use super::error::{Place, RegistryError};
use super::manifest::{
    DOCKER_CONFIG, Descriptor, LARGEST_MANIFEST, Manifest, OCI_CONFIG, Platform, Reference,
    is_index,
};
use crate::model::{Digest, ImageRef};

/// The label that names the commit an image was built from (OCI image specification,
/// annotations.md).
const REVISION: &str = "org.opencontainers.image.revision";

/// The largest number of child manifests: more are not a release, but an attempt to make one
/// hang.
const MOST_CHILDREN: usize = 256;

/// One manifest of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The platform, as the index says or, for a manifest without an index, its configuration.
    pub platform: Option<Platform>,
    /// The label `org.opencontainers.image.revision`, where there is one.
    pub revision: Option<String>,
    /// When it was built, where the configuration says so.
    pub created: Option<jiff::Timestamp>,
}

/// What a manifest or an index consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// All images that are there, attestations included; for a manifest without an index, itself.
    pub children: Vec<Child>,
    /// What should be there and is not: child manifests and image configurations.
    pub missing: Vec<Digest>,
    /// The revisions that the labels name: empty without labels, more than one where they
    /// disagree.
    pub revisions: BTreeSet<String>,
    /// When the newest image was built.
    pub created: Option<jiff::Timestamp>,
}

impl Inspection {
    /// The platforms, attestations left out.
    pub fn platforms(&self) -> impl Iterator<Item = &Platform> {
        self.children.iter().filter_map(|child| child.platform.as_ref()).filter(|p| !p.is_unknown())
    }
}

/// The parts of an image configuration (OCI image specification, config.md) that are looked at.
#[derive(Deserialize)]
struct ImageConfig {
    created: Option<String>,
    #[serde(flatten)]
    platform: Platform,
    config: Option<RunConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RunConfig {
    labels: Option<BTreeMap<String, String>>,
}

impl Registries {
    /// Checks that every child of an index exists, and reads platforms, revision labels and times
    /// of building from the image configurations.
    pub async fn inspect(
        &self,
        image: &ImageRef,
        manifest: &Manifest,
    ) -> Result<Inspection, RegistryError> {
        let mut inspection = Inspection::default();
        if !manifest.is_index() {
            self.inspect_one(image, manifest, None, &mut inspection).await?;
            return Ok(inspection);
        }
        let mut descriptors = children(image, manifest)?;
        let mut seen = BTreeSet::new();
        while let Some(descriptor) = descriptors.pop() {
            if !seen.insert(descriptor.digest.clone()) {
                continue;
            }
            let Some(child) = self.child(image, &descriptor, &mut inspection).await? else {
                continue;
            };
            if child.is_index() {
                descriptors.extend(children(image, &child)?);
                if descriptors.len() + seen.len() > MOST_CHILDREN {
                    return Err(too_many(image, &child));
                }
            } else {
                self.inspect_one(image, &child, descriptor.platform, &mut inspection).await?;
            }
        }
        Ok(inspection)
    }

    /// Reads a child, or notes that it is missing. An attestation only has to exist.
    async fn child(
        &self,
        image: &ImageRef,
        descriptor: &Descriptor,
        inspection: &mut Inspection,
    ) -> Result<Option<Manifest>, RegistryError> {
        let reference = Reference::Digest(descriptor.digest.clone());
        let attests = descriptor.platform.as_ref().is_some_and(Platform::is_unknown);
        if attests && !is_index(&descriptor.media_type) {
            if self.digest(image, &reference).await?.is_some() {
                inspection.children.push(Child {
                    digest: descriptor.digest.clone(),
                    media_type: descriptor.media_type.clone(),
                    platform: descriptor.platform.clone(),
                    revision: None,
                    created: None,
                });
            } else {
                inspection.missing.push(descriptor.digest.clone());
            }
            return Ok(None);
        }
        let Some(child) = self.manifest(image, &reference).await? else {
            inspection.missing.push(descriptor.digest.clone());
            return Ok(None);
        };
        if child.bytes.len() as u64 != descriptor.size || child.media_type != descriptor.media_type
        {
            return Err(invalid(
                image,
                &child.digest,
                "its size or media type is not what the index says, so clients refuse it; build it again".to_owned(),
            ));
        }
        Ok(Some(child))
    }

    async fn inspect_one(
        &self,
        image: &ImageRef,
        manifest: &Manifest,
        platform: Option<Platform>,
        inspection: &mut Inspection,
    ) -> Result<(), RegistryError> {
        let document =
            manifest.document().map_err(|reason| invalid(image, &manifest.digest, reason))?;
        let mut child = Child {
            digest: manifest.digest.clone(),
            media_type: manifest.media_type.clone(),
            platform,
            revision: None,
            created: None,
        };
        if let Some(config) = document.config
            && matches!(config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG)
        {
            if config.size > LARGEST_MANIFEST as u64 {
                let reason = format!("its image configuration has {} bytes", config.size);
                return Err(invalid(image, &manifest.digest, reason));
            }
            match self.blob(image, &config.digest).await? {
                None => inspection.missing.push(config.digest),
                Some(bytes) => {
                    let config: ImageConfig = serde_json::from_slice(&bytes).map_err(|error| {
                        let reason = format!("its image configuration is not valid ({error})");
                        invalid(image, &manifest.digest, self.shown(&reason))
                    })?;
                    child.created = config.created.and_then(|text| text.parse().ok());
                    child.revision = config
                        .config
                        .and_then(|config| config.labels)
                        .and_then(|mut labels| labels.remove(REVISION));
                    child.platform.get_or_insert(config.platform);
                }
            }
        }
        inspection.revisions.extend(child.revision.clone());
        inspection.created = inspection.created.max(child.created);
        inspection.children.push(child);
        Ok(())
    }
}

/// The descriptors of an index, last first.
fn children(image: &ImageRef, index: &Manifest) -> Result<Vec<Descriptor>, RegistryError> {
    let document = index.document().map_err(|reason| invalid(image, &index.digest, reason))?;
    let mut descriptors = document.manifests.unwrap_or_default();
    if descriptors.len() > MOST_CHILDREN {
        return Err(too_many(image, index));
    }
    descriptors.reverse();
    Ok(descriptors)
}

fn too_many(image: &ImageRef, index: &Manifest) -> RegistryError {
    let reason = format!("it lists more than {MOST_CHILDREN} manifests");
    invalid(image, &index.digest, reason)
}

fn invalid(image: &ImageRef, digest: &Digest, reason: String) -> RegistryError {
    RegistryError::Invalid {
        place: Place::new("inspect", image.to_string(), digest.as_str(), ""),
        reason,
    }
}
