//! Containers on a server, over `object_store`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutMode, PutOptions, PutResult, RetryConfig, UpdateVersion,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::azure::Account;
use super::failure::Failure;
use super::gcs::GcsBucket;
use super::s3::S3Bucket;
use super::service::{Service, Stamp};
use super::{Expect, Object, StoreError, Written};

/// How often a body may break without a byte of progress.
const BREAKS: u32 = 10;

/// Whose server it is.
#[derive(Clone)]
pub(super) enum Provider {
    /// Azure Blob Storage.
    Azure(Arc<Account>),
    /// S3, or a server that speaks its protocol.
    S3(Arc<S3Bucket>),
    /// Google Cloud Storage.
    Gcs(Arc<GcsBucket>),
}

/// A container on a server.
#[derive(Clone)]
pub(super) struct Remote {
    /// For messages: `azure://account/bronze`.
    pub(super) place: String,
    /// The container's name.
    pub(super) name: String,
    /// Empty, or a folder with `/` at its end, in front of every path.
    pub(super) prefix: String,
    /// The library's client.
    pub(super) objects: Arc<dyn ObjectStore>,
    /// Whose server it is.
    pub(super) provider: Provider,
    /// The connections.
    pub(super) service: Arc<Service>,
    /// What uploads of the store may hold in memory together, in pieces of 64 KiB.
    pub(super) memory: Arc<Semaphore>,
}

/// An object that is being read.
pub(super) struct Opened {
    /// What it is.
    pub(super) object: Object,
    /// Its bytes from the offset on.
    pub(super) bytes: BoxStream<'static, Result<Bytes, StoreError>>,
}

/// The library's options: what it sends beside its own.
pub(super) fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(true)
        .with_content_type_for_suffix("json", "application/json")
        .with_content_type_for_suffix("parquet", "application/vnd.apache.parquet")
}

/// The library repeats nothing: [`Service`] does.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 0, retry_timeout: Duration::ZERO }
}

/// A version in one spelling, whatever request told it: Azure writes `"0x1"` and lists `0x1`.
pub(super) fn plain_etag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// A version as headers have it (RFC 9110 section 8.8.3).
fn quoted_etag(etag: &str) -> String {
    format!("\"{}\"", plain_etag(etag))
}

impl Remote {
    pub(super) async fn create_if_missing(&self) -> Result<bool, StoreError> {
        match &self.provider {
            Provider::Azure(account) => account
                .create_if_missing(&self.service, &self.name)
                .await
                .map_err(|failure| StoreError::of(self.place.clone(), &self.place, &failure)),
            Provider::S3(bucket) => bucket
                .create_if_missing(&self.service)
                .await
                .map_err(|error| self.error("", &error)),
            // A folder of a bucket is made by its first object; buckets of Google's belong to a
            // project, which nothing here names.
            Provider::Gcs(_) => Ok(false),
        }
    }

