//! Object stores: Azure Blob, S3, Google Cloud Storage, folders; one interface for all.
//!
//! - A [`Store`] is an account or a bucket, a [`Container`] is a container or a folder in it.
//! - Paths are plain text: `/` between parts, any other character stands for itself.
//! - Everything that is sent is checked at its end, and everything that is written conditionally is a
//!   compare-and-swap on the version that was read.
//! - Requests are repeated while it pays ([`Retry`]); how often a store asked for fewer of them is
//!   [`Container::busy`], which senders adapt to.

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use object_store::ObjectStore;
use tokio::sync::Semaphore;
use url::Url;

use crate::model::{Digest, StoreUrl};
use crate::secret::Secret;

mod azure;
mod credentials;
mod crypto;
mod error;
mod failure;
mod folder;
mod gcs;
mod options;
mod plain;
mod remote;
mod s3;
mod service;
mod sign;
mod token;
mod upload;

pub use error::StoreError;
use folder::Folder;
pub use options::{Copies, Environment, Options, Retry};
use remote::{Provider, Remote};
use service::Service;

/// How long the `file://` URL of a folder's object is said to be valid: it has no signature.
const FOREVER: SignedDuration = SignedDuration::from_hours(24 * 365 * 100);

/// An account or a bucket. Cheap to clone: the connections are shared.
#[derive(Clone)]
pub struct Store {
    url: StoreUrl,
    server: Option<Server>,
}

/// The server of a store that is no folder.
#[derive(Clone)]
struct Server {
    provider: Provider,
    service: Arc<Service>,
    memory: Arc<Semaphore>,
}

/// A container of an account, or a folder in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct Container {
    store: StoreUrl,
    name: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Server(Remote),
    Folder(Folder),
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
    #[expect(clippy::needless_pass_by_value, reason = "options are made for one store")]
    pub fn open(url: &StoreUrl, options: Options) -> Result<Self, StoreError> {
        let server = |provider, service| {
            Some(Server { provider, service, memory: Arc::new(Semaphore::new(upload::MEMORY)) })
        };
        let server = match url {
            StoreUrl::Azure { account } => {
                let (account, service) = azure::open(url, account, &options)?;
                server(Provider::Azure(account), service)
            }
            StoreUrl::S3 { bucket, .. } => {
                let (bucket, service) = s3::open(url, bucket, &options)?;
                server(Provider::S3(bucket), service)
            }
            StoreUrl::Gcs { bucket, .. } => {
                let (bucket, service) = gcs::open(url, bucket, &options)?;
                server(Provider::Gcs(bucket), service)
            }
            StoreUrl::Folder { .. } => None,
        };
        Ok(Self { url: url.clone(), server })
    }

    /// Returns a container, which need not exist.
    ///
    /// # Errors
    /// [`StoreError`] where its name or the store's options make no sense.
    pub fn container(&self, name: &str) -> Result<Container, StoreError> {
        let plain = !matches!(name, "" | "." | "..")
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.$".contains(&b));
        if !plain {
            return Err(StoreError::Path { path: name.to_owned() });
        }
        let text = self.url.to_string();
        let place = format!("{}/{name}", text.trim_end_matches('/'));
        let failed = |error| StoreError::of_library(place.clone(), &place, &error);
        let kind = match (&self.url, &self.server) {
            (StoreUrl::Folder { path }, _) => {
                Kind::Folder(Folder::new(FilePath::new(path).join(name)))
            }
            (
                StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. },
                Some(Server { provider, service, memory }),
            ) => {
                let (objects, prefix): (Arc<dyn ObjectStore>, String) = match provider {
                    Provider::Azure(account) => {
                        let objects = azure::container(account, service, name).map_err(failed)?;
                        (objects, String::new())
                    }
                    Provider::S3(bucket) => (bucket.objects.clone(), self.folder(name)),
                    Provider::Gcs(bucket) => (bucket.objects.clone(), self.folder(name)),
                };
                Kind::Server(Remote {
                    place,
                    name: name.to_owned(),
                    prefix,
                    objects,
                    provider: provider.clone(),
                    service: Arc::clone(service),
                    memory: Arc::clone(memory),
                })
            }
            (StoreUrl::Azure { .. } | StoreUrl::S3 { .. } | StoreUrl::Gcs { .. }, None) => {
                let problem = "the store was not opened".to_owned();
                return Err(StoreError::Unsupported { place, problem });
            }
        };
        Ok(Container { store: self.url.clone(), name: name.to_owned(), kind })
    }

    /// The folder of a container in a bucket, with `/` at its end.
    fn folder(&self, name: &str) -> String {
        match &self.url {
            StoreUrl::S3 { prefix, .. } | StoreUrl::Gcs { prefix, .. } => {
                format!("{prefix}{name}/")
            }
            StoreUrl::Azure { .. } | StoreUrl::Folder { .. } => String::new(),
        }
    }
}

impl Container {
    /// Its name, for messages: `azure://account/bronze`.
    pub fn place(&self) -> String {
        let store = self.store.to_string();
        format!("{}/{}", store.trim_end_matches('/'), self.name)
    }

    /// How often the store has asked for fewer requests (429, 503) since it was opened. Those
    /// requests were repeated; a sender that sees this grow sends fewer at a time.
    pub fn busy(&self) -> u64 {
        match &self.kind {
            Kind::Server(remote) => remote.service.busy(),
            Kind::Folder(_) => 0,
        }
    }

