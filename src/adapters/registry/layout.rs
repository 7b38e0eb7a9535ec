//! OCI image layouts on disk (OCI image specification, image-layout.md): `oci:path`.
//!
//! A tag is a descriptor in `index.json` with the annotation `org.opencontainers.image.ref.name`.
//! Moving one rewrites `index.json` as a whole, under a lock and by a rename, so that a reader
//! and a killed run see the old file or the new one. What tidegate does not know is kept.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::RegistryError;
use super::manifest::{LARGEST_MANIFEST, Manifest, OCI_INDEX, OCI_MANIFEST, Reference};
use crate::model::{Digest, Tag};

mod builder;
pub use builder::{Builder, PlatformImage};

/// The annotation that makes a descriptor of `index.json` a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The largest `index.json` that is read, in bytes.
const LARGEST_INDEX: usize = 16 * 1024 * 1024;

/// The file that writers of `index.json` lock; it stays, empty.
const LOCK_FILE: &str = ".tidegate.lock";

/// An OCI image layout.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    folder: PathBuf,
}

impl Layout {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(super) fn manifest(
        &self,
        reference: &Reference,
    ) -> Result<Option<Manifest>, RegistryError> {
        let index = self.read_index()?;
        let (digest, media_type) = match reference {
            Reference::Tag(tag) => match self.tagged(&index, tag)? {
                Some(descriptor) => {
                    (self.digest_of(descriptor)?, text(descriptor, "mediaType").map(str::to_owned))
                }
                None => return Ok(None),
            },
            Reference::Digest(digest) => {
                let named = descriptors(&index)
                    .find(|descriptor| text(descriptor, "digest") == Some(digest.as_str()))
                    .and_then(|descriptor| text(descriptor, "mediaType"));
                (digest.clone(), named.map(str::to_owned))
            }
        };
        let Some(bytes) = self.blob(&digest)? else { return Ok(None) };
        let media_type = media_type.unwrap_or_else(|| guessed_media_type(&bytes));
        Manifest::from_received(&media_type, bytes)
            .map(Some)
            .map_err(|reason| broken(&self.blob_path(&digest), &reason))
    }