    pub(super) async fn head(&self, path: &str) -> Result<Option<Object>, StoreError> {
        match self.objects.head(&self.path(path)?).await {
            Ok(meta) => Ok(Some(self.object(&meta))),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.error(path, &error)),
        }
    }

    /// Opens an object from an offset on; `None` where there is none. What breaks is opened again
    /// where it broke, at the same version.
    pub(super) async fn open(
        &self,
        path: &str,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<Option<Opened>, StoreError> {
        let location = self.path(path)?;
        let options = get_options(offset, etag);
        let got = match self.objects.get_opts(&location, options).await {
            Ok(got) => got,
            Err(error) if is_missing(&error) => return Ok(None),
            // Nothing lies behind the end, which servers and the library say each in its way.
            Err(error) if offset > 0 && matches!(status(&error), None | Some(416)) => {
                let Some(object) = self.head(path).await? else { return Ok(None) };
                if etag.is_some_and(|etag| plain_etag(etag) != object.etag) || offset > object.size
                {
                    return Err(StoreError::Moved { place: self.at(path) });
                }
                if offset < object.size {
                    return Err(self.error(path, &error));
                }
                return Ok(Some(Opened { object, bytes: stream::empty().boxed() }));
            }
            Err(error) => return Err(self.error(path, &error)),
        };
        let object = self.object(&got.meta);
        let reading = Reading {
            remote: self.clone(),
            path: path.to_owned(),
            location,
            position: offset,
            end: object.size,
            etag: object.etag.clone(),
            pieces: Some(got.into_stream()),
            breaks: 0,
            broke: None,
        };
        let bytes = stream::try_unfold(reading, Reading::next).boxed();
        Ok(Some(Opened { object, bytes }))
    }

    pub(super) async fn write(
        &self,
        path: &str,
        bytes: Bytes,
        expect: Expect,
    ) -> Result<Written, StoreError> {
        let location = self.path(path)?;
        let mode = match &expect {
            Expect::Anything => PutMode::Overwrite,
            Expect::Missing => PutMode::Create,
            Expect::Version(etag) => match &self.provider {
                Provider::Azure(_) | Provider::S3(_) => {
                    PutMode::Update(UpdateVersion { e_tag: Some(quoted_etag(etag)), version: None })
                }
                // Google compares generations, which are the object's own and not the content's.
                Provider::Gcs(_) => match self.objects.head(&location).await {
                    Ok(meta) if self.object(&meta).etag == plain_etag(etag) => {
                        PutMode::Update(UpdateVersion { e_tag: meta.e_tag, version: meta.version })
                    }
                    Ok(_) => return Ok(Written::Moved),
                    Err(error) if is_missing(&error) => return Ok(Written::Moved),
                    Err(error) => return Err(self.error(path, &error)),
                },
            },
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let error = match self.objects.put_opts(&location, bytes.clone().into(), options).await {
            Ok(put) => return Ok(Written::Done(etag_of(&put))),
            Err(error) => error,
        };
        if !is_lost(&error, &expect) {
            return Err(self.error(path, &error));
        }
        // The answer to an earlier attempt was lost: the one that came first may have been this one.
        if let Some(Failure::Answer { repeated: true, .. }) = Failure::below(&error)
            && let Some(opened) = self.open(path, 0, None).await?
            && opened.object.size == bytes.len() as u64
        {
            let etag = opened.object.etag.clone();
            if collected(opened).await? == bytes {
                return Ok(Written::Done(etag));
            }
        }
        Ok(Written::Moved)
    }

    pub(super) async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (source, target) = (self.path(from)?, self.path(to)?);
        match &self.provider {
            Provider::Azure(account) => account
                .copy(&self.service, &self.name, from, to)
                .await
                .map_err(|failure| StoreError::of(self.at(from), &self.place, &failure)),
            Provider::S3(bucket) => bucket
                .copy(&self.service, &source, &target)
                .await
                .map_err(|error| self.error(from, &error)),
            Provider::Gcs(_) => {
                self.objects.copy(&source, &target).await.map_err(|error| self.error(from, &error))
            }
        }
    }

    pub(super) fn list(&self, folder: &str) -> BoxStream<'static, Result<Object, StoreError>> {
        let whole = Path::parse(&self.prefix).map_err(|_| StoreError::Path { path: String::new() });
        let prefix = match folder.trim_end_matches('/') {
            "" => whole,
            folder => self.path(folder),
        };
        let prefix = match prefix {
            Ok(prefix) => (!prefix.as_ref().is_empty()).then_some(prefix),
            Err(error) => return stream::iter([Err(error)]).boxed(),
        };
        let (own, folder) = (self.clone(), folder.to_owned());
        self.objects
            .list(prefix.as_ref())
            .map(move |meta| match meta {
                Ok(meta) => Ok(own.object(&meta)),
                Err(error) => Err(own.error(&folder, &error)),
            })
            .boxed()
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), StoreError> {
        let location = self.path(path)?;
        match &self.provider {
            Provider::Azure(account) => account
                .delete(&self.service, &self.name, path)
                .await
                .map_err(|failure| StoreError::of(self.at(path), &self.place, &failure)),
            Provider::S3(_) | Provider::Gcs(_) => match self.objects.delete(&location).await {
                Ok(()) => Ok(()),
                Err(error) if is_missing(&error) => Ok(()),
                Err(error) => Err(self.error(path, &error)),
            },
        }
    }

    pub(super) fn path(&self, path: &str) -> Result<Path, StoreError> {
        let wrong = || StoreError::Path { path: path.to_owned() };
        if path.is_empty() || path.starts_with('/') || path.ends_with('/') {
            return Err(wrong());
        }
        Path::parse(format!("{}{path}", self.prefix)).map_err(|_| wrong())
    }

    pub(super) fn at(&self, path: &str) -> String {
        match path {
            "" => self.place.clone(),
            path => format!("{}/{path}", self.place),
        }
    }

    /// What was just written by one request.
    #[expect(clippy::unused_self, reason = "the folder's has need of it")]
    pub(super) fn written(&self, path: &str, size: u64, put: &PutResult) -> Object {
        let stamp = put.extensions.get::<Stamp>().and_then(|stamp| stamp.modified);
        Object {
            path: path.to_owned(),
            size,
            modified: stamp.unwrap_or_else(Timestamp::now),
            etag: etag_of(put),
            sha256: None,
        }
    }

    fn object(&self, meta: &ObjectMeta) -> Object {
        let path = meta.location.as_ref();
        Object {
            path: path.strip_prefix(&self.prefix).unwrap_or(path).to_owned(),
            size: meta.size,
            modified: Timestamp::from_second(meta.last_modified.timestamp()).unwrap_or_default(),
            etag: plain_etag(meta.e_tag.as_deref().unwrap_or_default()),
            sha256: None,
        }
    }

    pub(super) fn error(&self, path: &str, error: &object_store::Error) -> StoreError {
        StoreError::of_library(self.at(path), &self.place, error)
    }
}

