//! `sync` and `pull --layer` of folders of files, on a store of each kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::Value;
use tempfile::TempDir;
use tidegate::adapters::store::{Container, Expect, StoreError};

use crate::harness::azurite::{self, Azurite};
use crate::harness::s3_server::{self, S3Server};
use crate::harness::stores;
use crate::harness::tidegate::{Run, Tidegate};

mod ends;
mod files;
mod killed;
mod manifest;
mod pull;
mod servers;
mod status;
mod two;

/// Where a store is, and what keeps it there.
enum Kept {
    Azure(Azurite),
    S3(S3Server),
    Folder(TempDir),
}

impl Kept {
    fn folder() -> Self {
        Self::Folder(TempDir::new().unwrap())
    }

    fn each() -> [Self; 3] {
        [Self::Azure(Azurite::start()), Self::S3(S3Server::start()), Self::folder()]
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Azure(_) => "Azure",
            Self::S3(_) => "S3",
            Self::Folder(_) => "folder",
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Azure(_) => azurite::store_url(),
            Self::S3(_) => s3_server::store_url(),
            Self::Folder(folder) => format!("file://{}", folder.path().display()),
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        match self {
            Self::Azure(server) => server.environment(),
            Self::S3(server) => server.environment(),
            Self::Folder(_) => Vec::new(),
        }
    }

    fn container(&self) -> Container {
        stores::open(&self.url(), self.environment()).container("bronze").unwrap()
    }

    /// The objects of the layer, without copies of manifests: paths and contents.
    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let container = self.container();
        stores::run(async {
            let mut objects = BTreeMap::new();
            let mut listing = container.list("");
            while let Some(object) = listing.next().await {
                let path = match object {
                    Ok(object) => object.path,
                    // Nobody has made the container.
                    Err(StoreError::Missing { .. }) => break,
                    Err(error) => panic!("{error}"),
                };
                if !path.starts_with("metadata/") {
                    let (bytes, _) = container.read(&path, 1 << 30).await.unwrap().unwrap();
                    objects.insert(path, bytes.to_vec());
                }
            }
            objects
        })
    }

    /// The copy of the manifest.
    fn copy(&self) -> Value {
        let container = self.container();
        let path = "metadata/manifests/bronze.json";
        let (bytes, _) = stores::run(container.read(path, 1 << 30)).unwrap().unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The paths in the copy of the manifest.
    fn noted(&self) -> Vec<String> {
        keys(&self.copy())
    }

    fn put(&self, path: &str, content: &str) {
        let container = self.container();
        stores::run(async {
            container.create_if_missing().await.unwrap();
            let bytes = Bytes::from(content.to_owned());
            container.write(path, bytes, Expect::Anything).await.unwrap();
        });
    }
}

/// A machine with a folder of data, of a store's user.
struct Machine {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

const MANIFEST: &str = "data/metadata/sync_manifest.json";

impl Machine {
    fn new(kept: &Kept) -> Self {
        Self::with(kept, "**/*.parquet", "")
    }

    /// With another pattern, and more lines of `data`.
    fn with(kept: &Kept, pattern: &str, more: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(".github")).unwrap();
        let url = kept.url();
        let layer = format!("{{ path: data/bronze, pattern: \"{pattern}\" }}");
        let config =
            format!("version: 1\ndata:\n  store: {url}\n  layers:\n    bronze: {layer}\n{more}");
        fs::write(folder.path().join(".github/tidegate.yml"), config).unwrap();
        fs::create_dir_all(folder.path().join("data/bronze")).unwrap();
        Self { folder, environment: kept.environment() }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join("data/bronze").join(below)
    }

    fn write(&self, below: &str, content: impl AsRef<[u8]>) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes so many files in partitions.
    fn fill(&self, files: usize) {
        for n in 0..files {
            let region = n % 3;
            self.write(&format!("region={region}/run_{n:05}/f.parquet"), format!("content {n}"));
        }
    }

    fn tidegate(&self, arguments: &[&str]) -> Tidegate {
        let environment = self.environment.iter().cloned();
        Tidegate::new().args(arguments).envs(environment).current_dir(self.folder.path())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.tidegate(arguments).run()
    }

    /// Syncs the layer, and returns what it says: uploaded, skipped, errors.
    #[track_caller]
    fn sync(&self, arguments: &[&str]) -> (u64, u64, u64) {
        let run = self.run(&[&["sync", "--layer", "bronze", "--json"], arguments].concat());
        let said = run.json();
        assert_eq!(said["schema"], "tidegate/sync/1", "{run:?}");
        let number = |key: &str| said[key].as_u64().unwrap();
        let numbers = (number("uploaded"), number("skipped"), number("errors"));
        assert_eq!(run.status, Some(if numbers.2 == 0 { 0 } else { 15 }), "{run:?}");
        numbers
    }

    fn manifest_text(&self) -> String {
        fs::read_to_string(self.folder.path().join(MANIFEST)).unwrap()
    }

    fn manifest(&self) -> Value {
        serde_json::from_str(&self.manifest_text()).unwrap()
    }

    fn write_manifest(&self, text: &str) {
        let path = self.folder.path().join(MANIFEST);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn forget_manifest(&self) {
        fs::remove_file(self.folder.path().join(MANIFEST)).unwrap();
    }

    /// The files of the layer, by their paths below it.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, found);
                } else {
                    let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                    found.insert(below, fs::read(&path).unwrap());
                }
            }
        }
        let mut found = BTreeMap::new();
        walk(&self.path(""), &self.path(""), &mut found);
        found
    }
}

/// The paths of a manifest.
fn keys(manifest: &Value) -> Vec<String> {
    manifest["synced_files"].as_object().unwrap().keys().cloned().collect()
}

/// Sets when a file was last written, in seconds since 1970.
fn set_time(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}
