//! Lets the copy follow the pointer, for readers that know one fixed path.
//!
//! A copy cannot say of itself which version it holds, and making it again at each run would have
//! every reader fetch it again. So `copy.json` notes what was copied, and which `ETag` came of it.

use serde::{Deserialize, Serialize};

use super::{PublishError, TRIES};
use crate::adapters::store::{Container, Expect, Object};
use crate::data::{Pointer, PublishedVersion};
use crate::model::DataVersion;
use crate::observe;

/// Where it is noted.
const NOTE: &str = "copy.json";
/// The most that is read of the note, in bytes.
const MAX_NOTE: u64 = 64 << 10;

/// What the copy holds.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    file: String,
    version: DataVersion,
    etag: String,
}

/// Makes the copy `file` of the version that `pointer` names, unless it is one. The pointer is read
/// again after that, and the copy made anew where it has moved meanwhile. Returns whether anything
/// was copied.
///
/// # Errors
/// [`PublishError::LostRace`] where the pointer moves again and again, besides those of the store.
pub(super) async fn follow(
    container: &Container,
    file: &str,
    pointer: &Pointer,
) -> anyhow::Result<bool> {
    let mut version = pointer.version.clone();
    let mut changed = false;
    for _ in 0..TRIES {
        if is_copy(container, file, &version).await? {
            return Ok(changed);
        }
        super::check_version(container, &version).await?;
        container.copy(&version.path, file).await?;
        changed = true;
        let Some(copied) = whole(container, file, &version).await? else { continue };
        let note =
            Note { file: file.to_owned(), version: version.version.clone(), etag: copied.etag };
        let text = serde_json::to_vec_pretty(&note)?;
        container.write(NOTE, text.into(), Expect::Anything).await?;
        match observe::data::served(container).await? {
            Some((now, _)) if now.version.version != version.version => version = now.version,
            Some(_) | None => return Ok(true),
        }
    }
    let place = format!("{}/{file}", container.place());
    Err(PublishError::LostRace { place }.into())
}

/// Tells whether the copy holds this version already.
async fn is_copy(
    container: &Container,
    file: &str,
    version: &PublishedVersion,
) -> anyhow::Result<bool> {
    // A note that cannot be read is written anew.
    let note = container.read(NOTE, MAX_NOTE).await?;
    let note: Option<Note> = note.and_then(|(bytes, _)| serde_json::from_slice(&bytes).ok());
    let Some(note) = note.filter(|note| note.file == file && note.version == version.version)
    else {
        return Ok(false);
    };
    let copy = whole(container, file, version).await?;
    Ok(copy.is_some_and(|copy| copy.etag == note.etag))
}

/// Returns the copy, where it is there in its size.
async fn whole(
    container: &Container,
    file: &str,
    version: &PublishedVersion,
) -> anyhow::Result<Option<Object>> {
    let found = container.head(file).await?;
    Ok(found.filter(|object| object.size == version.size))
}
