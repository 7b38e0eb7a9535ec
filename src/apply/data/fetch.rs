//! Fetches one file of a layer: into a temporary file beside its place, which it takes whole.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};

use super::queue::Fault;
use crate::adapters::store::{Container, StoreError};
use crate::data::manifest::Entry;
use crate::data::sync::Fetch;
use crate::observe::data::scan::{PARTIAL, mtime};

/// A file that nobody has written to for so long is what a killed pull has left.
const LEFT: Duration = Duration::from_hours(24);

/// Removes what killed pulls have left beside files that are to be fetched, by their paths from `root`.
pub fn sweep<'a>(root: &Path, files: impl Iterator<Item = &'a str>) {
    let folders: BTreeSet<&str> =
        files.map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
    for folder in folders {
        let folder = root.join(folder);
        // What lies behind a link is somebody else's.
        let inside = folder
            .canonicalize()
            .is_ok_and(|real| root.canonicalize().is_ok_and(|root| real.starts_with(root)));
        let entries = inside.then(|| std::fs::read_dir(&folder).ok()).flatten();
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name();
            let partial = name
                .to_str()
                .is_some_and(|name| name.starts_with(PARTIAL.0) && name.ends_with(PARTIAL.1));
            let Some(found) = partial.then(|| entry.metadata().ok()).flatten() else { continue };
            let age =
                found.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
            if found.is_file() && age.is_some_and(|age| age > LEFT) {
                // Where it cannot be removed, it does no harm.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }
}

/// Fetches one file into `folder`, the layer's own, and returns what the manifest notes of it.
pub async fn fetch(
    container: &Container,
    folder: &Path,
    below: &str,
    fetch: &Fetch,
    now: i64,
    received: &(dyn Fn(u64) + Send + Sync),
) -> Result<Entry, Fault> {
    let target = place(folder, below)?;
    let beside = target.parent().unwrap_or(folder);
    let mut file = tempfile::Builder::new()
        .prefix(PARTIAL.0)
        .suffix(PARTIAL.1)
        .tempfile_in(beside)
        .map_err(|error| written(&error))?;
    let (object, mut hash, mut size) = (&fetch.object, Sha256::new(), 0_u64);
    let version = Some(object.etag.as_str()).filter(|etag| !etag.is_empty());
    let mut stream = container.stream(&object.path, 0, version).await.map_err(replaced)?;
    while let Some(part) = stream.next().await {
        let part = part.map_err(replaced)?;
        size += part.len() as u64;
        if size > object.size {
            return Err(damaged(fetch, format!("has more than the {} bytes listed", object.size)));
        }
        hash.update(&part);
        file.write_all(&part).map_err(|error| written(&error))?;
        received(part.len() as u64);
    }
    if size != object.size {
        return Err(damaged(fetch, format!("{size} of {} bytes arrived", object.size)));
    }
    let digest: [u8; 32] = hash.finalize().into();
    let known = fetch.known.clone().unwrap_or_default();
    if known.sha256.is_some_and(|sha256| sha256 != digest) {
        return Err(damaged(fetch, "its SHA-256 is not that of what was sent".to_owned()));
    }
    let finish = || {
        // With the time that it had where it was sent, the next sync takes it for the same file.
        if let Some(micros) = known.mtime.and_then(|mtime| u64::try_from(mtime).ok()) {
            let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros));
            time.map_or(Ok(()), |time| file.as_file().set_modified(time))?;
        }
        permit(file.as_file())?;
        file.persist(&target).map_err(|error| error.error)?.metadata()
    };
    let metadata = finish().map_err(|error| written(&error))?;
    Ok(Entry {
        blob_path: object.path.clone(),
        size,
        synced_at: if known.synced_at > 0 { known.synced_at } else { now },
        sha256: Some(digest),
        etag: Some(object.etag.clone()).filter(|etag| !etag.is_empty()),
        mtime: Some(mtime(&metadata)),
        other: known.other,
    })
}

/// Makes the folders of a file, none of which may be a link: it might lead out of the layer's folder.
fn place(folder: &Path, below: &str) -> Result<PathBuf, Fault> {
    let mut at = folder.to_owned();
    let (folders, name) = below.rsplit_once('/').unwrap_or(("", below));
    for part in folders.split('/').filter(|part| !part.is_empty()) {
        at.push(part);
        match at.symlink_metadata() {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(Fault::File(format!("{} is no folder", at.display())));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                match std::fs::create_dir(&at) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                        return Err(written(&error));
                    }
                    Ok(()) | Err(_) => {}
                }
            }
            Err(error) => return Err(Fault::File(error.to_string())),
        }
    }
    at.push(name);
    Ok(at)
}

/// A full disk is full for every file.
fn written(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::StorageFull
        | io::ErrorKind::QuotaExceeded
        | io::ErrorKind::ReadOnlyFilesystem => Fault::Here(format!("cannot write: {error}")),
        _ => Fault::File(error.to_string()),
    }
}

fn replaced(error: StoreError) -> Fault {
    match error {
        StoreError::Moved { .. } | StoreError::Missing { .. } => Fault::File(
            "it was replaced or deleted in the store meanwhile; run it again".to_owned(),
        ),
        other => Fault::Store(other),
    }
}

fn damaged(fetch: &Fetch, problem: String) -> Fault {
    Fault::Store(StoreError::Damaged { place: fetch.object.path.clone(), problem })
}

#[cfg(unix)]
fn permit(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn permit(_file: &std::fs::File) -> io::Result<()> {
    Ok(())
}
