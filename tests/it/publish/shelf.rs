//! A container of its own on one kind of store, and versions to publish in it.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tidegate::adapters::store::{Container, Store};
use tidegate::apply::data::{move_pointer, upload_version};
use tidegate::data::{Pointer, PublishedVersion};
use tidegate::observe::data::served;

use crate::harness::azurite::Azurite;
use crate::harness::s3_server::S3Server;
use crate::harness::stores::{self, run};

/// The name of the copy.
pub const FILE: &str = "analytics.duckdb";

/// The name of the copy, where a test makes it by the command.
pub const FILE_OF_SQLITE: &str = "analytics.db";

/// The layer, and its container.
pub const LAYER: &str = "analytics";

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Azure,
    S3,
}

/// What keeps the store alive.
enum Server {
    Folder,
    Azure(Azurite),
    S3(S3Server),
}

/// A store of its own.
pub struct Shelf {
    server: Server,
    pub folder: TempDir,
}

impl Shelf {
    /// Starts one.
    pub fn start(kind: Kind) -> Self {
        let server = match kind {
            Kind::Folder => Server::Folder,
            Kind::Azure => Server::Azure(Azurite::start()),
            Kind::S3 => Server::S3(S3Server::start()),
        };
        Self { server, folder: TempDir::new().unwrap() }
    }

    /// The value of `data.store`.
    pub fn url(&self) -> String {
        match &self.server {
            Server::Folder => format!("file://{}/lake", self.folder.path().display()),
            Server::Azure(server) => server.store_url(),
            Server::S3(server) => server.store_url(),
        }
    }

    /// The variables that it is reached by.
    pub fn environment(&self) -> Vec<(String, String)> {
        match &self.server {
            Server::Folder => Vec::new(),
            Server::Azure(server) => server.environment(),
            Server::S3(server) => server.environment(),
        }
    }

    /// The store, for this process.
    pub fn store(&self) -> Store {
        stores::open(&self.url(), self.environment())
    }

    /// The container, made where it is missing.
    pub fn container(&self) -> Container {
        stores::made(&self.store(), LAYER)
    }

    /// A file with these bytes, and what it is as a version.
    pub fn version(&self, content: &[u8], created: &str) -> (PathBuf, PublishedVersion) {
        let sha256 = format!("{:x}", Sha256::digest(content));
        let file = self.folder.path().join(format!("{sha256}.snapshot"));
        std::fs::write(&file, content).unwrap();
        let version = PublishedVersion {
            version: format!("sha256:{sha256}").parse().unwrap(),
            path: format!("versions/{sha256}.duckdb"),
            sha256,
            size: content.len() as u64,
            created: created.parse().unwrap(),
            commit: None,
            storage_format: "duckdb v1.2.0".to_owned(),
            content: None,
            figures: std::collections::BTreeMap::default(),
            columns: std::collections::BTreeMap::default(),
        };
        (file, version)
    }

    /// Uploads a version and lets it be served, as a release or by itself.
    pub fn publish(&self, content: &[u8], created: &str, release: Option<u64>) -> PublishedVersion {
        let (file, version) = self.version(content, created);
        run(async {
            let container = self.store().container(LAYER).unwrap();
            upload_version(&container, &file, &version, &|_| {}).await.unwrap();
            let time = version.created;
            move_pointer(&container, FILE, &version, release, Some(time), time).await.unwrap();
        });
        version
    }

    /// What is served.
    pub fn served(&self) -> Option<Pointer> {
        run(async { served(&self.container_here()).await.unwrap().map(|(pointer, _)| pointer) })
    }

    /// The bytes of an object.
    pub fn bytes(&self, path: &str) -> Option<Vec<u8>> {
        let read = run(async { self.container_here().read(path, 1 << 30).await.unwrap() });
        read.map(|(bytes, _)| bytes.to_vec())
    }

    /// The paths of all objects, in order.
    pub fn paths(&self) -> Vec<String> {
        use futures_util::TryStreamExt as _;
        let mut paths: Vec<String> = run(async {
            let listed: Vec<_> = self.container_here().list("").try_collect().await.unwrap();
            listed.into_iter().map(|object| object.path).collect()
        });
        paths.sort();
        paths
    }

    /// Of how many moments of a publication one is tried.
    pub fn moments(&self) -> usize {
        match self.server {
            Server::Folder => 1,
            Server::Azure(_) | Server::S3(_) => 3,
        }
    }

    /// The container, for one runtime.
    pub fn container_here(&self) -> Container {
        self.store().container(LAYER).unwrap()
    }

    /// Asserts that what is served can be had, and that the copy is the same.
    #[track_caller]
    pub fn assert_whole(&self, version: &PublishedVersion) {
        let pointer = self.served().expect("something is served");
        assert_eq!(pointer.version.version, version.version);
        for path in [version.path.as_str(), FILE] {
            let bytes = self.bytes(path).unwrap_or_else(|| panic!("{path} is missing"));
            assert_eq!(format!("{:x}", Sha256::digest(&bytes)), version.sha256, "{path}");
        }
    }
}

/// Makes a test for every kind of store out of a function that takes one.
macro_rules! on_every_store {
    ($($name:ident)+) => {
        $(mod $name {
            use crate::publish::shelf::{Kind, Shelf};

            #[test]
            fn in_a_folder() {
                super::$name(&Shelf::start(Kind::Folder));
            }

            #[test]
            fn on_azure() {
                super::$name(&Shelf::start(Kind::Azure));
            }

            #[test]
            fn on_s3() {
                super::$name(&Shelf::start(Kind::S3));
            }
        })+
    };
}

pub(super) use on_every_store;
