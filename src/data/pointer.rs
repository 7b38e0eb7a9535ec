//! Reading and writing `latest.json` and the descriptions of versions, as text.
//!
//! What is read comes from a store that others may write: every field is checked before it is used,
//! above all the path, which is fetched.

use serde::Deserialize;

use super::{Pointer, PublishedVersion};
use crate::model::DataVersion;

/// The most that is read of a pointer or a description, in bytes: it lists the columns of tables.
pub const MAX_POINTER: usize = 4 << 20;

/// The largest version that is fetched, in bytes: a wrong number must not fill a disk.
const MAX_SIZE: u64 = 1 << 44;

/// Why a pointer or a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It is no JSON of the right form.
    #[error("it is not what tidegate writes: {reason}")]
    Unreadable {
        /// What the parser said.
        reason: String,
    },
    /// A newer program has written it.
    #[error("it has format {format}, and this version of tidegate knows format {known}", known = Pointer::FORMAT)]
    Newer {
        /// Its format.
        format: u32,
    },
    /// Its fields contradict each other.
    #[error("{problem}")]
    Wrong {
        /// What is wrong.
        problem: &'static str,
    },
}

impl PointerError {
    /// What to do about a file that no program can use.
    pub const UNUSABLE: &'static str = "it was left as it is; look at who has written it, delete it, \
         and publish again with `tidegate sync`: versions are kept beside it";

    /// Returns what to do about it, as one sentence without full stop.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "use the version of tidegate that wrote it, or a newer one",
            Self::Unreadable { .. } | Self::Wrong { .. } => Self::UNUSABLE,
        }
    }
}

/// The field that says how to read the others.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

impl Pointer {
    /// The format that this program writes.
    pub const FORMAT: u32 = 1;

    /// Reads the text of `latest.json`, and checks what is followed later: path, digest and size.
    pub fn read(bytes: &[u8]) -> Result<Self, PointerError> {
        let Format { format } = read(bytes)?;
        if format > Self::FORMAT {
            return Err(PointerError::Newer { format });
        }
        if format != Self::FORMAT {
            return Err(PointerError::Wrong { problem: "there is no such format" });
        }
        let pointer: Self = read(bytes)?;
        pointer.version.check()?;
        Ok(pointer)
    }

    /// Returns the text of `latest.json`.
    pub fn text(&self) -> Result<Vec<u8>, PointerError> {
        write(self)
    }
}

impl PublishedVersion {
    /// Reads the description of `version`.
    pub fn read(bytes: &[u8], version: &DataVersion) -> Result<Self, PointerError> {
        let published: Self = read(bytes)?;
        published.check()?;
        if published.version != *version {
            return Err(PointerError::Wrong { problem: "it describes another version" });
        }
        Ok(published)
    }

    /// Returns the text of its description.
    pub fn text(&self) -> Result<Vec<u8>, PointerError> {
        write(self)
    }

    /// Checks that its fields belong together: nothing but the version's own file is ever fetched.
    pub fn check(&self) -> Result<(), PointerError> {
        let wrong = |problem| Err(PointerError::Wrong { problem });
        let hex = self.sha256.len() == 64
            && self.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !hex {
            return wrong("sha256 is not 64 lower-case hexadecimal digits");
        }
        if self.version.as_str().strip_prefix("sha256:") != Some(&self.sha256) {
            return wrong("version and sha256 name two digests");
        }
        let extension = self
            .path
            .strip_prefix("versions/")
            .and_then(|name| name.strip_prefix(self.sha256.as_str()))
            .and_then(|rest| rest.strip_prefix('.'));
        let fits =
            |e: &str| (1..=16).contains(&e.len()) && e.bytes().all(|b| b.is_ascii_alphanumeric());
        if !extension.is_some_and(fits) || extension == Some("json") {
            return wrong("path is not versions/, the digest and an extension");
        }
        if self.size == 0 || self.size > MAX_SIZE {
            return wrong("size is not one that a database can have");
        }
        Ok(())
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, PointerError> {
    serde_json::from_slice(bytes)
        .map_err(|error| PointerError::Unreadable { reason: shown(&error.to_string()) })
}

/// A text of others, on one short line.
fn shown(text: &str) -> String {
    text.chars().take(120).flat_map(char::escape_debug).collect()
}

fn write(value: &impl serde::Serialize) -> Result<Vec<u8>, PointerError> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| PointerError::Unreadable { reason: error.to_string() })?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use serde_json::{Value, json};

