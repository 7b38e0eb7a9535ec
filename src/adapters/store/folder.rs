//! A store in a folder of this machine or of a mounted share.
//!
//! An object is a file, written beside its place under a hidden name and renamed, so that it is there
//! whole or not at all. A conditional write holds the container's lock from the comparison to the
//! rename. Symbolic links inside the store are not followed.

use std::fs::{self, File, Metadata};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use tempfile::NamedTempFile;
use url::Url;

use super::remote::Opened;
use super::upload::{Source, blocking};
use super::{Expect, Object, StoreError, Written};

mod lock;
mod readers;
mod swept;

use lock::lock;
use readers::{Readers, make};
use swept::{Swept, sweep};

/// How names begin that are no objects: the lock, and files that are being written.
const HIDDEN: &str = ".tidegate-";
/// What is read and written at once, in bytes.
const PIECE: u64 = 256 * 1024;
/// How the names of files end that are being written.
const PART: &str = ".part";

/// A container: a folder in the store's folder.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    /// The container's folder.
    pub(super) root: PathBuf,
    /// The folders that were swept by this process, see [`sweep`].
    swept: Swept,
    /// Who may read what is written; `None` for whom the user's umask lets.
    readers: Option<Readers>,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |source| StoreError::File { path: path.to_owned(), source }
}

