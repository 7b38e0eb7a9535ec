//! The nouns of a release: commits, trees, digests, tags, images, data versions.
//!
//! Every type here is checked when it is made, so that the rest of the code never meets
//! an abbreviated commit, an option-like tag or a digest with the wrong length.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod backup_url;
mod image;
mod store;
pub mod store_variables;
pub use backup_url::BackupUrl;
pub use image::ImageRef;
pub use store::StoreUrl;

/// Says why a text is not the value it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not {expected}")]
pub struct InvalidValue {
    given: String,
    expected: &'static str,
}

impl InvalidValue {
    /// Keeps at most 80 characters of `given`: it may be hostile and it may be long.
    pub fn new(given: &str, expected: &'static str) -> Self {
        Self { given: given.chars().take(80).collect(), expected }
    }
}

/// Makes a checked newtype over `String` with `FromStr`, `Display` and serde in both directions.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidValue::new(text, $expected))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;

            fn try_from(text: String) -> Result<Self, InvalidValue> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0
            }
        }

        /// Shows the text in quotes: error messages quote names by it.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

checked_text!(
    /// The full id of a commit: 40 lower-case hexadecimal digits (SHA-1 repositories).
    CommitSha,
    is_object_id,
    "a full commit id (40 lower-case hexadecimal digits)"
);

checked_text!(
    /// The full id of a tree.
    TreeSha,
    is_object_id,
    "a full tree id (40 lower-case hexadecimal digits)"
);

checked_text!(
    /// A content digest as the OCI image specification writes it (descriptor.md, "Digests"):
    /// `sha256:` and 64 lower-case hexadecimal digits.
    Digest,
    |text| text.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && is_lower_hex(hex)),
    "a digest (sha256: and 64 lower-case hexadecimal digits)"
);

checked_text!(
    /// A tag as the OCI distribution specification allows it ("Pulling manifests"):
    /// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
    Tag,
    is_tag,
    "a tag (letters, digits, _ . - ; at most 128; not starting with . or -)"
);

checked_text!(
    /// The name of a branch without `refs/heads/`, by the rules of git-check-ref-format(1).
    BranchName,
    is_branch_name,
    "a branch name that git accepts"
);

checked_text!(
    /// The name of a hold, which is the name of a file too: what a tag may be, at most 64 long.
    HoldId,
    |text| is_tag(text) && text.len() <= 64,
    "a name for a hold (letters, digits, _ . - ; at most 64; not starting with . or -)"
);

checked_text!(
    /// The name of an immutable published copy of a data set.
    DataVersion,
    |text| !text.is_empty()
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-:".contains(&b)),
    "a data version (letters, digits, . _ - : ; at most 128)"
);

fn is_lower_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_object_id(text: &str) -> bool {
    text.len() == 40 && is_lower_hex(text)
}

fn is_tag(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=128).contains(&bytes.len())
        && !b".-".contains(&bytes[0])
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(b))
}

fn is_branch_name(text: &str) -> bool {
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    !text.is_empty()
        && text.len() <= 244
        && !text.starts_with('-')
        && text != "@"
        && !text.contains("..")
        && !text.contains("@{")
        && !text.ends_with('.')
        && !text.chars().any(forbidden)
        && text.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && std::path::Path::new(part).extension().is_none_or(|e| e != "lock")
        })
}

impl CommitSha {
    /// Returns the first seven digits, as people quote commits.
    pub fn short(&self) -> &str {
        &self.0[..7]
    }
}

impl BranchName {
    /// Returns the full ref name; a tag of the same name can never be meant.
    pub fn full_ref(&self) -> String {
        format!("refs/heads/{}", self.0)
    }

    /// Returns the name as it may stand in an image tag: `/` becomes `-`.
    pub fn for_tag(&self) -> String {
        self.0.replace('/', "-")
    }
}

impl Digest {
    /// Computes the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::of_sha256(&sha2::Sha256::digest(bytes).into())
    }

    /// Takes the SHA-256 of bytes that were hashed piece by piece.
    pub fn of_sha256(hash: &[u8; 32]) -> Self {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(71);
        text.push_str("sha256:");
        for byte in hash {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// Returns the hexadecimal part.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// Returns the first twelve digits after the algorithm, as container tools print digests.
    pub fn short(&self) -> &str {
        &self.0["sha256:".len()..][..12]
    }
}

impl DataVersion {
    /// Returns the first twelve digits after the algorithm, as people quote versions.
    pub fn short(&self) -> &str {
        let hex = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        hex.get(..12).unwrap_or(hex)
    }
}

/// One run of a workflow and one attempt of it, as GitHub counts them
/// (`GITHUB_RUN_ID`, `GITHUB_RUN_ATTEMPT`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// The id of the run; `0` stands for a run by hand.
    pub id: u64,
    /// The attempt, from 1.
    pub attempt: u32,
}

impl fmt::Display for RunIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.id, self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_commit_ids_are_refused() {
        for text in ["", "611b29b", "--upload-pack=x", &"A".repeat(40), &"g".repeat(40), "HEAD"] {
            assert!(text.parse::<CommitSha>().is_err(), "{text}");
        }
        assert!("0123456789abcdef0123456789abcdef01234567".parse::<CommitSha>().is_ok());
    }

    #[test]
    fn hostile_branch_names_are_refused() {
        for text in ["", "-d", "a..b", "a b", "a:b", "/a", "a/", "a/.b", "a.lock", "x@{1}", "@"] {
            assert!(text.parse::<BranchName>().is_err(), "{text}");
        }
        assert_eq!("feature/x".parse::<BranchName>().map(|b| b.for_tag()), Ok("feature-x".into()));
    }

    #[test]
    fn hostile_tags_are_refused() {
        for text in ["", ".a", "-a", "a/b", "a:b", &"a".repeat(129)] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }

    #[test]
    fn digest_of_known_bytes() {
        assert_eq!(
            Digest::of(b"").as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