    use super::*;

    fn latest() -> Value {
        let hex = "a".repeat(64);
        json!({
            "format": 1, "version": format!("sha256:{hex}"), "sha256": hex, "size": 12,
            "created": "2026-02-07T19:53:58Z", "storage_format": "duckdb v1.2.0",
            "path": format!("versions/{hex}.duckdb"), "release": 7,
            "figures": {"rows": 3.0}, "moved": "2026-02-07T19:54:02Z", "later": {"unknown": true},
        })
    }

    fn parse(value: &Value) -> Result<Pointer, PointerError> {
        Pointer::read(&serde_json::to_vec(value).unwrap())
    }

    #[test]
    fn what_is_written_is_read_again() {
        let pointer = parse(&latest()).unwrap();
        assert_eq!((pointer.release, pointer.version.size), (Some(7), 12));
        assert_eq!(Pointer::read(&pointer.text().unwrap()), Ok(pointer.clone()));
        let text = pointer.version.text().unwrap();
        let again = PublishedVersion::read(&text, &pointer.version.version).unwrap();
        assert_eq!(again, pointer.version);
    }

    #[test]
    fn a_newer_format_is_told_apart_from_damage() {
        let newer = json!({"format": 2, "anything": true});
        assert_eq!(parse(&newer), Err(PointerError::Newer { format: 2 }));
        for damaged in ["", "{", "[]", "{}", "null", r#"{"format": 1}"#, r#"{"format": "1"}"#] {
            let error = Pointer::read(damaged.as_bytes()).unwrap_err();
            assert!(matches!(error, PointerError::Unreadable { .. }), "{damaged}: {error}");
        }
    }

    #[test]
    fn no_path_leads_to_another_file() {
        let hex = "a".repeat(64);
        for path in [
            "latest.json".to_owned(),
            format!("../versions/{hex}.duckdb"),
            format!("versions/{hex}"),
            format!("versions/{hex}.json"),
            format!("versions/{hex}.duckdb/../x"),
            format!("versions/{}.duckdb", "b".repeat(64)),
            format!("versions/{hex}.d b"),
        ] {
            let mut value = latest();
            value["path"] = json!(path);
            assert!(matches!(parse(&value), Err(PointerError::Wrong { .. })), "{path}");
        }
    }

    #[test]
    fn hostile_values_are_refused() {
        for (key, hostile) in [
            ("path", json!("https://evil.example/x")),
            ("path", json!("versions/x?sig=1")),
            ("path", json!("v/\u{1b}[2J")),
            ("path", json!("a".repeat(2000))),
            ("path", json!(7)),
            ("size", json!(0)),
            ("size", json!(-1)),
            ("size", json!(1_u64 << 60)),
            ("size", json!("9")),
            ("sha256", json!("A".repeat(64))),
            ("sha256", json!("ab")),
            ("version", json!("latest")),
            ("format", json!(0)),
            ("moved", json!("yesterday")),
        ] {
            let mut value = latest();
            value[key] = hostile.clone();
            let error = parse(&value).unwrap_err();
            assert!(!error.to_string().contains('\u{1b}'), "{key}: {hostile}: {error}");
        }
    }

    #[test]
    fn a_description_of_another_version_is_refused() {
        let pointer = parse(&latest()).unwrap();
        let other: DataVersion = format!("sha256:{}", "b".repeat(64)).parse().unwrap();
        let text = pointer.version.text().unwrap();
        assert!(PublishedVersion::read(&text, &other).is_err());
        let mut value = latest();
        value["sha256"] = json!("b".repeat(64));
        assert!(parse(&value).is_err());
    }
}
