//! Names of images, registries and platforms, as engines understand them.

use crate::model::ImageRef;
use crate::stack::ServiceImage;

/// Docker Hub's name, which engines add to names without a host.
const HUB: &str = "docker.io";

/// Returns the registry that an image is pulled from (`ghcr.io`, `docker.io`), for whoever looks for
/// credentials; `None` for an image layout.
pub fn registry_of(image: &ServiceImage) -> Option<&str> {
    match image {
        ServiceImage::Candidate { image: ImageRef::Registry { host, .. }, .. } => Some(host),
        ServiceImage::Candidate { image: ImageRef::Layout(_), .. } => None,
        ServiceImage::Given(name) => Some(host_of(name)),
    }
}

/// The first part of a name is a host where it looks like one ("distribution/reference", "domain").
fn host_of(name: &str) -> &str {
    match name.split_once('/') {
        Some((host, _)) if host == "localhost" || host.contains(['.', ':']) => host,
        _ => HUB,
    }
}

/// Whether a text can be the name of an image at all ("distribution/reference"): engines get it as a
/// part of a path.
pub(super) fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-/:@[]".contains(c);
    let part = |part: &str| !part.is_empty() && part != "." && part != "..";
    text.len() <= 512 && text.chars().all(known) && text.split('/').all(part)
}

/// A name with its tag: without one, engines would pull all tags.
pub(super) fn with_tag(name: &str) -> String {
    if name.contains('@') || tag_of(name).is_some() {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

/// Whether a name stands for something else from day to day.
pub(super) fn moves(name: &str) -> bool {
    !name.contains('@') && tag_of(name).is_none_or(|tag| tag == "latest")
}

fn tag_of(name: &str) -> Option<&str> {
    let last = name.rsplit_once('/').map_or(name, |(_, last)| last);
    last.split_once(':').map(|(_, tag)| tag)
}

/// Go's name of a processor, which images use, for the name that kernels give it.
pub(super) fn architecture(name: &str) -> &str {
    match name {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" | "i686" => "386",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_found() {
        for (name, host) in [
            ("postgres", "docker.io"),
            ("postgres:16", "docker.io"),
            ("library/postgres", "docker.io"),
            ("localhost/x", "localhost"),
            ("127.0.0.1:5000/x:1", "127.0.0.1:5000"),
            ("ghcr.io/a/b@sha256:00", "ghcr.io"),
        ] {
            assert_eq!(registry_of(&ServiceImage::Given(name.to_owned())), Some(host), "{name}");
        }
        let layout = "oci:x".parse().unwrap();
        let digest = crate::model::Digest::of(b"");
        assert_eq!(registry_of(&ServiceImage::Candidate { image: layout, digest }), None);
    }

    #[test]
    fn hostile_names_are_none() {
        for name in ["postgres:16", "ghcr.io/a/b@sha256:00", "[::1]:5000/x", "a/b_c.d"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(513);
        for name in ["", "../x", "a/../b", "a//b", "/a", "a b", "a?x=1", "a%2f", "a\nb", &long] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn tags_are_seen() {
        for (name, full, moving) in [
            ("postgres", "postgres:latest", true),
            ("postgres:16", "postgres:16", false),
            ("127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", true),
            ("127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest", true),
            ("x@sha256:00", "x@sha256:00", false),
        ] {
            assert_eq!((with_tag(name).as_str(), moves(name)), (full, moving), "{name}");
        }
    }
}
