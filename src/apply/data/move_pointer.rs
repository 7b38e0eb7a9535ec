//! Moves `latest.json`: from then on another version is served.

use jiff::Timestamp;

use super::{PublishError, TRIES, copy};
use crate::adapters::store::{Container, Expect, Written};
use crate::data::{Pointer, PublishedVersion, backup_path};
use crate::observe;

/// Lets `version` be served: a backup with the time `backup` in its name, then the pointer by
/// compare-and-swap, then the copy `file`. Returns whether anything was changed. Each part that is
/// done already is left alone, so that a run that was killed is completed by the next.
///
/// A pointer of a newer release than `release` stays, and `file` then follows that one: another run
/// was quicker. So does, after a lost race, the pointer of a version that is newer, where neither
/// has a release.
///
/// # Errors
/// [`PublishError`]; a pointer that cannot be read is an error too, and is never overwritten.
pub async fn move_pointer(
    container: &Container,
    file: &str,
    version: &PublishedVersion,
    release: Option<u64>,
    backup: Option<Timestamp>,
    now: Timestamp,
) -> anyhow::Result<bool> {
    let mut backed_up = false;
    for attempt in 0..TRIES {
        let found = observe::data::served(container).await?;
        let expect = match &found {
            None => Expect::Missing,
            Some((pointer, etag)) => {
                match decide(container, pointer, version, release, attempt > 0)? {
                    Decision::Keep => return copy::follow(container, file, pointer).await,
                    Decision::Move => Expect::Version(etag.clone()),
                }
            }
        };
        // Nothing that is not there may ever be named by the pointer.
        super::check_version(container, version).await?;
        let other = found.as_ref().is_none_or(|(old, _)| old.version.version != version.version);
        if let Some(time) = backup.filter(|_| other && !backed_up) {
            container.copy(&version.path, &backup_path(file, time)).await?;
            backed_up = true;
        }
        let format = Pointer::FORMAT;
        let pointer = Pointer { format, version: version.clone(), release, moved: now };
        let text = pointer.text()?;
        match container.write(PublishedVersion::POINTER, text.into(), expect).await? {
            Written::Done(_) => {
                copy::follow(container, file, &pointer).await?;
                return Ok(true);
            }
            Written::Moved => {}
        }
    }
    let place = format!("{}/{}", container.place(), PublishedVersion::POINTER);
    Err(PublishError::LostRace { place }.into())
}

enum Decision {
    /// It stays as it is.
    Keep,
    /// It is replaced.
    Move,
}

fn decide(
    container: &Container,
    pointer: &Pointer,
    version: &PublishedVersion,
    release: Option<u64>,
    lost_a_race: bool,
) -> Result<Decision, PublishError> {
    let same = pointer.version.version == version.version;
    match (pointer.release, release) {
        (Some(theirs), Some(own)) if theirs > own => {
            tracing::warn!(
                "{}/latest.json serves release {theirs} already, which is newer than release {own}; it stays",
                container.place()
            );
            Ok(Decision::Keep)
        }
        (Some(_) | None, None) if same => Ok(Decision::Keep),
        (Some(theirs), Some(own)) if same && theirs == own => Ok(Decision::Keep),
        (Some(release), None) => {
            let place = format!("{}/{}", container.place(), PublishedVersion::POINTER);
            Err(PublishError::Released { place, release })
        }
        (None, None) if lost_a_race && pointer.version.created > version.created => {
            tracing::warn!(
                "{}/latest.json serves a newer version that was published at the same time; it stays",
                container.place()
            );
            Ok(Decision::Keep)
        }
        (Some(_) | None, Some(_)) | (None, None) => Ok(Decision::Move),
    }
}
