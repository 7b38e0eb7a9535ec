//! Points a tag at a digest.

use super::{Applier, ApplyError};
use crate::adapters::registry::Reference;
use crate::model::{Digest, ImageRef, Tag};

impl Applier<'_> {
    /// Returns whether anything was written. With `ask` the tag is read first; without, it is
    /// known to be old.
    pub(super) async fn move_tag(
        &mut self,
        image: &ImageRef,
        tag: &Tag,
        digest: &Digest,
        ask: bool,
    ) -> anyhow::Result<bool> {
        if ask {
            let there = self.registries.digest(image, &Reference::Tag(tag.clone())).await?;
            if there.as_ref() == Some(digest) {
                return Ok(false);
            }
        }
        match self.manifest(image, digest).await? {
            Some(manifest) => {
                self.registries.put_tag(image, tag, &manifest).await?;
                Ok(true)
            }
            None => Err(ApplyError::IncompleteImage {
                image: image.clone(),
                digest: digest.clone(),
                missing: vec!["its manifest".to_owned()],
            }
            .into()),
        }
    }
}