    /// Reads a blob of at most 4 MiB, and holds it against its digest.
    pub(super) fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, RegistryError> {
        let path = self.blob_path(digest);
        let Some(bytes) = read_bounded(&path, LARGEST_MANIFEST).map_err(|e| failed(&path, &e))?
        else {
            return Ok(None);
        };
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(broken(&path, &format!("the content is {found}; restore this file")));
        }
        Ok(Some(bytes))
    }

    /// Makes a tag name a manifest. The manifest that it named before stays in the index.
    pub(super) async fn put_tag(
        &self,
        tag: &Tag,
        manifest: &Manifest,
        patience: Duration,
    ) -> Result<(), RegistryError> {
        // Also says so where this is no layout, before anything is written.
        self.read_index()?;
        let _lock = self.lock(patience).await?;
        let blob = self.blob_path(&manifest.digest);
        if self.blob(&manifest.digest)?.is_none() {
            write_file(&blob, &manifest.bytes).map_err(|error| failed(&blob, &error))?;
        }
        let mut index = self.read_index()?;
        self.retag(&mut index, tag, manifest)?;
        let path = self.index_path();
        let bytes =
            serde_json::to_vec_pretty(&index).map_err(|error| broken(&path, &error.to_string()))?;
        write_file(&path, &bytes).map_err(|error| failed(&path, &error))?;
        let found = self.manifest(&Reference::Tag(tag.clone()))?;
        if found.as_ref() != Some(manifest) {
            return Err(broken(&path, &format!("{tag} does not read back as it was put")));
        }
        Ok(())
    }

    fn retag(
        &self,
        index: &mut Map<String, Value>,
        tag: &Tag,
        manifest: &Manifest,
    ) -> Result<(), RegistryError> {
        self.tagged(index, tag)?;
        let path = self.index_path();
        let Some(Value::Array(entries)) = index.get_mut("manifests") else {
            return Err(broken(&path, "no array \"manifests\""));
        };
        // A descriptor of the same manifest brings its platform, its annotations and whatever
        // else its writer knew.
        let digest = manifest.digest.as_str();
        let mut entry = entries
            .iter()
            .find(|entry| text(entry, "digest") == Some(digest))
            .cloned()
            .unwrap_or_else(|| {
                json!({
                    "mediaType": manifest.media_type,
                    "digest": digest,
                    "size": manifest.bytes.len(),
                })
            });
        if let Some(entry) = entry.as_object_mut() {
            let annotations = entry.entry("annotations").or_insert_with(|| json!({}));
            if let Some(annotations) = annotations.as_object_mut() {
                annotations.insert(REF_NAME.to_owned(), json!(tag.as_str()));
            }
        }
        let at = entries.iter().position(|entry| ref_name(entry) == Some(tag.as_str()));
        let old = at.map(|at| entries.remove(at));
        entries.retain(|entry| ref_name(entry) != Some(tag.as_str()));
        // An entry without a tag says no more than the tagged one.
        entries.retain(|entry| text(entry, "digest") != Some(digest) || ref_name(entry).is_some());
        entries.insert(at.unwrap_or(entries.len()).min(entries.len()), entry);
        // Garbage collection removes what the index does not name, and moving a tag must not
        // delete an image.
        if let Some(mut old) = old
            && !entries.iter().any(|entry| text(entry, "digest") == text(&old, "digest"))
        {
            if let Some(annotations) = old.get_mut("annotations").and_then(Value::as_object_mut) {
                annotations.remove(REF_NAME);
            }
            entries.push(old);
        }
        Ok(())
    }

    /// The descriptor of a tag; two that disagree are an error, not a choice.
    fn tagged<'a>(
        &self,
        index: &'a Map<String, Value>,
        tag: &Tag,
    ) -> Result<Option<&'a Value>, RegistryError> {
        let mut found = descriptors(index).filter(|entry| ref_name(entry) == Some(tag.as_str()));
        let first = found.next();
        if found.any(|other| Some(text(other, "digest")) != first.map(|f| text(f, "digest"))) {
            let reason = format!("{tag} names two manifests; remove one of them");
            return Err(broken(&self.index_path(), &reason));
        }
        Ok(first)
    }

    fn digest_of(&self, descriptor: &Value) -> Result<Digest, RegistryError> {
        text(descriptor, "digest").unwrap_or_default().parse().map_err(
            |error: crate::model::InvalidValue| broken(&self.index_path(), &error.to_string()),
        )
    }

    fn read_index(&self) -> Result<Map<String, Value>, RegistryError> {
        let marker = self.folder.join("oci-layout");
        let hint = "there is no OCI image layout here; push the candidate first, for example with \
                    docker buildx build --output type=oci,tar=false,dest=path";
        let Some(version) = read_bounded(&marker, 4096).map_err(|e| failed(&marker, &e))? else {
            return Err(broken(&self.folder, hint));
        };
        let version: Value = serde_json::from_slice(&version).unwrap_or_default();
        if !text(&version, "imageLayoutVersion").is_some_and(|version| version.starts_with("1.")) {
            let reason = "expected {\"imageLayoutVersion\": \"1.0.0\"}";
            return Err(broken(&marker, reason));
        }
        let path = self.index_path();
        let bytes = read_bounded(&path, LARGEST_INDEX)
            .map_err(|error| failed(&path, &error))?
            .ok_or_else(|| broken(&path, "the file is missing"))?;
        let index: Map<String, Value> = serde_json::from_slice(&bytes)
            .map_err(|error| broken(&path, &format!("expected a JSON object ({error})")))?;
        match index.get("manifests") {
            Some(Value::Array(_)) => Ok(index),
            _ => Err(broken(&path, "expected an array \"manifests\"")),
        }
    }

    /// The kernel frees the lock of a killed run.
    async fn lock(&self, patience: Duration) -> Result<File, RegistryError> {
        let path = self.folder.join(LOCK_FILE);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| failed(&path, &error))?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(failed(&path, &error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    let reason = format!("another process has held the lock for {patience:?}");
                    return Err(broken(&path, &reason));
                }
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }

    fn index_path(&self) -> PathBuf {
        self.folder.join("index.json")
    }

    /// A digest is checked when it is made, so this cannot leave the folder.
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs").join("sha256").join(digest.hex())
    }
}

fn broken(path: &Path, reason: &str) -> RegistryError {
    RegistryError::Layout { path: path.to_owned(), reason: crate::http::one_line(reason) }
}

fn failed(path: &Path, error: &io::Error) -> RegistryError {
    broken(path, &error.to_string())
}

fn descriptors(index: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    index.get("manifests").and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn ref_name(descriptor: &Value) -> Option<&str> {
    descriptor.get("annotations").and_then(|annotations| text(annotations, REF_NAME))
}

/// A manifest that is named by its digest alone says itself what it is; older ones do not have to.
fn guessed_media_type(bytes: &[u8]) -> String {
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let default = if document.get("manifests").is_some() { OCI_INDEX } else { OCI_MANIFEST };
    text(&document, "mediaType").unwrap_or(default).to_owned()
}

/// Reads a regular file of at most `limit` bytes; `None` where there is none. Anything else than
/// a regular file could block for ever.
fn read_bounded(path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(io::Error::other("not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > limit {
        return Err(io::Error::other(format!("larger than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// Writes a file as a whole: beside it, flushed to the disk, then renamed over it.
fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".tidegate-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    set_mode(file.as_file())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The rename itself has to survive a power cut, too.
    File::open(folder)?.sync_all()
}

/// Temporary files are private, and a layout is shared with other tools.
#[cfg(unix)]
fn set_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_mode(_file: &File) -> io::Result<()> {
    Ok(())
}
