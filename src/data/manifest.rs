//! The manifest of a sync: what was sent, file by file.
//!
//! ```json
//! {
//!   "synced_files": {
//!     "data/bronze/day=1/a.parquet": {"blob_path": "day=1/a.parquet", "size": 10, "synced_at": "2026-02-07T19:53:58"}
//!   },
//!   "last_sync": "2026-02-07T19:53:58"
//! }
//! ```
//!
//! Times are in UTC, without a zone. `sha256`, `etag` and `mtime` (seconds since 1970, as Python's
//! `os.stat` gives them) may follow in an entry; fields that nobody here knows are kept.
//!
//! A million entries have to fit: they stay in the packed form of `packed`, and what a run changes
//! lies over them.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::iter::Peekable;
use std::sync::Arc;

mod journal;
mod packed;
mod read;
mod time;
mod tokens;
mod write;

pub use journal::journal_line;
pub use packed::EntryRef;
use packed::{Packed, PackedRange};
pub use read::{MOST_BYTES, ManifestError, digest};
pub use time::{shown as time_shown, stamp as time_stamp};

/// Unknown keys of the file, each with its JSON text.
type Others = Vec<(String, String)>;

/// What was sent.
#[derive(Debug, Clone, Default)]
pub struct Manifest {
    packed: Arc<Packed>,
    /// What differs from `packed`; `None` stands for an entry that was removed.
    changes: BTreeMap<String, Option<Entry>>,
    /// When a sync last ended, in seconds since 1970.
    pub last_sync: Option<i64>,
    /// The version (`ETag`) of the copy in the store, by layer, as it was last written or read.
    pub copies: BTreeMap<String, String>,
    others: Others,
}

/// One file that was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the container.
    pub blob_path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was sent, in seconds since 1970.
    pub synced_at: i64,
    /// The digest of what was sent.
    pub sha256: Option<[u8; 32]>,
    /// The version that the store gave it.
    pub etag: Option<String>,
    /// When the file was last written here, in microseconds since 1970. Absent where it was sent so
    /// soon after that a later change might have the same time.
    pub mtime: Option<i64>,
    /// Fields that nobody here knows: the inside of a JSON object.
    pub other: Option<String>,
}

impl Manifest {
    /// Returns the entry of a file, by its path from the root of the repository.
    pub fn get(&self, key: &str) -> Option<Entry> {
        match self.changes.get(key) {
            Some(changed) => changed.clone(),
            None => self.packed.get(key).map(|found| found.to_entry()),
        }
    }

    /// Notes a file.
    pub fn set(&mut self, key: &str, entry: Entry) {
        self.changes.insert(key.to_owned(), Some(entry));
        self.fold_many();
    }

    /// Forgets a file.
    pub fn remove(&mut self, key: &str) {
        self.changes.insert(key.to_owned(), None);
        self.fold_many();
    }

    /// Returns the entries whose paths begin with `folder` (`data/bronze/`; empty: all), in the order
    /// of their bytes.
    pub fn below<'a>(&'a self, folder: &'a str) -> Below<'a> {
        let from = self
            .changes
            .range::<str, _>((std::ops::Bound::Included(folder), std::ops::Bound::Unbounded));
        Below { folder, packed: self.packed.below(folder).peekable(), changes: from.peekable() }
    }

    /// Returns how many entries there are, about: removed ones may be counted.
    pub fn size_hint(&self) -> usize {
        self.packed.len() + self.changes.len()
    }

    /// Forgets all files below a folder.
    pub fn forget(&mut self, folder: &str) {
        self.keep(|key| !key.starts_with(folder));
        // Where there was no room to keep the others apart.
        let left: Vec<String> = self.below(folder).map(|entry| entry.key.to_owned()).collect();
        for key in &left {
            self.remove(key);
        }
    }

    /// Takes over what another manifest says of the files below a folder: of two entries the newer
    /// one counts, and of two as old as each other the own one. Up to `agreed` (seconds since 1970)
    /// both said the same: what was sent until then, and the other no longer has, was deleted by
    /// others. Returns whether that changed anything.
    pub fn merge(&mut self, other: &Self, folder: &str, agreed: Option<i64>) -> bool {
        let mut changes: Vec<(String, Option<Entry>)> = Vec::new();
        let deleted = |own: &EntryRef<'_>| agreed.is_some_and(|agreed| own.synced_at <= agreed);
        let mut own = self.below(folder).peekable();
        for theirs in other.below(folder) {
            while let Some(own) = own.next_if(|own| own.key < theirs.key) {
                changes.extend(deleted(&own).then(|| (own.key.to_owned(), None)));
            }
            let known = own.next_if(|own| own.key == theirs.key);
            if known.is_none_or(|own| own.synced_at < theirs.synced_at) {
                changes.push((theirs.key.to_owned(), Some(theirs.to_entry())));
            }
        }
        for own in own {
            changes.extend(deleted(&own).then(|| (own.key.to_owned(), None)));
        }
        let any = !changes.is_empty();
        for (key, entry) in changes {
            match entry {
                Some(entry) => self.set(&key, entry),
                None => self.remove(&key),
            }
        }
        self.last_sync = self.last_sync.max(other.last_sync);
        any
    }

    fn keep(&mut self, wanted: impl Fn(&str) -> bool) {
        let mut kept = Packed::default();
        for entry in self.below("").filter(|entry| wanted(entry.key)) {
            if !kept.push(&entry) {
                // No room for that many in this form: they stay as they are.
                return;
            }
        }
        kept.finish();
        self.packed = Arc::new(kept);
        self.changes.clear();
    }

    /// Many changes take more room than packed entries.
    fn fold_many(&mut self) {
        if self.changes.len() > 50_000.max(self.packed.len() / 4) {
            self.keep(|_| true);
        }
    }
}

/// The entries below a folder; see [`Manifest::below`].
pub struct Below<'a> {
    folder: &'a str,
    packed: Peekable<PackedRange<'a>>,
    changes: Peekable<btree_map::Range<'a, String, Option<Entry>>>,
}

impl<'a> Iterator for Below<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        loop {
            let changed = self.changes.peek().filter(|(key, _)| key.starts_with(self.folder));
            let Some((key, _)) = changed else { return self.packed.next() };
            if self.packed.peek().is_some_and(|packed| packed.key < key.as_str()) {
                return self.packed.next();
            }
            self.packed.next_if(|packed| packed.key == key.as_str());
            if let Some((key, Some(entry))) = self.changes.next() {
                return Some(EntryRef::of(key, entry));
            }
        }
    }
}

#[cfg(test)]
mod tests;
