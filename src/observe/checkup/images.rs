//! The registries: whether they answer, and whether the images of the newest records are whole.

use std::collections::BTreeMap;

use tokio::time::{Instant, timeout_at};

use crate::adapters::registry::{Reference, Registries, RegistryError};
use crate::doctor::{ImagesSeen, RegistryAnswer, ReleasedSeen};
use crate::model::{Digest, ImageRef, Tag};
use crate::state::State;

/// The images of so many of the newest records are looked at.
const RECORDS: usize = 3;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct ImagesQuery<'a> {
    /// The release set.
    pub images: &'a [ImageRef],
    /// The tag of stable.
    pub stable: &'a Tag,
    /// What the state branch holds.
    pub state: &'a State,
    /// Whether registries may be asked; layouts on disk always are.
    pub offline: bool,
    /// When all of it ends.
    pub deadline: Instant,
}

/// Asks. A registry that has not answered once is not asked again.
pub async fn look(registries: &Registries, query: &ImagesQuery<'_>) -> ImagesSeen {
    let mut silent = BTreeMap::new();
    let mut seen = ImagesSeen { known: true, ..ImagesSeen::default() };
    for image in query.images {
        let asked = async {
            registries.digest(image, &Reference::Tag(query.stable.clone())).await?;
            Ok(RegistryAnswer::Well)
        };
        let answer = ask(image, query, &mut silent, asked).await;
        let reads = answer == RegistryAnswer::Well;
        seen.current.push((image.clone(), answer));
        if reads && !query.offline {
            let asked = async {
                registries.may_push(image).await?;
                Ok(RegistryAnswer::Well)
            };
            // What cannot be pushed may well be read.
            let mut own = silent.clone();
            let answer = match ask(image, query, &mut own, asked).await {
                RegistryAnswer::Denied(why) => RegistryAnswer::ReadOnly(why),
                other => other,
            };
            seen.push.push((image.clone(), answer));
        }
    }
    let mut released: Vec<(u64, &ImageRef, &Digest)> = Vec::new();
    for record in query.state.records.values().rev().take(RECORDS) {
        for own in &record.images {
            let known = |(_, image, digest): &(u64, &ImageRef, &Digest)| {
                **image == own.image && **digest == own.digest
            };
            if !released.iter().any(known) {
                released.push((record.number, &own.image, &own.digest));
            }
        }
    }
    for (release, image, digest) in released {
        let answer = ask(image, query, &mut silent, whole(registries, image, digest)).await;
        let (image, digest) = (image.clone(), digest.clone());
        seen.released.push(ReleasedSeen { release, image, digest, answer });
    }
    seen
}

/// Looks for every manifest and configuration of an image.
async fn whole(
    registries: &Registries,
    image: &ImageRef,
    digest: &Digest,
) -> Result<RegistryAnswer, RegistryError> {
    let Some(manifest) = registries.manifest(image, &Reference::Digest(digest.clone())).await?
    else {
        return Ok(RegistryAnswer::Missing(vec!["its manifest".to_owned()]));
    };
    let missing = registries.inspect(image, &manifest).await?.missing;
    if missing.is_empty() {
        return Ok(RegistryAnswer::Well);
    }
    Ok(RegistryAnswer::Missing(missing.iter().map(|part| part.short().to_owned()).collect()))
}

async fn ask(
    image: &ImageRef,
    query: &ImagesQuery<'_>,
    silent: &mut BTreeMap<String, &'static str>,
    asked: impl Future<Output = Result<RegistryAnswer, RegistryError>>,
) -> RegistryAnswer {
    let host = match image {
        ImageRef::Registry { host, .. } => Some(host),
        ImageRef::Layout(_) => None,
    };
    if let Some(host) = host {
        if query.offline {
            return RegistryAnswer::NotAsked("not asked: --offline".to_owned());
        }
        if let Some(why) = silent.get(host) {
            return RegistryAnswer::NotAsked((*why).to_owned());
        }
    }
    let answer = match timeout_at(query.deadline, asked).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => refused(&error),
        Err(_) => RegistryAnswer::Unreachable("the registry did not answer in time".to_owned()),
    };
    let why = match &answer {
        RegistryAnswer::Unreachable(_) => Some("its registry did not answer"),
        RegistryAnswer::Denied(_) => Some("its registry does not take the login"),
        RegistryAnswer::Well
        | RegistryAnswer::Missing(_)
        | RegistryAnswer::NotAsked(_)
        | RegistryAnswer::ReadOnly(_)
        | RegistryAnswer::Broken(_) => None,
    };
    if let (Some(host), Some(why)) = (host, why) {
        silent.insert(host.clone(), why);
    }
    answer
}

fn refused(error: &RegistryError) -> RegistryAnswer {
    let said = error.to_string();
    if error.is_transient() {
        return RegistryAnswer::Unreachable(said);
    }
    match error {
        RegistryError::Unauthorized { .. }
        | RegistryError::Forbidden { .. }
        | RegistryError::NotFound { .. }
        | RegistryError::Challenge { .. }
        | RegistryError::Credentials { .. } => RegistryAnswer::Denied(said),
        RegistryError::Status { .. }
        | RegistryError::Transport { .. }
        | RegistryError::DigestMismatch { .. }
        | RegistryError::ReadBack { .. }
        | RegistryError::Absent { .. }
        | RegistryError::ForeignRealm { .. }
        | RegistryError::Invalid { .. }
        | RegistryError::Layout { .. } => RegistryAnswer::Broken(said),
    }
}