/// All bytes of an opened object.
pub(super) async fn collected(opened: Opened) -> Result<Bytes, StoreError> {
    let mut whole = Vec::new();
    let mut bytes = opened.bytes;
    while let Some(piece) = bytes.next().await {
        whole.extend_from_slice(&piece?);
    }
    Ok(whole.into())
}

fn etag_of(put: &PutResult) -> String {
    plain_etag(put.e_tag.as_deref().unwrap_or_default())
}

fn get_options(offset: u64, etag: Option<&str>) -> GetOptions {
    GetOptions {
        if_match: etag.filter(|etag| !etag.is_empty()).map(quoted_etag),
        range: (offset > 0).then_some(GetRange::Offset(offset)),
        ..GetOptions::default()
    }
}

fn status(error: &object_store::Error) -> Option<u16> {
    match Failure::below(error)? {
        Failure::Answer { status, .. } => Some(*status),
        Failure::Connect(_)
        | Failure::Cut(_)
        | Failure::TimedOut
        | Failure::Damaged(_)
        | Failure::Login(_)
        | Failure::Unreadable(_) => None,
    }
}

pub(super) fn is_missing(error: &object_store::Error) -> bool {
    status(error) == Some(404) || matches!(error, object_store::Error::NotFound { .. })
}

/// Whether a conditional write came second.
fn is_lost(error: &object_store::Error, expect: &Expect) -> bool {
    let Some(Failure::Answer { status, code, .. }) = Failure::below(error) else { return false };
    match expect {
        Expect::Anything => false,
        Expect::Missing => *status == 412 || code == "BlobAlreadyExists",
        Expect::Version(_) => {
            *status == 412 || matches!(code.as_str(), "NoSuchKey" | "BlobNotFound")
        }
    }
}

/// Where a read of an object is.
struct Reading {
    remote: Remote,
    path: String,
    location: Path,
    position: u64,
    end: u64,
    etag: String,
    pieces: Option<BoxStream<'static, object_store::Result<Bytes>>>,
    breaks: u32,
    /// When it broke first without a byte of progress since.
    broke: Option<Instant>,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, StoreError> {
        let retry = *self.remote.service.retry();
        while self.position < self.end {
            let Some(pieces) = &mut self.pieces else {
                let since = *self.broke.get_or_insert_with(Instant::now);
                self.breaks += 1;
                if self.breaks > BREAKS || since.elapsed() > retry.patience {
                    let reason = "the connection breaks again and again".to_owned();
                    let place = self.remote.at(&self.path);
                    return Err(StoreError::Unreachable { place, reason });
                }
                tokio::time::sleep(retry.wait(self.breaks, None)).await;
                let options = get_options(self.position, Some(&self.etag));
                let got = self.remote.objects.get_opts(&self.location, options).await;
                let got = got.map_err(|error| self.remote.error(&self.path, &error))?;
                self.pieces = Some(got.into_stream());
                continue;
            };
            if let Ok(Some(Ok(piece))) = tokio::time::timeout(retry.silence, pieces.next()).await {
                if piece.is_empty() {
                    continue;
                }
                self.position += piece.len() as u64;
                (self.breaks, self.broke) = (0, None);
                return Ok(Some((piece, self)));
            }
            self.pieces = None;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_one_spelling() {
        for etag in ["\"0x8D\"", "0x8D", "W/\"0x8D\""] {
            assert_eq!((plain_etag(etag), quoted_etag(etag)), ("0x8D".into(), "\"0x8D\"".into()));
        }
    }
}
