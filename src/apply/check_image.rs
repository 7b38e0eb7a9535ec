//! Checks that a digest and every platform manifest below it can still be had.

use super::{Applier, ApplyError};
use crate::model::{Digest, ImageRef};

impl Applier<'_> {
    pub(super) async fn check_image(
        &mut self,
        image: &ImageRef,
        digest: &Digest,
    ) -> anyhow::Result<()> {
        if self.images.is_complete(image, digest) {
            return Ok(());
        }
        let incomplete = |missing: Vec<String>| ApplyError::IncompleteImage {
            image: image.clone(),
            digest: digest.clone(),
            missing,
        };
        let Some(manifest) = self.manifest(image, digest).await? else {
            return Err(incomplete(vec!["its manifest".to_owned()]).into());
        };
        let inspection = self.registries.inspect(image, &manifest).await?;
        if !inspection.missing.is_empty() {
            let missing = inspection.missing.iter().map(ToString::to_string).collect();
            return Err(incomplete(missing).into());
        }
        self.images.add_complete(image, digest);
        Ok(())
    }
}
