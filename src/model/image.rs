//! Where an image lives.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The place of an image, without tag or digest: a repository in a registry, or an OCI image
/// layout on disk (`oci:path`).
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum ImageRef {
    /// A repository in a registry that speaks the OCI distribution API.
    Registry {
        /// Host and, where given, port: `ghcr.io`, `127.0.0.1:5000`.
        host: String,
        /// The repository: `acme/app`.
        repository: String,
    },
    /// A folder that is an OCI image layout (image-layout.md of the OCI image specification).
    Layout(
        /// The folder; relative to the root of the git work tree.
        PathBuf,
    ),
}

const EXPECTED: &str = "an image without tag or digest, such as ghcr.io/acme/app or oci:path";

impl FromStr for ImageRef {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new(text, EXPECTED);
        if let Some(path) = text.strip_prefix("oci:") {
            if path.is_empty() || path.contains('\0') {
                return Err(invalid());
            }
            return Ok(Self::Layout(Path::new(path).to_owned()));
        }
        let (host, repository) = text.split_once('/').ok_or_else(invalid)?;
        let names_a_host = host == "localhost" || host.contains('.') || host.contains(':');
        if !names_a_host || !is_host(host) || !is_repository(repository) {
            return Err(invalid());
        }
        Ok(Self::Registry { host: host.to_owned(), repository: repository.to_owned() })
    }
}

/// `host[:port]`, IPv6 addresses in brackets.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((name, port)) => (name, port.strip_prefix(':')),
            None => return false,
        },
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    !name.is_empty()
        && !name.starts_with('-')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

/// The `<name>` of the OCI distribution specification, section "Pulling manifests".
fn is_repository(text: &str) -> bool {
    text.len() <= 255
        && text.split('/').all(|part| {
            let edge =
                |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            let bytes = part.as_bytes();
            edge(bytes.first())
                && edge(bytes.last())
                && bytes
                    .iter()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b))
        })
}

impl TryFrom<String> for ImageRef {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> String {
        image.to_string()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry { host, repository } => f.pad(&format!("{host}/{repository}")),
            Self::Layout(path) => f.pad(&format!("oci:{}", path.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_read_and_written_alike() {
        for text in [
            "ghcr.io/acme/app",
            "127.0.0.1:5000/a/b/c",
            "localhost/x",
            "oci:./layout",
            "[::1]:5000/x",
        ] {
            assert_eq!(text.parse::<ImageRef>().map(|i| i.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn hostile_images_are_refused() {
        for text in [
            "",
            "app",
            "acme/app",
            "ghcr.io/",
            "ghcr.io/A",
            "ghcr.io/a:tag",
            "ghcr.io/a@sha256:0",
            "oci:",
            "-x.io/a",
            "h:99999/a",
            "ghcr.io/../a",
            "user@ghcr.io/a",
        ] {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }
}
