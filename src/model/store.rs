//! Where data is kept.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The address of an object store. Credentials are never part of it.
///
/// `azure://account/`, `s3://bucket/prefix/`, `gs://bucket/prefix/`, `file:///absolute/folder`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum StoreUrl {
    /// An Azure storage account; its containers are those of the layers.
    Azure {
        /// The account's name: 3 to 24 lower-case letters and digits.
        account: String,
    },
    /// A bucket of S3, or of a server that speaks its protocol; layers are folders below `prefix`.
    S3 {
        /// The bucket.
        bucket: String,
        /// Empty, or a folder with `/` at its end.
        prefix: String,
    },
    /// A bucket of Google Cloud Storage; layers are folders below `prefix`.
    Gcs {
        /// The bucket.
        bucket: String,
        /// Empty, or a folder with `/` at its end.
        prefix: String,
    },
    /// A folder of this machine or of a mounted share; layers are folders in it.
    Folder {
        /// The absolute path, with `/` between its parts and none at its end.
        path: String,
    },
}

const EXPECTED: &str = "a store such as azure://account/, s3://bucket/, gs://bucket/ or file:///absolute/folder, without credentials, spaces and ..";

/// Tells whether a text is the name of a bucket: 3 to 63 (Google: 222, with dots) characters.
fn is_bucket(name: &str) -> bool {
    (3..=222).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Reads `bucket/folder/` into its two parts.
fn bucket(rest: &str) -> Option<(String, String)> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let prefix = prefix.trim_end_matches('/');
    let plain = |part: &str| {
        !matches!(part, "" | "." | "..")
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-=".contains(&b))
    };
    let prefix_fits = prefix.is_empty() || prefix.split('/').all(plain);
    (is_bucket(bucket) && prefix_fits).then(|| {
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        (bucket.to_owned(), prefix)
    })
}

impl FromStr for StoreUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new(text, EXPECTED);
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        match scheme {
            "azure" | "az" => {
                let account = rest.trim_end_matches('/');
                let fits = (3..=24).contains(&account.len())
                    && account.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
                fits.then(|| Self::Azure { account: account.to_owned() }).ok_or_else(wrong)
            }
            "s3" => {
                bucket(rest).map(|(bucket, prefix)| Self::S3 { bucket, prefix }).ok_or_else(wrong)
            }
            "gs" => {
                bucket(rest).map(|(bucket, prefix)| Self::Gcs { bucket, prefix }).ok_or_else(wrong)
            }
            "file" => {
                let path = rest.trim_end_matches('/');
                let plain = path.starts_with('/')
                    && !path.chars().any(char::is_control)
                    && path.split('/').skip(1).all(|part| !matches!(part, "" | "." | ".."));
                plain.then(|| Self::Folder { path: path.to_owned() }).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Azure { account } => write!(f, "azure://{account}/"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Self::Gcs { bucket, prefix } => write!(f, "gs://{bucket}/{prefix}"),
            Self::Folder { path } => write!(f, "file://{path}"),
        }
    }
}

impl TryFrom<String> for StoreUrl {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<StoreUrl> for String {
    fn from(url: StoreUrl) -> String {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::StoreUrl;

    #[test]
    fn what_is_read_is_shown_again() {
        for text in [
            "azure://acme/",
            "s3://acme-data/",
            "s3://acme-data/a/b/",
            "gs://acme/",
            "file:///srv/lake",
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_store_is_refused() {
        for text in [
            "",
            "azure://",
            "azure://Acme/",
            "azure://user:key@acme/",
            "s3://",
            "s3://a/../b",
            "s3://key:secret@bucket/",
            "file://relative",
            "file:///a/../b",
            "file:///",
            "http://acme/",
            "gs://acme/a b",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text}");
        }
    }
}
