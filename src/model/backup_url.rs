//! Where backups are kept.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{InvalidValue, StoreUrl};

/// The container of backups where the address names none.
const USUAL: &str = "backups";

const EXPECTED: &str = "a store such as azure://account/container/, s3://bucket/folder/, gs://bucket/folder/ or file:///absolute/folder, without credentials, spaces and ..";

/// The address of the backups of a database: that of a store, with a folder in it. Credentials are never part
/// of it.
///
/// `azure://account/container/`, `s3://bucket/folder/`, `gs://bucket/folder/`, `file:///absolute/folder`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct BackupUrl {
    store: StoreUrl,
    /// The container of an Azure account, where it is named.
    container: Option<String>,
}

impl BackupUrl {
    /// Returns the store and the container in it: of a bucket or a folder, the last folder of the path.
    pub fn place(&self) -> (StoreUrl, String) {
        let last = |path: &str| {
            let path = path.trim_end_matches('/');
            let (parent, last) = path.rsplit_once('/').unwrap_or(("", path));
            (parent.to_owned(), last.to_owned())
        };
        let prefix = |parent: String| if parent.is_empty() { parent } else { format!("{parent}/") };
        match &self.store {
            StoreUrl::S3 { bucket, prefix: path } if !path.is_empty() => {
                let (parent, container) = last(path);
                (StoreUrl::S3 { bucket: bucket.clone(), prefix: prefix(parent) }, container)
            }
            StoreUrl::Gcs { bucket, prefix: path } if !path.is_empty() => {
                let (parent, container) = last(path);
                (StoreUrl::Gcs { bucket: bucket.clone(), prefix: prefix(parent) }, container)
            }
            StoreUrl::Folder { path } => {
                let (parent, container) = last(path);
                let path = if parent.is_empty() { "/".to_owned() } else { parent };
                (StoreUrl::Folder { path }, container)
            }
            StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. } => {
                let container = self.container.clone().unwrap_or_else(|| USUAL.to_owned());
                (self.store.clone(), container)
            }
        }
    }
}

/// Tells whether a text is the name of a container ("Naming and referencing containers, blobs, and metadata",
/// Azure Blob Storage).
fn is_container(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (3..=63).contains(&name.len())
        && name.split('-').all(|part| !part.is_empty() && part.bytes().all(plain))
}

impl FromStr for BackupUrl {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let wrong = || InvalidValue::new(text, EXPECTED);
        let azure = text.strip_prefix("azure://").or_else(|| text.strip_prefix("az://"));
        let named = azure.and_then(|rest| rest.trim_end_matches('/').split_once('/'));
        let (store, container) = match named {
            Some((account, container)) if is_container(container) => {
                (format!("azure://{account}/"), Some(container.to_owned()))
            }
            Some(_) => return Err(wrong()),
            None => (text.to_owned(), None),
        };
        Ok(Self { store: store.parse().map_err(|_| wrong())?, container })
    }
}

impl fmt::Display for BackupUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.container {
            Some(container) => write!(f, "{}{container}/", self.store),
            None => self.store.fmt(f),
        }
    }
}

impl TryFrom<String> for BackupUrl {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<BackupUrl> for String {
    fn from(url: BackupUrl) -> String {
        url.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::BackupUrl;

    #[test]
    fn backups_lie_where_the_address_says() {
        for (text, store, container) in [
            ("s3://acme/", "s3://acme/", "backups"),
            ("s3://acme/backups/", "s3://acme/", "backups"),
            ("s3://acme/sales/nightly/", "s3://acme/sales/", "nightly"),
            ("gs://acme/nightly/", "gs://acme/", "nightly"),
            ("azure://acme/", "azure://acme/", "backups"),
            ("azure://acme/sales/", "azure://acme/", "sales"),
            ("azure://acme/sales-2-nightly/", "azure://acme/", "sales-2-nightly"),
            ("file:///srv/nightly", "file:///srv", "nightly"),
            ("file:///nightly", "file:///", "nightly"),
        ] {
            let url: BackupUrl = text.parse().unwrap();
            let (found, name) = url.place();
            assert_eq!((found.to_string().as_str(), name.as_str()), (store, container), "{text}");
            assert_eq!(url.to_string(), text);
        }
        for text in ["azure://acme/sales", "az://acme/sales/"] {
            assert_eq!(text.parse::<BackupUrl>().unwrap().to_string(), "azure://acme/sales/");
        }
    }

    #[test]
    fn what_is_no_place_of_backups_is_refused() {
        for text in [
            "",
            "backups",
            "azure://acme/Sales/",
            "azure://acme/sales/nightly/",
            "azure://acme/../",
            "azure://acme/a--b/",
            "azure://acme/-ab/",
            "azure://acme/ab/",
            "azure://user:key@acme/sales/",
            "azure:///sales/",
            "s3://acme/../x/",
        ] {
            let said = text.parse::<BackupUrl>().unwrap_err().to_string();
            assert!(said.contains("azure://account/container/"), "{text:?}: {said}");
        }
    }
}
