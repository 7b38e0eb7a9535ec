//! What a promotion needs to know.

use std::collections::BTreeMap;

use crate::adapters::git::Git;
use crate::adapters::image_cache::ImageCache;
use crate::adapters::registry::{Reference, Registries};
use crate::config::{Config, MarkerAction};
use crate::evidence::markers::MarkerEvidence;
use crate::evidence::{Descent, ImageEvidence, ReleaseEvidence};
use crate::model::{CommitSha, Digest, ImageRef, Tag, TreeSha};
use crate::observe::{markers, rollback_limit};
use crate::state::State;

/// Texts larger than this are not looked at for conflict markers.
const MAX_TEXT: usize = 4 << 20;

/// The inputs of [`observe`].
#[derive(Debug, Clone, Copy)]
pub struct ReleaseQuery<'a> {
    /// The commit that was tested.
    pub tested: &'a CommitSha,
    /// Its tree.
    pub tree: &'a TreeSha,
    /// The observed head.
    pub head: &'a CommitSha,
    /// The release set, with the digests that the build job or a person named.
    pub images: &'a [(ImageRef, Option<Digest>)],
    /// What the state branch holds.
    pub state: &'a State,
}

/// Looks at the candidate.
pub async fn observe(
    git: &Git,
    registries: &Registries,
    config: &Config,
    query: &ReleaseQuery<'_>,
    cache: &mut ImageCache,
) -> anyhow::Result<ReleaseEvidence> {
    let stable: Tag = config.tags.stable.parse()?;
    let mut images = Vec::new();
    for (image, digest) in query.images {
        let live = live_digest(query.state, image);
        let known = Known { live, stable: &stable };
        images.push(image_evidence(registries, image, digest.as_ref(), known, cache).await);
    }
    Ok(ReleaseEvidence {
        images,
        descent: descent(git, query)?,
        on_branch: git.is_ancestor(query.tested, query.head)?,
        markers: conflict_markers(git, config, query.state, query.tree)?,
        declared_limit: rollback_limit::declared(git, config, query.tested)?,
    })
}

/// What is live of an image before anything is asked.
struct Known<'a> {
    /// What the newest record says.
    live: Option<&'a Digest>,
    /// The tag to ask where no record says anything.
    stable: &'a Tag,
}

/// Returns what the newest record says that users get of an image. Its tags were completed before
/// anything was decided, so the registry need not be asked again.
fn live_digest<'a>(state: &'a State, image: &ImageRef) -> Option<&'a Digest> {
    let released = state.newest()?.images.iter().find(|released| released.image == *image)?;
    Some(&released.digest)
}

async fn image_evidence(
    registries: &Registries,
    image: &ImageRef,
    digest: Option<&Digest>,
    known: Known<'_>,
    cache: &mut ImageCache,
) -> ImageEvidence {
    let mut evidence = ImageEvidence {
        image: image.clone(),
        digest: digest.cloned(),
        exists: false,
        missing_children: Vec::new(),
        revisions: std::collections::BTreeSet::new(),
        stable: None,
        problem: None,
    };
    let Some(digest) = digest else { return evidence };
    let asked = async {
        let manifest = registries.wait_for(image, digest).await?;
        evidence.exists = true;
        let inspection = registries.inspect(image, &manifest).await?;
        cache.add(image, manifest);
        if inspection.missing.is_empty() {
            cache.add_complete(image, digest);
        }
        evidence.missing_children = inspection.missing;
        evidence.revisions = inspection.revisions;
        evidence.stable = match known.live {
            Some(live) => Some(live.clone()),
            None => registries.digest(image, &Reference::Tag(known.stable.clone())).await?,
        };
        Ok::<(), crate::adapters::registry::RegistryError>(())
    };
    let result = asked.await;
    if let Err(error) = result {
        evidence.problem = Some(error.to_string());
    }
    evidence
}

fn descent(git: &Git, query: &ReleaseQuery<'_>) -> anyhow::Result<Descent> {
    let promoted: Vec<&CommitSha> = query
        .state
        .index
        .iter()
        .filter(|entry| entry.kind.is_promotion())
        .map(|entry| &entry.commit)
        .collect();
    if promoted.is_empty() {
        return Ok(Descent::First);
    }
    if promoted.contains(&query.tested) {
        return Ok(Descent::Same);
    }
    // A person may have put an older commit over a newer one: the newest one ever counts.
    if git.contains_all(query.tested, &promoted)? {
        return Ok(Descent::Newer);
    }
    for commit in promoted.into_iter().rev() {
        if git.has_commit(commit) && git.is_ancestor(query.tested, commit)? {
            return Ok(Descent::Older);
        }
    }
    Ok(Descent::Unrelated)
}

/// Reads the candidate's texts, which are those of `tree`. A file that the last release has with the same content cannot
/// hold new markers.
pub fn conflict_markers(
    git: &Git,
    config: &Config,
    state: &State,
    tree: &TreeSha,
) -> anyhow::Result<MarkerEvidence> {
    match config.preflight.conflict_markers {
        MarkerAction::Hold | MarkerAction::Warn => {}
        MarkerAction::Off => return Ok(MarkerEvidence::default()),
    }
    let ignored = markers::ignored(&config.preflight.ignore)?;
    let good: BTreeMap<Vec<u8>, crate::adapters::git::TreeFile> = match state.newest() {
        Some(record) if git.has_commit(&record.commit) => {
            git.files(&record.tree)?.into_iter().map(|file| (file.path.clone(), file)).collect()
        }
        Some(_) | None => BTreeMap::new(),
    };
    let files = git.files(tree)?;
    let mut unreadable = None;
    let texts = files.iter().filter_map(|file| match git.small_blob(file, MAX_TEXT) {
        Ok(text) => Some((file.path.as_slice(), text?)),
        Err(error) => {
            unreadable.get_or_insert(error);
            None
        }
    });
    // Where the older text cannot be read, its markers count as new: that holds, and never promotes.
    let older = |path: &[u8]| git.small_blob(good.get(path)?, MAX_TEXT).ok()?;
    let found = markers::scan(texts, &ignored, older);
    unreadable.map_or(Ok(found), |error| Err(error.into()))
}
