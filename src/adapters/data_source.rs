//! Where an app gets a published database from: a signed URL, a folder, or a store that it has the
//! credentials of.
//!
//! A source is a container (`latest.json` names the version) or one file (its `ETag` does). It is only
//! read, and all that comes from it may be hostile.

use std::path::PathBuf;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::adapters::store::{Container, StoreError};
use crate::data::{MAX_POINTER, PublishedVersion, Validity};
use crate::http::{self, is_loopback, without_query};
use crate::secret::Secret;

mod error;
mod folder;
mod web;

pub use error::SourceError;

/// The names that a database file has.
const DATABASES: [&str; 5] = [".duckdb", ".ddb", ".db", ".sqlite", ".sqlite3"];

/// The longest URL that is read.
pub const MAX_URL: usize = 8 * 1024;

/// A published database, as an app reaches it.
pub struct Source {
    place: String,
    kind: Kind,
    single: bool,
    /// The name of the copy, where the URL of a container names it.
    file: Option<String>,
}

enum Kind {
    Web(Box<web::Web>),
    Folder(PathBuf),
    Store(Container),
}

/// What a source answers to somebody who knows a version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<T> {
    /// It is still that version.
    Same,
    /// It is this.
    New(T),
}

/// A small file: its bytes, and its version where the source has any.
pub type Small = (Vec<u8>, Option<String>);

/// A file of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its size, in bytes.
    pub size: u64,
    /// Its version, where the source has any.
    pub etag: Option<String>,
}

/// A file that is being read.
pub struct Opened {
    /// Where the body begins: the asked offset, or 0 where the source knows no ranges.
    pub offset: u64,
    /// The size of the whole file, in bytes, where the source tells it.
    pub size: Option<u64>,
    /// Its version, where the source has any.
    pub etag: Option<String>,
    /// What follows.
    pub body: Body,
}

/// The rest of a file, piece by piece.
pub enum Body {
    /// Over HTTP.
    Web(Box<http::Streamed>, String),
    /// From a file of this machine.
    File(folder::Reader),
    /// From a store.
    Store(BoxStream<'static, Result<Bytes, StoreError>>),
}

impl Source {
    /// Reads a URL: of a container or of a database file, `https://`, or `http://` and `file://` of
    /// this machine. `client` asks it.
    ///
    /// # Errors
    /// [`SourceError::Url`]; the message never holds the URL's query.
    pub fn at_url(text: &Secret, client: http::Client) -> Result<Self, SourceError> {
        let wrong = |problem: &str| SourceError::Url { problem: problem.to_owned() };
        let text = text.expose().trim();
        if text.len() > MAX_URL {
            return Err(wrong("it is too long"));
        }
        let mut url: Url = text.parse().map_err(|_| wrong("it is not a URL"))?;
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("it holds a user name or a password; a signed URL needs neither"));
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(wrong("plain http would show its signature to the network")),
            "file" => {
                let path = url.to_file_path().map_err(|()| wrong("it names no file of here"))?;
                return Ok(Self::in_folder(path));
            }
            _ => return Err(wrong("it does not begin with https:// or file://")),
        }
        // The address of the pointer is that of its container.
        if let Some(folder) = url.path().strip_suffix(&format!("/{}", PublishedVersion::POINTER)) {
            let folder = folder.to_owned();
            url.set_path(&folder);
        }
        let file = take_copy(&mut url);
        let signed_for_one = url.query_pairs().any(|(name, value)| name == "sr" && value == "b");
        let single = is_database(url.path()) || signed_for_one;
        Ok(Self {
            place: without_query(&url),
            kind: Kind::Web(Box::new(web::Web { url, client })),
            single,
            file,
        })
    }

    /// A folder that is laid out like a container, or a database file.
    pub fn in_folder(path: PathBuf) -> Self {
        let single = path.is_file();
        Self { place: path.display().to_string(), kind: Kind::Folder(path), single, file: None }
    }

    /// A container of a store.
    pub fn in_store(container: Container) -> Self {
        Self { place: container.place(), kind: Kind::Store(container), single: false, file: None }
    }

    /// Says where it is, without what is secret.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Whether it is one file, and not a container with a `latest.json`.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// Returns the name of the file, where the source is one, or its URL names the copy.
    pub fn file_name(&self) -> Option<&str> {
        if let Some(file) = &self.file {
            return Some(file);
        }
        self.place.rsplit('/').next().filter(|name| self.single && !name.is_empty())
    }

    /// Returns a digest of where it is, which tells two sources apart and gives nothing away.
    pub fn fingerprint(&self) -> String {
        format!("{:x}", Sha256::digest(self.place.as_bytes()))
    }

    /// Says when the signature is valid, where the source has one.
    pub fn validity(&self) -> Validity {
        match &self.kind {
            Kind::Web(web) => Validity::of(&web.url),
            Kind::Folder(_) | Kind::Store(_) => Validity::default(),
        }
    }

    /// Reads `latest.json`, with its version, unless it is the version `known`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn pointer(&self, known: Option<&str>) -> Result<Answer<Small>, SourceError> {
        let path = PublishedVersion::POINTER;
        match &self.kind {
            Kind::Web(web) => web.small(path, known, MAX_POINTER).await,
            Kind::Folder(folder) => folder::small(&folder.join(path), known, MAX_POINTER),
            Kind::Store(container) => {
                let read = container.read(path, MAX_POINTER as u64).await?;
                let (bytes, object) =
                    read.ok_or_else(|| SourceError::Missing { place: self.at(path) })?;
                Ok(Answer::New((bytes.to_vec(), Some(object.etag))))
            }
        }
    }

    /// Asks for the one file, unless it is the version `known`.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn look(&self, known: Option<&str>) -> Result<Answer<SourceFile>, SourceError> {
        match &self.kind {
            Kind::Web(web) => web.look(known).await,
            Kind::Folder(file) => folder::look(file, known),
            Kind::Store(_) => Err(SourceError::Missing { place: self.place.clone() }),
        }
    }

    /// Opens a file of the container (`path`), or the one file, from `offset` on, of exactly the
    /// version `etag` where one is given.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn open(
        &self,
        path: Option<&str>,
        offset: u64,
        etag: Option<&str>,
    ) -> Result<Opened, SourceError> {
        match &self.kind {
            Kind::Web(web) => web.open(path, offset, etag).await,
            Kind::Folder(folder) => {
                let file = path.map_or_else(|| folder.clone(), |path| folder.join(path));
                folder::open(&file, offset, etag)
            }
            Kind::Store(container) => {
                let path = path.unwrap_or_default();
                let body = container.stream(path, offset, etag).await?;
                Ok(Opened { offset, size: None, etag: None, body: Body::Store(body) })
            }
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.place.trim_end_matches('/'))
    }
}

