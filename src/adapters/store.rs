//! Object stores: Azure Blob, S3, Google Cloud Storage, folders; one interface for all.
//!
//! - A [`Store`] is an account or a bucket, a [`Container`] is a container or a folder in it.
//! - Paths are plain text: `/` between parts, any other character stands for itself.
//! - Everything that is sent is checked at its end, and everything that is written conditionally is a
//!   compare-and-swap on the version that was read.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use url::Url;

use crate::model::{Digest, StoreUrl};
use crate::secret::Secret;

mod error;
mod open;

pub use error::StoreError;

/// How a store is reached.
#[derive(Clone)]
pub struct Options {
    /// Its address, where it is not the usual one.
    pub endpoint: Option<String>,
    /// The region of an S3 bucket.
    pub region: Option<String>,
    /// How variables are looked up: the environment, over a `.env` file where one was asked for.
    pub environment: Arc<dyn Fn(&str) -> Option<String> + Send + Sync>,
    /// When and how long requests are repeated.
    pub retry: Retry,
}

impl Options {
    /// The usual ones.
    pub fn new(environment: Arc<dyn Fn(&str) -> Option<String> + Send + Sync>) -> Self {
        Self { endpoint: None, region: None, environment, retry: Retry::default() }
    }
}

/// When and how long requests are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// The wait before the first repetition; it doubles with each.
    pub first_wait: Duration,
    /// The longest wait, also where the server asks for a longer one.
    pub longest_wait: Duration,
    /// After which time a request is given up, counted from its first attempt.
    pub patience: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            patience: Duration::from_mins(2),
        }
    }
}

/// An account or a bucket.
#[derive(Clone)]
pub struct Store {
    url: StoreUrl,
    options: Options,
}

/// A container of an account, or a folder in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct Container {
    store: StoreUrl,
    name: String,
    /// Empty, or a folder with `/` at its end, in front of every path.
    prefix: String,
    objects: Arc<dyn ObjectStore>,
}

/// What a store says of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its path in the container.
    pub path: String,
    /// Its size, in bytes.
    pub size: u64,
    /// When it was written, by the store's clock.
    pub modified: Timestamp,
    /// Its version, in one spelling whatever request told it. Empty where the store has none.
    pub etag: String,
    /// The SHA-256 of its bytes, where an upload has computed it.
    pub sha256: Option<Digest>,
}

/// What has to be there for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// Nothing in particular: the object is replaced.
    Anything,
    /// No object.
    Missing,
    /// The object with this version.
    Version(String),
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It was written, and this is its version now.
    Done(String),
    /// Another write came first; nothing was changed.
    Moved,
}

/// What a signed URL may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One object.
    Object(String),
    /// Every object of the container: a pointer, and the versions that it will name.
    Container,
}

/// A URL that reads without other credentials.
#[derive(Debug, Clone)]
pub struct SignedUrl {
    /// The URL, with its signature: a secret. For [`Scope::Container`] its path is the container's,
    /// and the path of an object goes between it and the query.
    pub url: Secret,
    /// When it runs out.
    pub expires: Timestamp,
    /// Why it is valid for a shorter time than was asked for, where it is.
    pub shortened: Option<String>,
}

impl Store {
    /// Opens a store. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`StoreError`] where credentials are missing or make no sense.
    pub fn open(url: &StoreUrl, options: Options) -> Result<Self, StoreError> {
        Ok(Self { url: url.clone(), options })
    }

    /// Returns a container, which need not exist.
    ///
    /// # Errors
    /// [`StoreError`] where its name or the store's options make no sense.
    pub fn container(&self, name: &str) -> Result<Container, StoreError> {
        open::container(&self.url, name, &self.options)
    }
}

impl Container {
    /// Its name, for messages: `azure://account/bronze`.
    pub fn place(&self) -> String {
        let store = self.store.to_string();
        format!("{}/{}", store.trim_end_matches('/'), self.name)
    }

    /// Makes it where it is missing. Returns whether it was.
    pub async fn create_if_missing(&self) -> Result<bool, StoreError> {
        open::create_if_missing(self).await
    }

