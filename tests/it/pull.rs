//! `pull` and its Python loader, against servers that answer, cut, stop, lie and go away.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::harness::file_server::FileServer;
use crate::harness::tidegate::Tidegate;

mod azure;
mod ends;
mod hostile;
mod loader;
mod place;
mod several;
mod streamlit;
mod transfer;

/// The container of the tests.
const CONTAINER: &str = "analytics";

/// What no output may hold: the signature of [`FileServer::url`], in each form.
const SIGNATURE: [&str; 3] = ["c2VjcmV0", "secret-signature", "sig="];

fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A database of so many bytes that begins as DuckDB's do; `seed` tells two of them apart.
fn database(seed: u8, size: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut bytes: Vec<u8> = (0..size.div_ceil(8))
        .flat_map(|_| {
            // Xorshift: bytes that do not repeat, so that no mixed-up piece goes unseen.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect();
    bytes.truncate(size);
    bytes[8..12].copy_from_slice(b"DUCK");
    bytes
}

/// The text of `latest.json` for a file.
fn pointer(bytes: &[u8]) -> Value {
    let sha256 = sha256(bytes);
    json!({
        "format": 1,
        "version": format!("sha256:{sha256}"),
        "sha256": sha256,
        "size": bytes.len(),
        "created": "2026-02-07T19:53:58Z",
        "storage_format": "duckdb v1.2.0",
        "path": format!("versions/{sha256}.duckdb"),
        "moved": "2026-02-07T19:54:02Z",
    })
}

/// Publishes as `sync` does: the version, then the pointer.
fn publish(server: &FileServer, bytes: &[u8]) {
    let pointer = pointer(bytes);
    server.put(&format!("/{CONTAINER}/{}", pointer["path"].as_str().unwrap()), bytes);
    server.put(&format!("/{CONTAINER}/latest.json"), pointer.to_string());
}

/// The folder of an app: no repository, no configuration.
struct App {
    folder: TempDir,
}

impl App {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn file(&self) -> PathBuf {
        self.folder().join("analytics.duckdb")
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(self.file()).unwrap()
    }

    /// A pull by the variable of the environment.
    fn pull(&self, url: &str) -> Tidegate {
        Tidegate::new()
            .args(["pull", "--to", "data/analytics.duckdb"])
            .env("AZURE_ANALYTICS_URL", url)
            .current_dir(self.folder.path())
    }

    /// What is in the folder beside the database, the note and the lock.
    fn left(&self) -> Vec<String> {
        let known = ["analytics.duckdb", ".db_url_cache", ".analytics.duckdb.lock"];
        names(&self.folder()).into_iter().filter(|name| !known.contains(&name.as_str())).collect()
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The server, and what it serves first.
fn served(size: usize) -> (FileServer, Vec<u8>) {
    let server = FileServer::start();
    let bytes = database(1, size);
    publish(&server, &bytes);
    (server, bytes)
}
