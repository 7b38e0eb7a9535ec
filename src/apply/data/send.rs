//! Sends one file of a layer.

use std::path::Path;

use super::queue::Fault;
use crate::adapters::store::Container;
use crate::data::manifest::{Entry, digest};
use crate::data::sync::{LocalFile, Upload};
use crate::observe::data::content::{Content, ContentError};

/// Sends one file, and returns what the manifest notes of it. `sent` is told of each further number of
/// bytes.
pub async fn send(
    container: &Container,
    root: &Path,
    upload: &Upload,
    now: i64,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<Entry, Fault> {
    let file = LocalFile { path: upload.path.clone(), size: upload.size, mtime: upload.mtime };
    let (root, path) = (root.to_owned(), root.join(&upload.path));
    let content = blocking(move || Content::open(&root, &file)).await?;
    let object = container.upload(&upload.blob_path, &path, sent).await?;
    if object.size != upload.size {
        return Err(ContentError::Changed.into());
    }
    let known =
        object.sha256.as_ref().and_then(|known| digest(known.as_str().strip_prefix("sha256:")?));
    let (sha256, mtime) = blocking(move || {
        // What was sent is what is here still, so its digest can be taken now.
        let sha256 = match known {
            Some(sha256) => sha256,
            None => content.digest()?,
        };
        content.check()?;
        Ok((sha256, content.lasting_mtime()))
    })
    .await?;
    Ok(Entry {
        blob_path: upload.blob_path.clone(),
        size: upload.size,
        synced_at: now,
        sha256: Some(sha256),
        etag: Some(object.etag).filter(|etag| !etag.is_empty()),
        mtime,
        other: None,
    })
}

impl From<ContentError> for Fault {
    fn from(error: ContentError) -> Self {
        Self::File(error.to_string())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ContentError> + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(Fault::File(error.to_string())),
    }
}