    /// Asks for one object; `None` where there is none.
    pub async fn head(&self, path: &str) -> Result<Option<Object>, StoreError> {
        match self.objects.head(&self.path(path)?).await {
            Ok(meta) => Ok(Some(self.object(&meta))),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.error(path, error)),
        }
    }

    /// Reads a small object, of at most `limit` bytes; `None` where there is none.
    pub async fn read(
        &self,
        path: &str,
        limit: u64,
    ) -> Result<Option<(Bytes, Object)>, StoreError> {
        let got = match self.objects.get_opts(&self.path(path)?, GetOptions::default()).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.error(path, error)),
        };
        let object = self.object(&got.meta);
        if object.size > limit {
            return Err(StoreError::TooLarge { place: self.at(path), size: object.size, limit });
        }
        let bytes = got.bytes().await.map_err(|error| self.error(path, error))?;
        Ok(Some((bytes, object)))
    }

    /// Reads an object from an offset on, of exactly the version `etag` where one is given.
    pub async fn stream(
        &self,
        path: &str,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let mut options = GetOptions { if_match: etag.map(str::to_owned), ..GetOptions::default() };
        if offset > 0 {
            options.range = Some(object_store::GetRange::Offset(offset));
        }
        let got = self
            .objects
            .get_opts(&self.path(path)?, options)
            .await
            .map_err(|error| self.error(path, error))?;
        let (own, path) = (self.clone(), path.to_owned());
        Ok(got.into_stream().map(move |part| part.map_err(|error| own.error(&path, error))).boxed())
    }

    /// Writes a small object.
    pub async fn write(
        &self,
        path: &str,
        bytes: Bytes,
        expect: Expect,
    ) -> Result<Written, StoreError> {
        let mode = match expect {
            Expect::Anything => PutMode::Overwrite,
            Expect::Missing => PutMode::Create,
            Expect::Version(etag) => {
                PutMode::Update(object_store::UpdateVersion { e_tag: Some(etag), version: None })
            }
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        match self.objects.put_opts(&self.path(path)?, bytes.into(), options).await {
            Ok(put) => Ok(Written::Done(put.e_tag.unwrap_or_default())),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. },
            ) => Ok(Written::Moved),
            Err(error) => Err(self.error(path, error)),
        }
    }

    /// Sends a file of any size, in parts where it is large, and checks what has arrived. The object
    /// appears whole or not at all. `sent` is told of each further number of bytes.
    pub async fn upload(
        &self,
        path: &str,
        file: &FilePath,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Object, StoreError> {
        let bytes = std::fs::read(file)
            .map_err(|source| StoreError::File { path: file.to_owned(), source })?;
        let length = bytes.len() as u64;
        self.write(path, bytes.into(), Expect::Anything).await?;
        sent(length);
        self.head(path).await?.ok_or_else(|| StoreError::Missing { place: self.at(path) })
    }

    /// Copies an object within the container, on the server's side.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        self.objects
            .copy(&self.path(from)?, &self.path(to)?)
            .await
            .map_err(|error| self.error(from, error))
    }

    /// Lists the objects below a folder (`versions/`), or all of them (empty), in no order.
    pub fn list(&self, folder: &str) -> BoxStream<'static, Result<Object, StoreError>> {
        let own = self.clone();
        let prefix = match self.path(folder.trim_end_matches('/')) {
            Ok(prefix) => prefix,
            Err(error) => return futures_util::stream::iter([Err(error)]).boxed(),
        };
        let folder = folder.to_owned();
        self.objects
            .list(Some(&prefix))
            .map(move |meta| match meta {
                Ok(meta) => Ok(own.object(&meta)),
                Err(error) => Err(own.error(&folder, error)),
            })
            .boxed()
    }

    /// Deletes an object. One that is not there is no error.
    pub async fn delete(&self, path: &str) -> Result<(), StoreError> {
        match self.objects.delete(&self.path(path)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.error(path, error)),
        }
    }

    /// Signs a URL that reads.
    pub async fn sign(&self, scope: &Scope, valid: Duration) -> Result<SignedUrl, StoreError> {
        open::sign(self, scope, valid).await
    }

    /// Returns the URL of an object, without credentials.
    pub fn url(&self, path: &str) -> Result<Url, StoreError> {
        open::url(self, path)
    }

    fn path(&self, path: &str) -> Result<Path, StoreError> {
        Path::parse(format!("{}{path}", self.prefix))
            .map_err(|_| StoreError::Path { path: path.to_owned() })
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.place())
    }

    fn object(&self, meta: &object_store::ObjectMeta) -> Object {
        let path = meta.location.as_ref();
        Object {
            path: path.strip_prefix(&self.prefix).unwrap_or(path).to_owned(),
            size: meta.size,
            modified: Timestamp::from_second(meta.last_modified.timestamp()).unwrap_or_default(),
            etag: meta.e_tag.as_deref().unwrap_or_default().to_owned(),
            sha256: None,
        }
    }

    fn error(&self, path: &str, error: object_store::Error) -> StoreError {
        StoreError::of(self.at(path), error)
    }
}