impl Folder {
    /// A container in this folder.
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root, swept: Swept::default(), readers: None }
    }

    /// What is written from now on is read by nobody who cannot read that file.
    pub(super) fn limit_readers(&mut self, file: &Path) {
        self.readers = Readers::of(file);
    }

    pub(super) async fn create_if_missing(&self) -> Result<bool, StoreError> {
        let own = self.clone();
        blocking(move || own.make_root()).await
    }

    pub(super) async fn head(&self, path: &str) -> Result<Option<Object>, StoreError> {
        let (own, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let file = own.file(&path)?;
            match fs::symlink_metadata(&file) {
                Ok(metadata) if metadata.is_file() => Ok(Some(object(path, &metadata))),
                Ok(_) => Ok(None),
                Err(error) if is_missing(&error) => Ok(None),
                Err(error) => Err(failed(&file)(error)),
            }
        })
        .await
    }

    pub(super) async fn open(
        &self,
        path: &str,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<Option<Opened>, StoreError> {
        let (own, path, etag) = (self.clone(), path.to_owned(), etag.map(str::to_owned));
        let opened = blocking(move || {
            let name = own.file(&path)?;
            let mut file = match File::open(&name) {
                Ok(file) => file,
                Err(error) if is_missing(&error) => return Ok(None),
                Err(error) => return Err(failed(&name)(error)),
            };
            let metadata = file.metadata().map_err(failed(&name))?;
            if !metadata.is_file() {
                return Ok(None);
            }
            let object = object(path, &metadata);
            if etag.is_some_and(|etag| etag != object.etag) || offset > object.size {
                return Err(StoreError::Moved { place: name.display().to_string() });
            }
            file.seek(SeekFrom::Start(offset)).map_err(failed(&name))?;
            Ok(Some((name, file, object)))
        })
        .await?;
        let Some((name, file, object)) = opened else { return Ok(None) };
        let left = object.size - offset;
        let bytes = stream::try_unfold((name, file, left), |(name, mut file, left)| async move {
            if left == 0 {
                return Ok(None);
            }
            let (name, file, piece) = blocking(move || {
                let mut piece = Vec::new();
                let read = (&mut file).take(left.min(PIECE)).read_to_end(&mut piece);
                read.map_err(failed(&name))?;
                Ok((name, file, piece))
            })
            .await?;
            if piece.is_empty() {
                return Err(StoreError::Moved { place: name.display().to_string() });
            }
            let left = left - piece.len() as u64;
            Ok(Some((Bytes::from(piece), (name, file, left))))
        });
        Ok(Some(Opened { object, bytes: bytes.boxed() }))
    }

    pub(super) async fn write(
        &self,
        path: &str,
        bytes: Bytes,
        expect: Expect,
    ) -> Result<Written, StoreError> {
        let (own, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let target = own.target(&path)?;
            let mut new = own.beside(&target)?;
            new.write_all(&bytes).map_err(failed(&target))?;
            let _lock = lock(&own.root)?;
            let there = match fs::symlink_metadata(&target) {
                Ok(metadata) => Some(object(path.clone(), &metadata).etag),
                Err(error) if is_missing(&error) => None,
                Err(error) => return Err(failed(&target)(error)),
            };
            let as_expected = match &expect {
                Expect::Anything => true,
                Expect::Missing => there.is_none(),
                Expect::Version(etag) => there.as_ref() == Some(etag),
            };
            if !as_expected {
                return Ok(Written::Moved);
            }
            let metadata = put(new, &target)?;
            Ok(Written::Done(object(path, &metadata).etag))
        })
        .await
    }

    pub(super) async fn upload(
        &self,
        path: &str,
        file: &Path,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Object, StoreError> {
        let (own, path, file) = (self.clone(), path.to_owned(), file.to_owned());
        let mut state = blocking(move || {
            let source = Source::open(&file)?;
            let target = own.target(&path)?;
            let new = own.beside(&target)?;
            Ok((source, new, target, path, own))
        })
        .await?;
        let mut read = 0;
        loop {
            let (back, length) = blocking(move || {
                let bytes = state.0.piece(PIECE)?;
                state.1.write_all(&bytes).map_err(failed(&state.2))?;
                Ok((state, bytes.len() as u64))
            })
            .await?;
            state = back;
            if length == 0 {
                break;
            }
            read += length;
            sent(length);
            if read > state.0.size() {
                break;
            }
        }
        blocking(move || {
            let (source, new, target, path, own) = state;
            let sha256 = source.finish(read)?;
            let _lock = lock(&own.root)?;
            let metadata = put(new, &target)?;
            Ok(Object { sha256: Some(sha256), ..object(path, &metadata) })
        })
        .await
    }

    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (own, from, to) = (self.clone(), from.to_owned(), to.to_owned());
        blocking(move || {
            let source = own.file(&from)?;
            let mut file = match File::open(&source) {
                Ok(file) => file,
                Err(error) if is_missing(&error) => {
                    return Err(StoreError::Missing { place: source.display().to_string() });
                }
                Err(error) => return Err(failed(&source)(error)),
            };
            let target = own.target(&to)?;
            let mut new = own.beside(&target)?;
            io::copy(&mut file, new.as_file_mut()).map_err(failed(&target))?;
            let _lock = lock(&own.root)?;
            put(new, &target).map(|_| ())
        })
        .await
    }

    pub(super) fn list(&self, folder: &str) -> BoxStream<'static, Result<Object, StoreError>> {
        let (own, folder) = (self.clone(), folder.trim_end_matches('/').to_owned());
        let begin = async move {
            let listed = blocking(move || own.walk(&folder)).await;
            match listed {
                Ok(objects) => stream::iter(objects.into_iter().map(Ok)).boxed(),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(begin).flatten().boxed()
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), StoreError> {
        let (own, path) = (self.clone(), path.to_owned());
        blocking(move || {
            let file = own.file(&path)?;
            match fs::remove_file(&file) {
                Ok(()) => Ok(()),
                Err(error) if is_missing(&error) => Ok(()),
                Err(error) => Err(failed(&file)(error)),
            }
        })
        .await
    }

    /// The file's URL: a folder has nothing that signs.
    pub(super) fn url(&self, path: &str) -> Result<Url, StoreError> {
        let file = match path {
            "" => self.root.clone(),
            path => self.named(path)?,
        };
        Url::from_file_path(file).map_err(|()| StoreError::Path { path: path.to_owned() })
    }

    fn make_root(&self) -> Result<bool, StoreError> {
        let made = !self.root.exists();
        self.real_folders(&self.root, &self.root)?;
        make(self.readers, &self.root).map_err(failed(&self.root))?;
        Ok(made)
    }

    /// The file of an object, as it is named.
    fn named(&self, path: &str) -> Result<PathBuf, StoreError> {
        let plain = |part: &str| {
            !matches!(part, "" | "." | "..")
                && !part.starts_with(HIDDEN)
                && !part.chars().any(|c| c == '\0' || (c == '\\' && cfg!(windows)))
        };
        if !path.split('/').all(plain) {
            return Err(StoreError::Path { path: path.to_owned() });
        }
        Ok(path.split('/').fold(self.root.clone(), |file, part| file.join(part)))
    }

    /// The file of an object, where no link leads to it.
    fn file(&self, path: &str) -> Result<PathBuf, StoreError> {
        let file = self.named(path)?;
        self.real_folders(&file, &self.root)?;
        Ok(file)
    }

    /// The file of an object that is to be written, with its folder.
    fn target(&self, path: &str) -> Result<PathBuf, StoreError> {
        self.make_root()?;
        let file = self.file(path)?;
        if let Some(folder) = file.parent() {
            make(self.readers, folder).map_err(failed(folder))?;
        }
        Ok(file)
    }

    /// Refuses links, from a path up to a folder, both included.
    #[expect(clippy::unused_self, reason = "it reads as a question to the folder")]
    fn real_folders(&self, path: &Path, root: &Path) -> Result<(), StoreError> {
        for part in path.ancestors().take_while(|part| part.starts_with(root)) {
            if fs::symlink_metadata(part).is_ok_and(|metadata| metadata.is_symlink()) {
                return Err(StoreError::Link { path: part.to_owned() });
            }
        }
        Ok(())
    }

    /// A hidden file in the folder of another, to be renamed to it.
    fn beside(&self, target: &Path) -> Result<NamedTempFile, StoreError> {
        let folder = target.parent().unwrap_or(&self.root);
        sweep(folder, &self.swept);
        let mut builder = tempfile::Builder::new();
        builder.prefix(HIDDEN).suffix(PART);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // What the user's umask leaves of it: readers may be others than the writer.
            let mode = self.readers.map_or(0o666, Readers::of_file);
            builder.permissions(fs::Permissions::from_mode(mode));
        }
        let made = builder.tempfile_in(folder).map_err(failed(folder))?;
        if let Some(readers) = self.readers {
            readers.share_file(made.as_file());
        }
        Ok(made)
    }

    /// All objects below a folder.
    fn walk(&self, folder: &str) -> Result<Vec<Object>, StoreError> {
        let begin = match folder {
            "" => self.root.clone(),
            folder => self.file(folder)?,
        };
        let mut found = Vec::new();
        let mut open = vec![(begin, folder.to_owned())];
        while let Some((path, name)) = open.pop() {
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                Err(error) if is_missing(&error) => continue,
                Err(error) => return Err(failed(&path)(error)),
            };
            for entry in entries {
                let entry = entry.map_err(failed(&path))?;
                // What no path of an object can be is none.
                let Ok(part) = entry.file_name().into_string() else { continue };
                let name = if name.is_empty() { part.clone() } else { format!("{name}/{part}") };
                let Ok(metadata) = entry.metadata() else { continue };
                if part.starts_with(HIDDEN) || metadata.is_symlink() {
                    continue;
                }
                if metadata.is_dir() {
                    open.push((entry.path(), name));
                } else if metadata.is_file() {
                    found.push(object(name, &metadata));
                }
            }
        }
        Ok(found)
    }
}

/// Puts a written file into its place, so that it is there after a crash as well.
fn put(new: NamedTempFile, target: &Path) -> Result<Metadata, StoreError> {
    let file = new.as_file();
    file.sync_all().map_err(failed(target))?;
    let file = new.persist(target).map_err(|error| failed(target)(error.error))?;
    if let Some(folder) = target.parent() {
        // Shares without it exist; the rename itself has happened.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    file.metadata().map_err(failed(target))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn object(path: String, metadata: &Metadata) -> Object {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let seconds = i64::try_from(since.as_secs()).unwrap_or_default();
    // Each write makes a new file: its number tells apart what the clock does not.
    #[cfg(unix)]
    let number = std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    let number = 0;
    Object {
        path,
        size: metadata.len(),
        modified: Timestamp::from_second(seconds).unwrap_or_default(),
        etag: format!("{number:x}-{:x}-{:x}", since.as_nanos(), metadata.len()),
        sha256: None,
    }
}
