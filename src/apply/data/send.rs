//! Sends one file of a layer.

use std::path::Path;
use std::sync::Arc;

use super::queue::Fault;
use crate::adapters::store::{Container, Expect, Written};
use crate::data::manifest::Entry;
use crate::data::sync::{LocalFile, Upload};
use crate::observe::data::content::{Content, ContentError};

/// Up to this size, in bytes, a file is sent in one piece out of memory, so that what is sent is what
/// was hashed. A larger one is read twice, and checked after.
const SMALL: u64 = 4 << 20;

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
    let (root, small) = (root.to_owned(), upload.size <= SMALL);
    let path = root.join(&upload.path);
    let (content, bytes, sha256) = blocking(move || {
        let content = Content::open(&root, &file)?;
        if small {
            let (bytes, digest) = content.read()?;
            return Ok((Arc::new(content), Some(bytes), digest));
        }
        let digest = content.digest()?;
        Ok((Arc::new(content), None, digest))
    })
    .await?;
    let etag = match bytes {
        Some(bytes) => {
            match container.write(&upload.blob_path, bytes.into(), Expect::Anything).await? {
                Written::Done(etag) => {
                    sent(upload.size);
                    etag
                }
                Written::Moved => {
                    return Err(Fault::File("the store says it was replaced meanwhile".to_owned()));
                }
            }
        }
        None => {
            let object = container.upload(&upload.blob_path, &path, sent).await?;
            if object.size != upload.size {
                return Err(ContentError::Changed.into());
            }
            object.etag
        }
    };
    let mtime = blocking(move || {
        content.check()?;
        Ok(content.lasting_mtime())
    })
    .await?;
    Ok(Entry {
        blob_path: upload.blob_path.clone(),
        size: upload.size,
        synced_at: now,
        sha256: Some(sha256),
        etag: Some(etag).filter(|etag| !etag.is_empty()),
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