impl Body {
    /// Returns the next piece; `None` after the last.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        match self {
            Self::Web(answer, place) => answer
                .next()
                .await
                .map_err(|error| SourceError::Http { place: place.clone(), error }),
            Self::File(reader) => reader.next(),
            Self::Store(stream) => Ok(stream.next().await.transpose()?),
        }
    }
}

/// Takes the copy's name off a URL that is signed for the whole container (`sr=c`): what is handed
/// out names the copy, which any program can fetch, and `latest.json` beside it says more. Versions
/// and backups are meant by themselves.
fn take_copy(url: &mut Url) -> Option<String> {
    let covers = url.query_pairs().any(|(name, value)| name == "sr" && value == "c");
    let (folder, name) = url.path().trim_end_matches('/').rsplit_once('/')?;
    let parent = folder.rsplit('/').next().unwrap_or_default();
    if !covers || !is_database(name) || ["", "versions", "backups"].contains(&parent) {
        return None;
    }
    let (folder, name) = (folder.to_owned(), name.to_owned());
    url.set_path(&folder);
    Some(name)
}

fn is_database(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    DATABASES.iter().any(|ending| path.ends_with(ending))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::{Secret, Source, SourceError, http};

    fn source(url: &str) -> Result<Source, SourceError> {
        Source::at_url(&Secret::new(url), http::Client::new(http::Options::default()))
    }

    #[test]
    fn containers_and_files_are_told_apart() {
        for (url, single, place) in [
            ("https://a.example/analytics?sr=c&sig=S", false, "https://a.example/analytics"),
            (" https://a.example/c/latest.json?sig=S\n", false, "https://a.example/c"),
            ("https://a.example/c/x.duckdb?sr=b&sig=S", true, "https://a.example/c/x.duckdb"),
            ("https://a.example/c/X.DB?sr=c&sig=S", false, "https://a.example/c"),
            ("https://a.example/c/x.duckdb?sig=S", true, "https://a.example/c/x.duckdb"),
            (
                "https://a.example/c/versions/0.duckdb?sr=c&sig=S",
                true,
                "https://a.example/c/versions/0.duckdb",
            ),
            (
                "https://a.example/c/backups/x.db?sr=c&sig=S",
                true,
                "https://a.example/c/backups/x.db",
            ),
            ("https://a.example/c/data?sr=b&sig=S", true, "https://a.example/c/data"),
            ("http://127.0.0.1:9/c", false, "http://127.0.0.1:9/c"),
            ("file:///srv/lake/analytics", false, "/srv/lake/analytics"),
        ] {
            let found = source(url).unwrap();
            assert_eq!((found.is_single(), found.place()), (single, place), "{url}");
        }
        let copy = source("https://a.example/c/x.duckdb?sr=c&sig=S").unwrap();
        assert_eq!(copy.file_name(), Some("x.duckdb"));
        let same =
            |a: &str, b: &str| source(a).unwrap().fingerprint() == source(b).unwrap().fingerprint();
        assert!(same("https://a.example/c?sig=1", "https://a.example/c?sig=2"));
        assert!(same("https://a.example/c?sr=c&sig=1", "https://a.example/c/x.db?sr=c&sig=1"));
        assert!(!same("https://a.example/c?sig=1", "https://a.example/d?sig=1"));
    }

    #[test]
    fn urls_that_would_give_a_secret_away_are_refused() {
        for url in [
            "http://acme.blob.core.windows.net/analytics?sig=SECRET",
            "https://user:SECRET@a.example/analytics",
            "ftp://a.example/SECRET",
            "SECRET",
            "",
            "file://server/share?SECRET",
        ] {
            let error = source(url).err().unwrap().to_string();
            assert!(!error.contains("SECRET"), "{error}");
        }
    }
}
