//! Sends a file of any size, reading it once and holding little of it.

use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use object_store::{MultipartUpload, ObjectStore as _, ObjectStoreExt as _, PutOptions};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use super::failure::Failure;
use super::remote::Remote;
use super::service::Checksum;
use super::{Object, StoreError};
use crate::model::Digest;

/// The largest file that one request carries, and the usual size of a part, in bytes.
const PART: u64 = 8 * 1024 * 1024;
/// The most parts of one object: S3 and Google take 10,000, Azure 50,000.
const MOST_PARTS: u64 = 9_000;
/// How many parts of one file are on their way together.
const IN_FLIGHT: usize = 4;
/// The unit in which memory is counted, in bytes.
const UNIT: u64 = 64 * 1024;
/// What all uploads of a store may hold together, in units: 64 MiB.
pub(super) const MEMORY: usize = 1024;

/// A file that is being read for sending, with the hash of what was read.
pub(super) struct Source {
    path: PathBuf,
    file: File,
    begun: State,
    hash: Sha256,
}

/// What shows that a file was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), modified: metadata.modified().ok() }
    }
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// Where it cannot be read, or is no file: a pipe would never end.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::File { path: path.to_owned(), source };
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
        }
        let file = File::open(path).map_err(failed)?;
        let begun = State::of(&file.metadata().map_err(failed)?);
        Ok(Self { path: path.to_owned(), file, begun, hash: Sha256::new() })
    }

    /// Its size when it was opened.
    pub(super) fn size(&self) -> u64 {
        self.begun.size
    }

    /// Reads the next bytes, at most so many; none at the end.
    pub(super) fn piece(&mut self, most: u64) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let expected = usize::try_from(most.min(self.begun.size)).unwrap_or(0);
        bytes.reserve_exact(expected);
        (&mut self.file)
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(|source| StoreError::File { path: self.path.clone(), source })?;
        self.hash.update(&bytes);
        Ok(bytes)
    }

    /// Reads all of a small file; `checked`: with what its request is checked by.
    fn whole(mut self, checked: bool) -> Result<Whole, StoreError> {
        // One byte more than it has: a file that grows is found out.
        let bytes = self.piece(self.size() + 1)?;
        let checksum = (checked && !bytes.is_empty()).then(|| Checksum::of(&bytes));
        let sha256 = self.finish(bytes.len() as u64)?;
        Ok(Whole { bytes: bytes.into(), sha256, checksum })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Where the file was changed meanwhile: what was read is then no state that it ever had.
    pub(super) fn finish(self, read: u64) -> Result<Digest, StoreError> {
        let failed = |source| StoreError::File { path: self.path.clone(), source };
        let opened = State::of(&self.file.metadata().map_err(failed)?);
        let named = State::of(&std::fs::metadata(&self.path).map_err(failed)?);
        if read != self.begun.size || opened != self.begun || named != self.begun {
            return Err(StoreError::Changed { path: self.path });
        }
        Ok(digest(self.hash))
    }
}

/// A small file that was opened.
enum Opened {
    /// It is not small.
    Large(Source),
    /// It was read, and its room is held.
    Read(Whole, OwnedSemaphorePermit),
    /// There was no room for it yet.
    NoRoom(Source),
}

/// All of a small file.
struct Whole {
    bytes: Bytes,
    sha256: Digest,
    checksum: Option<Checksum>,
}

/// A finished hash as the digest that it is.
fn digest(hash: Sha256) -> Digest {
    Digest::of_sha256(&hash.finalize().into())
}

/// Runs what waits for a disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => {
                Err(StoreError::Unreachable { place: String::new(), reason: error.to_string() })
            }
        },
    }
}

