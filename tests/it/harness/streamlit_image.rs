//! Images of Streamlit apps: the Debian base, Streamlit, and the app, a layer each.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use tidegate::adapters::registry::{OCI_CONFIG, OCI_MANIFEST};
use tidegate::model::Digest;

use super::engine::Built;
use super::environment::cache_folder;
use super::oci_registry::OciRegistry;

const TAR: &str = "application/vnd.oci.image.layer.v1.tar";

/// Where Streamlit lies: it takes any other folder for a clone of its developers'.
const SITE: &str = "opt/site-packages";

/// What all images of one repository have in common.
pub struct StreamlitImage<'a> {
    registry: &'a OciRegistry,
    repository: &'a str,
    layers: Vec<Value>,
}

impl<'a> StreamlitImage<'a> {
    /// Puts the common layers into the registry.
    pub fn new(registry: &'a OciRegistry, repository: &'a str) -> Self {
        let cache = cache_folder();
        let base = cache.join("debian-base.tar");
        let base = std::fs::read(&base).unwrap_or_else(|error| {
            panic!("{} is missing ({error}): run ./dev setup", base.display())
        });
        let streamlit = cache.join("container-streamlit");
        assert!(streamlit.is_dir(), "{} is missing: run ./dev setup", streamlit.display());
        let streamlit = tar(&streamlit, SITE);
        let layers = [base, streamlit].map(|bytes| registry.push_blob(repository, TAR, &bytes));
        Self { registry, repository, layers: layers.to_vec() }
    }

    /// Pushes the image of an app of one page, as a team's Dockerfile makes it.
    pub fn app(&self, script: &str) -> Built {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("app.py"), script).expect("the app");
        let app = self.registry.push_blob(self.repository, TAR, &tar(folder.path(), "srv/app"));
        let layers: Vec<&Value> = self.layers.iter().chain([&app]).collect();
        let ids: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
        let config = json!({
            "created": "2026-11-01T12:00:00Z", "os": "linux",
            "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
            "config": {
                "Env": [
                    "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1",
                    format!("PYTHONPATH=/{SITE}"),
                ],
                "WorkingDir": "/srv/app",
                "Cmd": [
                    "python3", "-m", "streamlit", "run", "app.py", "--server.headless=true",
                    "--browser.gatherUsageStats=false", "--server.fileWatcherType=none",
                ],
            },
            "rootfs": { "type": "layers", "diff_ids": ids },
        });
        let config =
            self.registry.push_blob(self.repository, OCI_CONFIG, config.to_string().as_bytes());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers,
        });
        let bytes = manifest.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        self.registry.push_manifest(self.repository, digest.as_str(), OCI_MANIFEST, &bytes);
        Built { image: self.registry.image(self.repository), digest }
    }
}

/// The folder as a tar, below another path.
fn tar(folder: &Path, below: &str) -> Vec<u8> {
    let output = Command::new("tar")
        .args(["--numeric-owner", "--owner=0", "--group=0", "--exclude=__pycache__"])
        .arg(format!("--transform=s,^\\.,./{below},"))
        .arg("-C")
        .arg(folder)
        .args(["-cf", "-", "."])
        .output()
        .expect("tar runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
