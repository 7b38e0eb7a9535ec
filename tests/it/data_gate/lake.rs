//! A store in a folder, a project whose releases publish from it, and versions that another job has
//! uploaded.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::model::Digest;

use crate::harness::oci_registry::Pushed;
use crate::promises::release_world::{Gate, REPOSITORY, World};

/// A project with a database in its releases.
pub struct Lake {
    pub world: World,
    folder: TempDir,
}

impl Lake {
    /// Every release publishes a version that a job has uploaded.
    pub fn new() -> Self {
        Self::with("")
    }

    /// The same, with further lines below `data`.
    pub fn with(data: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let store = folder.path().canonicalize().unwrap();
        let data: String = data.lines().map(|line| format!("  {line}\n")).collect();
        let configuration = format!(
            "data:\n  store: file://{}\n  layers: {{ analytics: {{ file: data/analytics.db }} }}\n{data}",
            store.display()
        );
        Self { world: World::with(&[REPOSITORY], &configuration), folder }
    }

    /// The container.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("analytics")
    }

    /// The text of a file of the container.
    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.path().join(path)).ok()
    }

    /// What `sync --candidate` leaves in the store: a version that nobody reads yet. Returns its name.
    pub fn upload(&self, content: &str) -> String {
        self.upload_as(content, "2026-03-01T12:00:00Z", "sqlite 3")
    }

    /// The same, made at another time, or in another storage format.
    pub fn upload_as(&self, content: &str, created: &str, storage_format: &str) -> String {
        let version = Digest::of(content.as_bytes()).to_string();
        let hex = version.strip_prefix("sha256:").unwrap().to_owned();
        let folder = self.path().join("versions");
        std::fs::create_dir_all(&folder).unwrap();
        let file = format!("versions/{hex}.db");
        let description = json!({
            "version": version, "sha256": hex, "size": content.len(),
            "created": created, "storage_format": storage_format, "path": file,
        });
        std::fs::write(self.path().join(&file), content).unwrap();
        std::fs::write(folder.join(format!("{hex}.json")), description.to_string()).unwrap();
        version
    }

    /// The file of a version.
    pub fn file(&self, version: &str) -> PathBuf {
        let hex = version.strip_prefix("sha256:").unwrap();
        self.path().join(format!("versions/{hex}.db"))
    }

    /// What `latest.json` says.
    pub fn pointer(&self) -> Option<Value> {
        pointer(&self.path())
    }

    /// The version and the release that readers are served.
    pub fn served(&self) -> (String, u64) {
        let pointer = self.pointer().expect("a pointer");
        (pointer["version"].as_str().unwrap().to_owned(), pointer["release"].as_u64().unwrap())
    }

    /// A gate whose tests passed, with a version that another job has uploaded.
    pub fn gate(&self, candidate: &(String, Pushed), version: &str) -> Gate<'_> {
        let gate = self.world.gate(&candidate.0).passed(&candidate.1);
        gate.arguments(&["--data-version", version])
    }

    /// A commit that was released with this data.
    pub fn released(&self, content: &str) -> Released {
        let code = self.world.candidate(content, &format!("print({content:?})\n"));
        let data = self.upload(content);
        self.gate(&code, &data).run().code(0);
        Released { code, data, content: content.to_owned() }
    }

    /// Asserts that users get this code, image and data as release `number`.
    #[track_caller]
    pub fn assert_live(&self, number: u64, released: &Released) {
        self.world.assert_live(number, &released.code.0, &released.code.1);
        assert_eq!(self.served(), (released.data.clone(), number));
        assert_eq!(
            self.read("analytics.db").as_deref(),
            Some(released.content.as_str()),
            "the copy"
        );
        let record = self.world.bare().newest_record();
        assert_eq!(record["data"]["version"], released.data.as_str());
    }

    /// Everything in the store, for "nothing has changed".
    pub fn fingerprint(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(&self.path(), &mut found);
        found.sort();
        found
    }
}

/// A release.
pub struct Released {
    pub code: (String, Pushed),
    pub data: String,
    pub content: String,
}

/// What `latest.json` of a container says.
pub fn pointer(container: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(container.join("latest.json")).ok()?;
    Some(serde_json::from_str(&text).expect("a pointer is never seen half"))
}

fn list(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push(format!("{} {}", path.display(), Digest::of(&bytes)));
        }
    }
}