/// Sends a file to a server. The object appears whole or not at all.
pub(super) async fn upload(
    remote: &Remote,
    path: &str,
    file: &Path,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<Object, StoreError> {
    let location = remote.path(path)?;
    let file = file.to_owned();
    let (memory, checked) = (Arc::clone(&remote.memory), remote.service.wants_checksums());
    // Where there is room for it, a small file is read in the turn of the thread that opens it.
    let opened = blocking(move || {
        let source = Source::open(&file)?;
        if source.size() > PART {
            return Ok(Opened::Large(source));
        }
        match memory.try_acquire_many_owned(units(source.size())) {
            Ok(held) => Ok(Opened::Read(source.whole(checked)?, held)),
            Err(_) => Ok(Opened::NoRoom(source)),
        }
    })
    .await?;
    let (whole, _held) = match opened {
        Opened::Large(source) => return in_parts(remote, path, source, sent).await,
        Opened::Read(whole, held) => (whole, held),
        Opened::NoRoom(source) => {
            let held = hold(remote, source.size()).await?;
            (blocking(move || source.whole(checked)).await?, held)
        }
    };
    let Whole { bytes, sha256, checksum } = whole;
    let size = bytes.len() as u64;
    let mut options = PutOptions::default();
    if let Some(checksum) = checksum {
        options.extensions.insert(checksum);
    }
    let put = remote.objects.put_opts(&location, bytes.into(), options).await;
    let put = put.map_err(|error| remote.error(path, &error))?;
    sent(size);
    Ok(Object { sha256: Some(sha256), ..remote.written(path, size, &put) })
}

async fn in_parts(
    remote: &Remote,
    path: &str,
    source: Source,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<Object, StoreError> {
    let size = source.size();
    let location = remote.path(path)?;
    let multipart = remote.objects.put_multipart(&location).await;
    let mut multipart = multipart.map_err(|error| remote.error(path, &error))?;
    let sha256 = match parts(remote, path, source, multipart.as_mut(), sent).await {
        Ok(sha256) => sha256,
        Err(error) => {
            // What cannot be taken back now, the store removes by its own rules.
            let _ = multipart.abort().await;
            return Err(error);
        }
    };
    if let Err(error) = multipart.complete().await {
        // The answer to an earlier attempt was lost: then the upload may be complete and forgotten.
        let forgotten = match Failure::below(&error) {
            Some(Failure::Answer { status, code, repeated: true, .. }) => {
                *status == 404 || code == "InvalidBlockList"
            }
            _ => false,
        };
        if !forgotten || !arrived(remote, path, size, &sha256).await? {
            let _ = multipart.abort().await;
            return Err(remote.error(path, &error));
        }
    }
    let object = remote.head(path).await?;
    let object = object.ok_or_else(|| StoreError::Missing { place: remote.at(path) })?;
    if object.size != size {
        let problem = format!("{size} bytes were sent, and it has {}", object.size);
        return Err(StoreError::Damaged { place: remote.at(path), problem });
    }
    Ok(Object { sha256: Some(sha256), ..object })
}

/// Whether an object is what was sent, by reading it: it may be an older one of the same size.
async fn arrived(
    remote: &Remote,
    path: &str,
    size: u64,
    sha256: &Digest,
) -> Result<bool, StoreError> {
    let Some(mut opened) = remote.open(path, 0, None).await? else { return Ok(false) };
    if opened.object.size != size {
        return Ok(false);
    }
    let mut hash = Sha256::new();
    while let Some(piece) = opened.bytes.next().await {
        hash.update(&piece?);
    }
    Ok(digest(hash) == *sha256)
}

/// Sends all parts, some at a time.
async fn parts(
    remote: &Remote,
    path: &str,
    source: Source,
    multipart: &mut dyn MultipartUpload,
    sent: &(dyn Fn(u64) + Send + Sync),
) -> Result<Digest, StoreError> {
    let size = source.size();
    let part = PART.max(size.div_ceil(MOST_PARTS));
    let mut on_their_way = FuturesUnordered::new();
    let done = |result: object_store::Result<u64>| match result {
        Ok(length) => {
            sent(length);
            Ok(())
        }
        Err(error) => Err(remote.error(path, &error)),
    };
    let (mut source, mut read) = (source, 0);
    loop {
        // Parts go on only while they are looked after: waiting for memory alone could wait for them.
        let mut held = pin!(hold(remote, part));
        let held = loop {
            if on_their_way.len() >= IN_FLIGHT {
                if let Some(result) = on_their_way.next().await {
                    done(result)?;
                }
                continue;
            }
            tokio::select! {
                held = &mut held => break held?,
                Some(result) = on_their_way.next() => done(result)?,
            }
        };
        let (back, bytes) = blocking(move || {
            let bytes = source.piece(part)?;
            Ok((source, bytes))
        })
        .await?;
        source = back;
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len() as u64;
        read += length;
        if read > size {
            break;
        }
        let sending = multipart.put_part(Bytes::from(bytes).into());
        on_their_way.push(async move {
            let result = sending.await;
            drop(held);
            result.map(|()| length)
        });
    }
    while let Some(result) = on_their_way.next().await {
        done(result)?;
    }
    blocking(move || source.finish(read)).await
}

/// How many units so many bytes take.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).clamp(1, MEMORY as u64)).unwrap_or(1)
}

/// Waits until so many bytes may be held.
async fn hold(remote: &Remote, bytes: u64) -> Result<OwnedSemaphorePermit, StoreError> {
    remote.memory.clone().acquire_many_owned(units(bytes)).await.map_err(|_| {
        StoreError::Unreachable {
            place: remote.place.clone(),
            reason: "the upload was stopped".to_owned(),
        }
    })
}
