//! Asks the registries what the tags of stable point at, without patience: nobody waits for a
//! registry to be told what git knows.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::agreement::TagSeen;
use super::look::said;
use crate::adapters::registry::{Reference, Registries, RegistryError};
use crate::commands::session::{Session, block_on};
use crate::http;
use crate::model::{Digest, ImageRef, Tag};

/// How long a connection, and how long an answer may take.
const CONNECT: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(3);

/// How long all registries together may take.
const ALTOGETHER: Duration = Duration::from_secs(6);

/// What the tags of one image point at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LiveImage {
    /// The image.
    pub(super) image: ImageRef,
    /// Its tags.
    pub(super) tags: Vec<LiveTag>,
    /// When the image that `stable` points at was built, where its configuration says so.
    pub(super) built: Option<Timestamp>,
}

/// What one tag points at.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LiveTag {
    /// The tag.
    pub(super) tag: Tag,
    /// Its digest; `None` where there is no such tag, or it could not be asked.
    pub(super) digest: Option<Digest>,
    #[serde(skip)]
    pub(super) seen: TagSeen,
}

/// Asks for every tag of every image.
pub(super) fn look(
    session: &Session,
    images: &[ImageRef],
    offline: bool,
    warnings: &mut Vec<String>,
) -> anyhow::Result<Vec<LiveImage>> {
    let tags = session.config.tags.stable_tags()?;
    let not_asked = |image: &ImageRef, why: &str| LiveImage {
        image: image.clone(),
        tags: tags
            .iter()
            .map(|tag| LiveTag {
                tag: tag.clone(),
                digest: None,
                seen: TagSeen::Unknown(why.to_owned()),
            })
            .collect(),
        built: None,
    };
    // A layout on disk needs no network.
    let local = |image: &&ImageRef| !offline || matches!(image, ImageRef::Layout(_));
    if images.iter().filter(local).count() == 0 {
        return Ok(images.iter().map(|image| not_asked(image, "not asked: offline")).collect());
    }
    let retry = http::RetryPolicy { attempts: 1, total: ANSWER, ..http::RetryPolicy::default() };
    let options = http::Options { retry, connect_timeout: CONNECT, attempt_timeout: ANSWER };
    let registries = session.registries_with(options)?;
    block_on(async {
        let deadline = tokio::time::Instant::now() + ALTOGETHER;
        let mut silent = BTreeSet::new();
        let mut found = Vec::new();
        for image in images {
            if !local(&image) {
                found.push(not_asked(image, "not asked: offline"));
                continue;
            }
            if silent.contains(&host(image)) {
                found.push(not_asked(image, "its registry did not answer"));
                continue;
            }
            let asked = tokio::time::timeout_at(deadline, ask(&registries, image, &tags)).await;
            let why = match asked {
                Ok(Ok(live)) => {
                    found.push(live);
                    continue;
                }
                Ok(Err(error)) => said(error),
                Err(_) => format!("{image}: the registry did not answer in time"),
            };
            silent.insert(host(image));
            warnings.push(why);
            found.push(not_asked(image, "its registry did not answer"));
        }
        Ok(found)
    })
}

fn host(image: &ImageRef) -> String {
    match image {
        ImageRef::Registry { host, .. } => host.clone(),
        ImageRef::Layout(path) => path.display().to_string(),
    }
}

async fn ask(
    registries: &Registries,
    image: &ImageRef,
    tags: &[Tag],
) -> Result<LiveImage, RegistryError> {
    let mut live = LiveImage { image: image.clone(), tags: Vec::new(), built: None };
    for tag in tags {
        let digest = registries.digest(image, &Reference::Tag(tag.clone())).await?;
        let seen = digest.clone().map_or(TagSeen::Missing, TagSeen::At);
        live.tags.push(LiveTag { tag: tag.clone(), digest, seen });
    }
    let stable = live.tags.first().and_then(|tag| tag.digest.clone());
    if let Some(digest) = stable {
        live.built = built(registries, image, digest).await;
    }
    Ok(live)
}

/// Reads when an image was built. That is worth knowing, and not worth a warning.
async fn built(registries: &Registries, image: &ImageRef, digest: Digest) -> Option<Timestamp> {
    let manifest = registries.manifest(image, &Reference::Digest(digest)).await.ok()??;
    registries.inspect(image, &manifest).await.ok()?.created
}
