//! Which version of DuckDB reads what is published, and which storage version it can read.
//!
//! DuckDB opens files of older versions and refuses those of newer ones, so the oldest program that
//! reads the file decides in which storage version it is written
//! (<https://duckdb.org/docs/stable/internals/storage>).

use std::fmt;
use std::str::FromStr;

use crate::model::InvalidValue;

mod pins;

pub use pins::{FILES, Pin, lowest};

/// A version of DuckDB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EngineVersion {
    /// The first number.
    pub major: u16,
    /// The second; storage versions go by these two.
    pub minor: u16,
    /// The third.
    pub patch: u16,
}

impl EngineVersion {
    /// Makes a version.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Returns the name of the storage version that this version writes and reads at its best.
    fn storage(self) -> String {
        format!("v{}.{}.0", self.major, self.minor)
    }
}

impl FromStr for EngineVersion {
    type Err = InvalidValue;

    /// Reads `1.2.2`, `v1.5.6`, `1.2`, `2`, `1.3.0.dev5`, `1.2.*`.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new(text, "a version such as 1.2.2");
        let text = text.trim();
        let mut numbers = text.strip_prefix('v').unwrap_or(text).split('.').map(|part| {
            let digits = part.bytes().take_while(u8::is_ascii_digit).count();
            part.get(..digits).filter(|digits| !digits.is_empty()).map(str::parse::<u16>)
        });
        let mut next = || match numbers.next().flatten() {
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(wrong()),
            None => Ok(None),
        };
        let major = next()?.ok_or_else(wrong)?;
        let Some(minor) = next()? else { return Ok(Self::new(major, 0, 0)) };
        Ok(Self::new(major, minor, next()?.unwrap_or_default()))
    }
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The oldest version whose files later versions open: storage was not stable before.
pub const OLDEST: EngineVersion = EngineVersion::new(0, 10, 0);

/// The first version whose default storage older ones cannot open.
const NEW_DEFAULT: u16 = 2;

/// Returns the storage version to write so that `reader` opens the file, as `engine` knows it; `None`
/// where the reader is older than any storage version.
pub fn storage_version(reader: EngineVersion, engine: EngineVersion) -> Option<String> {
    // An older engine does not know the storage versions of newer readers, which read its own.
    let version = reader.min(engine);
    if version < OLDEST {
        return None;
    }
    Some(version.storage())
}

/// Tells whether the default storage of the engine shuts readers of the first line out.
pub fn default_is_new(engine: EngineVersion) -> bool {
    engine.major >= NEW_DEFAULT
}

/// How much of a file [`oldest_reader`] has to see, in bytes.
pub const HEADERS: usize = 3 * 4096;

/// Returns the oldest version that opens a DuckDB file with this beginning; `None` where it is none.
///
/// The main header names the version of the storage (8 bytes of checksum, `DUCK`, then a number), and
/// the newer one of the two database headers behind it the version of what is serialised in it.
pub fn oldest_reader(headers: &[u8]) -> Option<EngineVersion> {
    if headers.get(8..12)? != b"DUCK" {
        return None;
    }
    let main = number(headers, 12)?;
    let storage = match main {
        0..=63 => return None,
        64 => OLDEST,
        65 => EngineVersion::new(1, 2, 0),
        66 => EngineVersion::new(1, 3, 0),
        67 => EngineVersion::new(1, 4, 0),
        68 => EngineVersion::new(1, 5, 0),
        _ => return Some(EngineVersion::new(2, 0, 0)),
    };
    let (first, second) = (number(headers, 4096 + 8)?, number(headers, 8192 + 8)?);
    let newer = if second > first { 8192 } else { 4096 };
    let serialised = match number(headers, newer + 56)? {
        // Nothing is said: as before there were numbers.
        0 | 1 => OLDEST,
        2 => EngineVersion::new(1, 0, 0),
        3 => EngineVersion::new(1, 1, 0),
        4 => EngineVersion::new(1, 2, 0),
        5 => EngineVersion::new(1, 3, 0),
        6 => EngineVersion::new(1, 4, 0),
        7 => EngineVersion::new(1, 5, 0),
        _ => EngineVersion::new(2, 0, 0),
    };
    Some(storage.max(serialised))
}

