//! Which file may be replaced by a file of rejects that a person names.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::observe::data::rows::REASON_COLUMN;

/// How much of a file is read to see what it is, in bytes.
const MOST_READ: u64 = 64 * 1024;

/// Files that rejects never replace, also where they are not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spared {
    /// The file.
    pub path: PathBuf,
    /// Whether all files beside it are meant, too, whose names begin as its own.
    pub begins: bool,
    /// What is said of a file of rejects that would be one of them: `it is the database`.
    pub said: &'static str,
}

/// Says why a file of rejects may not have this path; `None` where it may: there is nothing, an empty
/// file, or an older file of rejects.
pub(super) fn problem(path: &Path, spared: &[Spared]) -> Option<String> {
    let there = path.symlink_metadata();
    let own = place(path);
    let is_spared = |spared: &&Spared| {
        let other = place(&spared.path);
        let is_there = || match (&there, spared.path.metadata()) {
            (Ok(own), Ok(other)) => is_same(own, &other),
            (Ok(_) | Err(_), _) => false,
        };
        if spared.begins { is_beginning(&own, &other) } else { own == other || is_there() }
    };
    if let Some(spared) = spared.iter().find(is_spared) {
        return Some(spared.said.to_owned());
    }
    // There is nothing, or nobody may look: whoever makes the file says that better.
    let kind = there.ok()?.file_type();
    if kind.is_dir() {
        return Some("it is a folder".to_owned());
    }
    if kind.is_symlink() {
        return Some("it is a link".to_owned());
    }
    if !kind.is_file() {
        return Some("it is no regular file".to_owned());
    }
    match is_of_rejects(path) {
        Ok(true) => None,
        Ok(false) => Some("it is there already, and no file of rejects".to_owned()),
        Err(error) => Some(format!("it is there already, and cannot be read: {error}")),
    }
}

/// Tells whether a file is empty, or has a header with the column of reasons.
fn is_of_rejects(path: &Path) -> io::Result<bool> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_READ).read_to_end(&mut bytes)?;
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let names = std::str::from_utf8(header).unwrap_or_default();
    let is_reason = |name: &str| name.trim().trim_matches('"') == REASON_COLUMN;
    Ok(bytes.is_empty() || names.split([',', ';', '\t', '|']).any(is_reason))
}

/// Returns a path that is the same for all ways to say it, as far as its folders are there.
fn place(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new(".")).canonicalize();
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        (Ok(_) | Err(_), _) => path.to_owned(),
    }
}

fn is_beginning(own: &Path, other: &Path) -> bool {
    let (Some(name), Some(begin)) = (own.file_name(), other.file_name()) else { return false };
    own.parent() == other.parent() && name.as_encoded_bytes().starts_with(begin.as_encoded_bytes())
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere their paths tell it.
#[cfg(not(unix))]
fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    false
}
