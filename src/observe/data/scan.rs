//! Walks the folder of a layer, in the order of the paths' bytes.
//!
//! Links are never followed: what they name is sent from where it is, and what lies outside of the
//! folder is nobody's data. What cannot be read is named, and the others go on.

use std::ffi::OsString;
use std::fs::{self, DirEntry, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use globset::GlobMatcher;

use crate::data::sync::{Comparing, LayerPlace, LocalFile, Problem};
use crate::observe::globs::{self, GlobError};

/// Deeper folders are no layout of data.
const DEEPEST: usize = 100;

/// Why a folder cannot be walked at all.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The pattern makes no sense.
    #[error(transparent)]
    Pattern(#[from] GlobError),
    /// The folder is a link, or below one, that leads out of the repository.
    #[error("{path} leads out of the repository, to {target}; a layer's folder has to be in it")]
    Outside {
        /// The folder.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// It is there, and no folder.
    #[error("{path} is no folder")]
    NoFolder {
        /// What it is.
        path: String,
    },
    /// The operating system says no.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The folder.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Walks the folder of a layer below `root`, and hands each file to the comparison. Returns whether
/// the folder is there.
pub fn scan(
    root: &Path,
    place: &LayerPlace,
    pattern: &str,
    comparing: &mut Comparing<'_>,
) -> Result<bool, ScanError> {
    let matcher = globs::glob("data.layers.pattern", 1, pattern)?.compile_matcher();
    let Some(folder) = folder(root, place)? else { return Ok(false) };
    let mut walk = Walk { place, matcher, comparing };
    walk.folder(&folder, &place.folder, 0);
    Ok(true)
}

/// Returns the folder of a layer where it is there, and in the repository.
pub fn folder(root: &Path, place: &LayerPlace) -> Result<Option<PathBuf>, ScanError> {
    let path = place.folder.trim_end_matches('/').to_owned();
    let folder = root.join(&path);
    let found = match folder.canonicalize() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ScanError::Io { path, source }),
    };
    let root =
        root.canonicalize().map_err(|source| ScanError::Io { path: path.clone(), source })?;
    if !found.starts_with(&root) {
        return Err(ScanError::Outside { path, target: found.display().to_string() });
    }
    if found.is_dir() { Ok(Some(found)) } else { Err(ScanError::NoFolder { path }) }
}

struct Walk<'w, 'm> {
    place: &'w LayerPlace,
    matcher: GlobMatcher,
    comparing: &'w mut Comparing<'m>,
}

/// What a folder holds, with the bytes by which it is sorted: a folder's name ends with `/`.
struct Found {
    name: OsString,
    order: Vec<u8>,
    kind: Kind,
}

enum Kind {
    Folder,
    File(Box<DirEntry>),
    Other,
}

impl Walk<'_, '_> {
    /// Walks one folder; `path` is its path from the root of the repository, with `/` at its end.
    fn folder(&mut self, folder: &Path, path: &str, depth: usize) {
        if depth > DEEPEST {
            let error = format!("is over {DEEPEST} folders deep");
            return self.problem(path.to_owned(), error);
        }
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.problem(path.to_owned(), error.to_string()),
        };
        let mut found = Vec::new();
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.file_type()?, entry))) {
                Ok((kind, entry)) => {
                    let name = entry.file_name();
                    let mut order = name.as_encoded_bytes().to_vec();
                    let kind = if kind.is_dir() {
                        order.push(b'/');
                        Kind::Folder
                    } else if kind.is_file() {
                        Kind::File(Box::new(entry))
                    } else {
                        Kind::Other
                    };
                    found.push(Found { name, order, kind });
                }
                Err(error) => self.problem(path.to_owned(), error.to_string()),
            }
        }
        found.sort_unstable_by(|a, b| a.order.cmp(&b.order));
        for found in found {
            self.found(found, folder, path, depth);
        }
    }

    fn found(&mut self, found: Found, folder: &Path, path: &str, depth: usize) {
        let Some(name) = found.name.to_str() else {
            let name = format!("{path}{}", found.name.to_string_lossy());
            return match found.kind {
                Kind::Folder => self.problem(name, NOT_UTF8.to_owned()),
                Kind::File(_) if self.wanted(&name) => self.problem(name, NOT_UTF8.to_owned()),
                Kind::File(_) | Kind::Other => {}
            };
        };
        match found.kind {
            Kind::Folder => {
                let path = format!("{path}{name}/");
                self.folder(&folder.join(name), &path, depth + 1);
            }
            Kind::File(entry) => {
                let path = format!("{path}{name}");
                if self.wanted(&path) {
                    self.file(&entry, path);
                }
            }
            Kind::Other => {
                let path = format!("{path}{name}");
                // A link to a folder holds files, whatever its own name is.
                if self.wanted(&path) || folder.join(name).is_dir() {
                    self.comparing.left_out(path);
                }
            }
        }
    }

    fn file(&mut self, entry: &DirEntry, path: String) {
        match entry.metadata() {
            Ok(metadata) => {
                let mtime = mtime(&metadata);
                self.comparing.file(LocalFile { path, size: metadata.len(), mtime });
            }
            // It was deleted since the folder was read: it is not here.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.problem(path, error.to_string()),
        }
    }

    fn wanted(&self, path: &str) -> bool {
        path.strip_prefix(&self.place.folder).is_some_and(|below| self.matcher.is_match(below))
    }

    fn problem(&mut self, path: String, error: String) {
        self.comparing.problem(Problem { path, error });
    }
}

const NOT_UTF8: &str = "its name is not UTF-8, and stores keep no other; rename it";

/// Returns when a file was last written, in microseconds since 1970.
pub fn mtime(metadata: &Metadata) -> i64 {
    let Ok(time) = metadata.modified() else { return 0 };
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |us| -us),
    }
}
