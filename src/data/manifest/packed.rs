//! Entries in little room: one after another in one block of bytes, with an index in the order of
//! their paths. A million takes about 180 MB.

use super::Entry;

/// An entry, as it lies in its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'a> {
    /// The path from the root of the repository.
    pub key: &'a str,
    /// See [`Entry::blob_path`].
    pub blob_path: &'a str,
    /// See [`Entry::size`].
    pub size: u64,
    /// See [`Entry::synced_at`].
    pub synced_at: i64,
    /// See [`Entry::sha256`].
    pub sha256: Option<&'a [u8; 32]>,
    /// See [`Entry::etag`].
    pub etag: Option<&'a str>,
    /// See [`Entry::mtime`].
    pub mtime: Option<i64>,
    /// See [`Entry::other`].
    pub other: Option<&'a str>,
}

impl<'a> EntryRef<'a> {
    pub(super) fn of(key: &'a str, entry: &'a Entry) -> Self {
        Self {
            key,
            blob_path: &entry.blob_path,
            size: entry.size,
            synced_at: entry.synced_at,
            sha256: entry.sha256.as_ref(),
            etag: entry.etag.as_deref(),
            mtime: entry.mtime,
            other: entry.other.as_deref(),
        }
    }

    /// Returns the entry by itself.
    pub fn to_entry(&self) -> Entry {
        Entry {
            blob_path: self.blob_path.to_owned(),
            size: self.size,
            synced_at: self.synced_at,
            sha256: self.sha256.copied(),
            etag: self.etag.map(str::to_owned),
            mtime: self.mtime,
            other: self.other.map(str::to_owned),
        }
    }
}

/// Which parts an entry has.
const SHA256: u8 = 1;
const ETAG: u8 = 2;
const MTIME: u8 = 4;
const OTHER: u8 = 8;
/// The path in the container is the end of the key: only its start in the key is kept.
const END_OF_KEY: u8 = 16;

/// Entries, sorted once [`Packed::finish`] was called.
#[derive(Debug, Default)]
pub(super) struct Packed {
    bytes: Vec<u8>,
    /// Where the entries begin.
    index: Vec<u32>,
}

impl Packed {
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Adds an entry. Returns `false` where there is no room for it: after 4 GiB.
    pub(super) fn push(&mut self, entry: &EntryRef<'_>) -> bool {
        let Ok(at) = u32::try_from(self.bytes.len()) else { return false };
        let start = entry.key.len().checked_sub(entry.blob_path.len());
        let start = start.filter(|_| entry.key.ends_with(entry.blob_path));
        let flag = |there: bool, flag: u8| if there { flag } else { 0 };
        let flags = flag(entry.sha256.is_some(), SHA256)
            | flag(entry.etag.is_some(), ETAG)
            | flag(entry.mtime.is_some(), MTIME)
            | flag(entry.other.is_some(), OTHER)
            | flag(start.is_some(), END_OF_KEY);
        self.bytes.push(flags);
        self.text(entry.key);
        match start {
            Some(start) => self.number(start as u64),
            None => self.text(entry.blob_path),
        }
        self.number(entry.size);
        self.bytes.extend(entry.synced_at.to_le_bytes());
        if let Some(mtime) = entry.mtime {
            self.bytes.extend(mtime.to_le_bytes());
        }
        if let Some(sha256) = entry.sha256 {
            self.bytes.extend(sha256);
        }
        for text in [entry.etag, entry.other].into_iter().flatten() {
            self.text(text);
        }
        self.index.push(at);
        true
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes.extend(text.as_bytes());
    }

    /// Seven bits in each byte, the lowest first; the highest bit says that more follow.
    fn number(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                return self.bytes.push(low & 0x7f);
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// Sorts, and of several entries of one path keeps the last.
    pub(super) fn finish(&mut self) {
        let mut index = std::mem::take(&mut self.index);
        let key = |at: u32| self.at(at).map(|entry| entry.key);
        if !index.is_sorted_by(|a, b| key(*a) < key(*b)) {
            index.sort_unstable_by(|a, b| key(*a).cmp(&key(*b)).then(b.cmp(a)));
            index.dedup_by(|later, first| key(*later) == key(*first));
        }
        self.index = index;
        self.bytes.shrink_to_fit();
    }

    pub(super) fn get(&self, key: &str) -> Option<EntryRef<'_>> {
        let found = self.index.binary_search_by(|at| {
            self.at(*at).map_or(std::cmp::Ordering::Less, |entry| entry.key.cmp(key))
        });
        self.at(*self.index.get(found.ok()?)?)
    }

    pub(super) fn below<'a>(&'a self, folder: &'a str) -> PackedRange<'a> {
        let first =
            self.index.partition_point(|at| self.at(*at).is_some_and(|entry| entry.key < folder));
        PackedRange { packed: self, folder, next: first }
    }

    fn at(&self, at: u32) -> Option<EntryRef<'_>> {
        let mut rest = Rest(self.bytes.get(at as usize..)?);
        let flags = rest.byte()?;
        let has = |flag: u8| flags & flag != 0;
        let key = rest.text()?;
        let blob_path = if has(END_OF_KEY) {
            key.get(usize::try_from(rest.number()?).ok()?..)?
        } else {
            rest.text()?
        };
        Some(EntryRef {
            key,
            blob_path,
            size: rest.number()?,
            synced_at: rest.signed()?,
            mtime: if has(MTIME) { Some(rest.signed()?) } else { None },
            sha256: if has(SHA256) { Some(rest.array()?) } else { None },
            etag: if has(ETAG) { Some(rest.text()?) } else { None },
            other: if has(OTHER) { Some(rest.text()?) } else { None },
        })
    }
}

/// What was not read yet of the bytes.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
            shift += 7;
        }
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    fn signed(&mut self) -> Option<i64> {
        self.array().map(|bytes| i64::from_le_bytes(*bytes))
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// The entries below a folder.
#[derive(Debug)]
pub(super) struct PackedRange<'a> {
    packed: &'a Packed,
    folder: &'a str,
    next: usize,
}

impl<'a> Iterator for PackedRange<'a> {
    type Item = EntryRef<'a>;

    fn next(&mut self) -> Option<EntryRef<'a>> {
        let entry = self.packed.at(*self.packed.index.get(self.next)?)?;
        self.next += 1;
        entry.key.starts_with(self.folder).then_some(entry)
    }
}
