//! Keeps a digest reachable by a tag that nobody follows.

use super::{Applier, ApplyError};
use crate::adapters::registry::Reference;
use crate::model::{Digest, ImageRef, Tag};

impl Applier<'_> {
    pub(super) async fn keep_digest(
        &mut self,
        image: &ImageRef,
        digest: &Digest,
        tag: &Tag,
    ) -> anyhow::Result<()> {
        // A digest whose manifest was not read in this run is an old one, and was kept before.
        let read = self.images.manifest(image, digest).is_some();
        if !read {
            let there = self.registries.digest(image, &Reference::Tag(tag.clone())).await?;
            if there.as_ref() == Some(digest) {
                return Ok(());
            }
        }
        match self.manifest(image, digest).await? {
            Some(manifest) => Ok(self.registries.put_tag(image, tag, &manifest).await?),
            None => Err(ApplyError::IncompleteImage {
                image: image.clone(),
                digest: digest.clone(),
                missing: vec!["its manifest".to_owned()],
            }
            .into()),
        }
    }
}