    /// Lets what is written into a folder from now on be read by nobody who cannot read `file`. Stores of
    /// servers have rules of their own.
    #[must_use]
    pub fn read_like(mut self, file: &FilePath) -> Self {
        match &mut self.kind {
            Kind::Folder(folder) => folder.limit_readers(file),
            Kind::Server(_) => {}
        }
        self
    }

    /// Makes it where it is missing. Returns whether it was. A folder of a bucket needs no making;
    /// the bucket is made where the server allows it.
    pub async fn create_if_missing(&self) -> Result<bool, StoreError> {
        match &self.kind {
            Kind::Server(remote) => remote.create_if_missing().await,
            Kind::Folder(folder) => folder.create_if_missing().await,
        }
    }

    /// Asks for one object; `None` where there is none.
    pub async fn head(&self, path: &str) -> Result<Option<Object>, StoreError> {
        match &self.kind {
            Kind::Server(remote) => remote.head(path).await,
            Kind::Folder(folder) => folder.head(path).await,
        }
    }

    /// Reads a small object, of at most `limit` bytes; `None` where there is none.
    pub async fn read(
        &self,
        path: &str,
        limit: u64,
    ) -> Result<Option<(Bytes, Object)>, StoreError> {
        let Some(opened) = self.opened(path, 0, None).await? else { return Ok(None) };
        let size = opened.object.size;
        if size > limit {
            return Err(StoreError::TooLarge { place: self.at(path), size, limit });
        }
        let object = opened.object.clone();
        Ok(Some((remote::collected(opened).await?, object)))
    }

    /// Reads an object from an offset on, of exactly the version `etag` where one is given. A broken
    /// connection is made again where it broke.
    pub async fn stream(
        &self,
        path: &str,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<BoxStream<'static, Result<Bytes, StoreError>>, StoreError> {
        let opened = self.opened(path, offset, etag).await?;
        let opened = opened.ok_or_else(|| StoreError::Missing { place: self.at(path) })?;
        Ok(opened.bytes.boxed())
    }

    /// Writes a small object.
    pub async fn write(
        &self,
        path: &str,
        bytes: Bytes,
        expect: Expect,
    ) -> Result<Written, StoreError> {
        match &self.kind {
            Kind::Server(remote) => remote.write(path, bytes, expect).await,
            Kind::Folder(folder) => folder.write(path, bytes, expect).await,
        }
    }

    /// Sends a file of any size, in parts where it is large, and checks what has arrived. The object
    /// appears whole or not at all, and tells the SHA-256 of what was sent. `sent` is told of each
    /// further number of bytes.
    ///
    /// # Errors
    /// [`StoreError::Changed`] where the file was changed meanwhile; nothing is stored then.
    pub async fn upload(
        &self,
        path: &str,
        file: &FilePath,
        sent: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Object, StoreError> {
        match &self.kind {
            Kind::Server(remote) => upload::upload(remote, path, file, sent).await,
            Kind::Folder(folder) => folder.upload(path, file, sent).await,
        }
    }

    /// Copies an object within the container, on the server's side.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        match &self.kind {
            Kind::Server(remote) => remote.copy(from, to).await,
            Kind::Folder(folder) => folder.copy(from, to).await,
        }
    }

    /// Lists the objects below a folder (`versions/`), or all of them (empty), in no order.
    pub fn list(&self, folder: &str) -> BoxStream<'static, Result<Object, StoreError>> {
        match &self.kind {
            Kind::Server(remote) => remote.list(folder),
            Kind::Folder(own) => own.list(folder),
        }
    }

    /// Deletes an object. One that is not there is no error.
    pub async fn delete(&self, path: &str) -> Result<(), StoreError> {
        match &self.kind {
            Kind::Server(remote) => remote.delete(path).await,
            Kind::Folder(folder) => folder.delete(path).await,
        }
    }

    /// Signs a URL that reads.
    ///
    /// # Errors
    /// [`StoreError::Unsupported`] where what logs in here cannot sign, or not for a container.
    pub async fn sign(&self, scope: &Scope, valid: Duration) -> Result<SignedUrl, StoreError> {
        match &self.kind {
            Kind::Server(remote) => sign::sign(remote, scope, valid).await,
            Kind::Folder(folder) => {
                let path = match scope {
                    Scope::Object(path) => path,
                    Scope::Container => "",
                };
                let url = Secret::new(folder.url(path)?.as_str());
                let expires = Timestamp::now().saturating_add(FOREVER).unwrap_or(Timestamp::MAX);
                Ok(SignedUrl { url, expires, shortened: None })
            }
        }
    }

    /// Returns the URL of an object, without credentials.
    pub fn url(&self, path: &str) -> Result<Url, StoreError> {
        match &self.kind {
            Kind::Server(remote) => sign::plain_url(remote, Some(path)),
            Kind::Folder(folder) => folder.url(path),
        }
    }

    async fn opened(
        &self,
        path: &str,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<Option<remote::Opened>, StoreError> {
        match &self.kind {
            Kind::Server(remote) => remote.open(path, offset, etag).await,
            Kind::Folder(folder) => folder.open(path, offset, etag).await,
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.place())
    }
}
