//! `.db_url_cache`: what is here, so that the next question is one small request.
//!
//! It also stands in for the wait until the disk has the file, which would take longer than to fetch
//! it: the note says since which start of the machine the file is here, and after the next start its
//! digest is checked once. A power cut may take the last seconds of a file.
//!
//! An older tool keeps the URL itself in a file of this name, with its signature. That is read as no
//! note, and replaced: what tidegate notes lets nobody read the data.

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::sink::digest_of;
use crate::apply::data::links::without_links;
use crate::data::Pointer;
use crate::model::{CommitSha, DataVersion};

/// The name of the file, in the folder of the target.
pub(super) const NAME: &str = ".db_url_cache";

/// The version of its format.
const FORMAT: u32 = 1;

/// The largest that is read, in bytes.
const LIMIT: u64 = 64 * 1024;

/// What is noted of the file that is here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// The version of the format of the note.
    format: u32,
    /// The name of the file that it speaks of.
    pub file: String,
    /// The data version, where the source names versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<DataVersion>,
    /// The digest of the file, as 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// The size of the file, in bytes.
    pub size: u64,
    /// When the version was first published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// The commit whose data it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitSha>,
    /// The release that serves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<u64>,
    /// The `ETag` of `latest.json`, or of the one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When the file was written, in nanoseconds since 1970: tells that nobody has changed it.
    mtime_ns: u64,
    /// A digest of where it comes from, without the signature.
    pub source: String,
    /// During which start of the machine the file was written or checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    boot: Option<String>,
}

/// What a note says of the file that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Noted {
    /// Nothing.
    Nothing,
    /// This.
    Here(Box<Cache>),
    /// It was this, and the last end of the machine has damaged it.
    Damaged,
}

impl Cache {
    /// Says where it comes from, and by which version it is asked for there.
    #[must_use]
    pub(super) fn from(mut self, source: &str, etag: Option<&str>) -> Self {
        source.clone_into(&mut self.source);
        self.etag = etag.map(str::to_owned);
        self
    }

    /// Says which version it is.
    #[must_use]
    pub(super) fn of_version(mut self, pointer: &Pointer) -> Self {
        self.version = Some(pointer.version.version.clone());
        self.created = Some(pointer.version.created);
        self.commit.clone_from(&pointer.version.commit);
        self.release = pointer.release;
        self
    }

    /// Reads the note of a folder, where it speaks of the file that is here.
    pub(super) fn of(folder: &Path, file: &Path) -> Option<Self> {
        match Self::noted(folder, file) {
            Noted::Here(cache) => Some(*cache),
            Noted::Nothing | Noted::Damaged => None,
        }
    }

    /// The same, telling damage apart.
    pub(super) fn noted(folder: &Path, file: &Path) -> Noted {
        let Some((mut cache, here)) = Self::read(folder, file) else { return Noted::Nothing };
        if cache.boot != here.boot {
            if !digest_of(file).is_ok_and(|digest| digest == cache.sha256) {
                return Noted::Damaged;
            }
            cache.boot = here.boot;
            // The next run checks it once more where it cannot be written.
            let _ = cache.write(folder);
        }
        Noted::Here(Box::new(cache))
    }

    /// Returns the note, and what the system says of the file, where they agree.
    fn read(folder: &Path, file: &Path) -> Option<(Self, Self)> {
        let mut text = Vec::new();
        let mut options = OpenOptions::new();
        options.read(true);
        without_links(&mut options);
        let note = options.open(folder.join(NAME)).ok()?;
        if !note.metadata().ok()?.is_file() {
            return None;
        }
        note.take(LIMIT).read_to_end(&mut text).ok()?;
        let cache: Self = serde_json::from_slice(&text).ok()?;
        let here = Self::blank(file, cache.sha256.clone())?;
        let same = cache.format == FORMAT
            && cache.file == here.file
            && cache.size == here.size
            && cache.mtime_ns == here.mtime_ns;
        same.then_some((cache, here))
    }

    /// Notes of a file what the system says; `None` where there is none, or a link.
    pub(super) fn blank(file: &Path, sha256: String) -> Option<Self> {
        let found = file.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
        let modified = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            format: FORMAT,
            file: file.file_name()?.to_str()?.to_owned(),
            version: None,
            sha256,
            size: found.len(),
            created: None,
            commit: None,
            release: None,
            etag: None,
            mtime_ns: u64::try_from(modified.as_nanos()).ok()?,
            source: String::new(),
            boot: boot(),
        })
    }

    /// Writes the note, whole or not at all.
    pub(super) fn write(&self, folder: &Path) -> std::io::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&text)?;
        file.persist(folder.join(NAME))?;
        Ok(())
    }
}

/// Tells one start of the machine from the next; `None` where the system does not say
/// (`/proc/sys/kernel/random/boot_id`, random(4)). Of the identity only a part of its digest is kept.
pub(super) fn boot() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{:x}", Sha256::digest(id.trim())).chars().take(16).collect())
}
