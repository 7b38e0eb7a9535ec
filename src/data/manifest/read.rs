//! Reads a manifest, entry by entry.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::packed::Packed;
use super::time::stamp;
use super::tokens::Tokens;
use super::{EntryRef, Manifest};

/// The largest manifest, in bytes.
pub const MOST_BYTES: u64 = 3 << 30;
/// The most entries.
const MOST_ENTRIES: usize = 10_000_000;
/// The most unknown keys beside `synced_files`.
const MOST_OTHERS: usize = 100;
/// The longest path, in bytes: that of Linux.
const LONGEST_KEY: usize = 4096;

/// Why a manifest cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read at all.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is larger than any manifest.
    #[error("it has over {} GiB or {MOST_ENTRIES} entries", MOST_BYTES >> 30)]
    TooLarge,
    /// It is no manifest.
    #[error("{0}")]
    Damaged(String),
}

impl From<serde_json::Error> for ManifestError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl Manifest {
    /// Reads a manifest; an empty object is one, too.
    pub fn read(input: impl Read) -> Result<Self, ManifestError> {
        let mut tokens = Tokens::new(input, MOST_BYTES);
        let mut manifest = Self::default();
        let mut packed = Packed::default();
        object(&mut tokens, |key, tokens| {
            match key {
                "synced_files" => entries(tokens, &mut packed)?,
                "last_sync" => {
                    let time: Option<Cow<'_, str>> = serde_json::from_slice(tokens.value()?)?;
                    manifest.last_sync = time.and_then(|time| stamp(&time));
                }
                "store_copies" => {
                    let copies: BTreeMap<String, String> = serde_json::from_slice(tokens.value()?)?;
                    manifest.copies = copies;
                }
                _ if manifest.others.len() >= MOST_OTHERS => return Err(ManifestError::TooLarge),
                _ => {
                    let other: &RawValue = serde_json::from_slice(tokens.value()?)?;
                    manifest.others.push((key.to_owned(), other.get().to_owned()));
                }
            }
            Ok(())
        })?;
        if let Some(more) = tokens.peek()? {
            let problem = format!("{:?} stands after its end", char::from(more));
            return Err(ManifestError::Damaged(problem));
        }
        packed.finish();
        manifest.packed = Arc::new(packed);
        Ok(manifest)
    }
}

/// Reads an object, each of whose values `field` takes.
fn object<R: Read>(
    tokens: &mut Tokens<R>,
    mut field: impl FnMut(&str, &mut Tokens<R>) -> Result<(), ManifestError>,
) -> Result<(), ManifestError> {
    tokens.expect(b'{')?;
    if tokens.takes(b'}')? {
        return Ok(());
    }
    let mut key = String::new();
    loop {
        let text: Text<'_> = serde_json::from_slice(tokens.value()?)?;
        key.clear();
        key.push_str(&text.0);
        tokens.expect(b':')?;
        field(&key, tokens)?;
        if !tokens.takes(b',')? {
            return tokens.expect(b'}');
        }
    }
}

fn entries<R: Read>(tokens: &mut Tokens<R>, packed: &mut Packed) -> Result<(), ManifestError> {
    object(tokens, |key, tokens| {
        if key.len() > LONGEST_KEY {
            return Err(ManifestError::Damaged("a path has over 4096 bytes".to_owned()));
        }
        let read: EntryRead<'_> = serde_json::from_slice(tokens.value()?)?;
        if packed.len() >= MOST_ENTRIES || !packed.push(&read.entry(key)) {
            return Err(ManifestError::TooLarge);
        }
        Ok(())
    })
}

/// A text that is borrowed where nothing in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Texts)
    }
}

/// An entry as it was read.
#[derive(Default)]
pub(super) struct EntryRead<'a> {
    blob_path: Option<Cow<'a, str>>,
    size: u64,
    synced_at: i64,
    sha256: Option<[u8; 32]>,
    etag: Option<Cow<'a, str>>,
    mtime: Option<i64>,
    other: Option<String>,
}

impl EntryRead<'_> {
    pub(super) fn entry<'a>(&'a self, key: &'a str) -> EntryRef<'a> {
        EntryRef {
            key,
            // An empty one stands for the usual place.
            blob_path: self.blob_path.as_deref().unwrap_or_default(),
            size: self.size,
            synced_at: self.synced_at,
            sha256: self.sha256.as_ref(),
            etag: self.etag.as_deref(),
            mtime: self.mtime,
            other: self.other.as_deref(),
        }
    }
}

impl<'de> Deserialize<'de> for EntryRead<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = EntryRead<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `blob_path`, `size` and `synced_at`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EntryRead<'de>, A::Error> {
        let mut read = EntryRead::default();
        let mut sized = false;
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                "blob_path" => read.blob_path = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0),
                "size" => {
                    read.size = map.next_value()?;
                    sized = true;
                }
                "synced_at" => {
                    let time: Option<Text<'de>> = map.next_value()?;
                    read.synced_at = time.and_then(|time| stamp(&time.0)).unwrap_or_default();
                }
                "sha256" => {
                    let digits: Option<Text<'de>> = map.next_value()?;
                    read.sha256 = digits.and_then(|digits| digest(&digits.0));
                }
                "etag" => read.etag = map.next_value::<Option<Text<'de>>>()?.map(|t| t.0),
                "mtime" => {
                    let seconds: Option<f64> = map.next_value()?;
                    read.mtime = seconds.map(micros);
                }
                _ => {
                    let value: &RawValue = map.next_value()?;
                    let key = serde_json::to_string(&key).map_err(serde::de::Error::custom)?;
                    let other = read.other.get_or_insert_default();
                    if !other.is_empty() {
                        other.push_str(", ");
                    }
                    other.extend([&key, ": ", value.get()]);
                }
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        if sized { Ok(read) } else { Err(serde::de::Error::missing_field("size")) }
    }
}

/// Seconds as they stand in the file tell microseconds apart: a number of 64 bits has room for that.
#[expect(clippy::cast_possible_truncation, reason = "a number that is out of range is no time")]
fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

/// Reads a digest of 64 hexadecimal digits.
pub fn digest(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(digest)
}
