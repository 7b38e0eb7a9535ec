//! Uploads a version, which nobody sees before a pointer names it.

use std::path::Path;

use anyhow::Context as _;

use crate::adapters::store::{Container, Expect, Written};
use crate::data::PublishedVersion;
use crate::observe;

/// Uploads `file` as `version`, and its description after it. Returns whether the file was uploaded:
/// what is there already, in its size, is not sent again. `sent` is told of each further number of
/// bytes.
///
/// # Errors
/// Those of the store; and where a description is there that cannot be read.
pub async fn upload_version(
    container: &Container,
    file: &Path,
    version: &PublishedVersion,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> anyhow::Result<bool> {
    upload(container, file, version, sent, false).await
}

/// The same, and sends the file also where it is there already: what is there may be damaged.
///
/// # Errors
/// As for [`upload_version`].
pub async fn replace_version(
    container: &Container,
    file: &Path,
    version: &PublishedVersion,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> anyhow::Result<()> {
    upload(container, file, version, sent, true).await.map(|_| ())
}

async fn upload(
    container: &Container,
    file: &Path,
    version: &PublishedVersion,
    sent: &(dyn Fn(u64) + Send + Sync),
    anew: bool,
) -> anyhow::Result<bool> {
    version.check()?;
    container.create_if_missing().await?;
    // Its path is its digest: what is there in another size is the rest of something that went
    // wrong, and the right content never harms.
    let there = container.head(&version.path).await?;
    let missing = anew || there.is_none_or(|object| object.size != version.size);
    if missing {
        let object = container.upload(&version.path, file, sent).await?;
        if object.size != version.size {
            super::check_version(container, version).await?;
        }
    }
    describe(container, version).await?;
    Ok(missing)
}

/// Writes the description. One that is there stays: it says when the version was first published.
async fn describe(container: &Container, version: &PublishedVersion) -> anyhow::Result<()> {
    let path = version.description();
    match container.write(&path, version.text()?.into(), Expect::Missing).await? {
        Written::Done(_) => Ok(()),
        Written::Moved => {
            let found = observe::data::version(container, &version.version).await?;
            found.map(|_| ()).with_context(|| {
                format!("{}/{path} was deleted while the version was published", container.place())
            })
        }
    }
}