/// Reads eight bytes, the lowest first.
fn number(bytes: &[u8], at: usize) -> Option<u64> {
    let bytes: [u8; 8] = bytes.get(at..at + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}

/// Tells whether `reader` opens a file whose oldest reader is `oldest`: only the first two numbers
/// decide.
pub fn opens(reader: EngineVersion, oldest: EngineVersion) -> bool {
    (reader.major, reader.minor) >= (oldest.major, oldest.minor)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    #[test]
    fn versions_are_read() {
        for (text, version) in [
            ("1.2.2", (1, 2, 2)),
            ("v1.5.6", (1, 5, 6)),
            ("1.2", (1, 2, 0)),
            ("2", (2, 0, 0)),
            ("1.2.*", (1, 2, 0)),
            ("1.3.0.dev5", (1, 3, 0)),
            ("2.0.0rc1", (2, 0, 0)),
        ] {
            let (major, minor, patch) = version;
            assert_eq!(text.parse(), Ok(EngineVersion::new(major, minor, patch)), "{text}");
        }
        for text in ["", "v", "latest", "99999999.1", "."] {
            assert!(text.parse::<EngineVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_reader_decides_what_is_written() {
        let version = |text: &str| text.parse::<EngineVersion>().unwrap();
        for (reader, engine, storage) in [
            ("1.2.2", "1.5.6", Some("v1.2.0")),
            ("1.2.2", "2.0.0", Some("v1.2.0")),
            ("2.0.0", "1.5.6", Some("v1.5.0")),
            ("0.10.3", "1.4.4", Some("v0.10.0")),
            ("0.9.2", "1.4.4", None),
            ("2.1.3", "2.4.0", Some("v2.1.0")),
        ] {
            let found = storage_version(version(reader), version(engine));
            assert_eq!(found.as_deref(), storage, "{reader} {engine}");
        }
    }

    fn headers(main: u64, first: (u64, u64), second: (u64, u64)) -> Vec<u8> {
        let mut bytes = vec![0; HEADERS];
        bytes[8..12].copy_from_slice(b"DUCK");
        bytes[12..20].copy_from_slice(&main.to_le_bytes());
        for (at, (iteration, serialised)) in [(4096, first), (8192, second)] {
            bytes[at + 8..at + 16].copy_from_slice(&iteration.to_le_bytes());
            bytes[at + 56..at + 64].copy_from_slice(&serialised.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn a_file_names_its_oldest_reader() {
        let oldest = |bytes: &[u8]| oldest_reader(bytes).map(|version| version.to_string());
        assert_eq!(oldest(&headers(64, (1, 1), (0, 0))).as_deref(), Some("0.10.0"));
        assert_eq!(oldest(&headers(64, (1, 1), (2, 3))).as_deref(), Some("1.1.0"));
        assert_eq!(oldest(&headers(65, (3, 4), (2, 1))).as_deref(), Some("1.2.0"));
        assert_eq!(oldest(&headers(68, (3, 7), (2, 7))).as_deref(), Some("1.5.0"));
        assert_eq!(oldest(&headers(999, (0, 0), (0, 0))).as_deref(), Some("2.0.0"));
        assert_eq!(oldest(b"SQLite format 3\0"), None);
        assert_eq!(oldest(&headers(65, (3, 4), (2, 1))[..4200]), None);
        assert_eq!(oldest(&vec![0; HEADERS]), None);
    }

    #[test]
    fn patches_do_not_decide_whether_a_file_opens() {
        assert!(opens(EngineVersion::new(1, 2, 0), EngineVersion::new(1, 2, 2)));
        assert!(!opens(EngineVersion::new(1, 2, 2), EngineVersion::new(1, 3, 0)));
        assert!(opens(EngineVersion::new(2, 0, 0), EngineVersion::new(1, 2, 0)));
    }
}
