//! What a layer has in the store and this machine lacks.

use std::io;
use std::path::Path;

use super::content::Content;
use super::scan::{ScanError, mtime};
use crate::data::manifest::{Entry, Manifest};
use crate::data::sync::{Fetch, FetchPlan, LayerPlace, Listed, LocalFile, Problem};
use crate::observe::globs;

/// Compares what the store lists with what is here. `copy` is the manifest of the store, and `own`
/// that of this machine: only a file that was synced as it is here may be replaced.
pub fn absent(
    root: &Path,
    place: &LayerPlace,
    pattern: &str,
    listing: Vec<Listed>,
    copy: &Manifest,
    own: &Manifest,
) -> Result<FetchPlan, ScanError> {
    let matcher = globs::glob("data.layers.pattern", 1, pattern)?.compile_matcher();
    let mut plan = FetchPlan::default();
    let elsewhere = copy.files_elsewhere(place);
    for object in listing {
        let file = match elsewhere.get(&object.path) {
            Some(path) => Ok(path.clone()),
            None => place.file(&object.path),
        };
        let path = match file {
            Ok(path) => path,
            Err(bad) => {
                let error = format!("is not fetched: its path {bad}");
                plan.problems.push(Problem { path: object.path, error });
                continue;
            }
        };
        if !path.strip_prefix(&place.folder).is_some_and(|below| matcher.is_match(below)) {
            continue;
        }
        let known = copy.get(&path).filter(|entry| is_of(entry, &object));
        match here(root, &path, &object, known.as_ref(), own) {
            Ok(Here::Same) => plan.skipped += 1,
            Ok(Here::Absent) => plan.add(Fetch { path, object, known }),
            Err(error) => plan.problems.push(Problem { path, error }),
        }
    }
    Ok(plan)
}

/// Whether the manifest's entry is of this very object.
fn is_of(entry: &Entry, object: &Listed) -> bool {
    let version = entry.etag.as_ref().is_none_or(|etag| *etag == object.etag);
    entry.size == object.size && version
}

enum Here {
    Same,
    Absent,
}

fn here(
    root: &Path,
    path: &str,
    object: &Listed,
    known: Option<&Entry>,
    own: &Manifest,
) -> Result<Here, String> {
    let metadata = match root.join(path).symlink_metadata() {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Here::Absent),
        Err(error) => return Err(error.to_string()),
    };
    if !metadata.is_file() {
        return Err("something that is no file has its name here".to_owned());
    }
    let file = LocalFile { path: path.to_owned(), size: metadata.len(), mtime: mtime(&metadata) };
    let digest = || {
        let content = Content::open(root, &file).and_then(|content| content.digest());
        content.map_err(|error| error.to_string())
    };
    if file.size == object.size {
        let Some(known) = known else { return Ok(Here::Same) };
        if known.mtime == Some(file.mtime) {
            return Ok(Here::Same);
        }
        match known.sha256 {
            Some(sha256) if digest()? != sha256 => {}
            Some(_) | None => return Ok(Here::Same),
        }
    }
    let synced = own.get(path).filter(|entry| entry.size == file.size);
    let unchanged = match synced {
        Some(entry) if entry.mtime == Some(file.mtime) => true,
        Some(Entry { sha256: Some(sha256), .. }) => digest()? == sha256,
        Some(_) | None => false,
    };
    if unchanged {
        return Ok(Here::Absent);
    }
    Err("another content is here that was never synced, and it is kept; send it with `tidegate sync`, or remove it".to_owned())
}
