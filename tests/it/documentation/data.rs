//! Blocks of YAML and JSON: configurations are read, workflows are audited, JSON parses.

use std::collections::BTreeMap;
use std::fs;

use tempfile::TempDir;
use tidegate::config::Config;
use tidegate::model::Digest;
use tidegate::observe::compose;
use tidegate::stack::Limits;

use super::blocks::{self, Block};
use crate::harness::environment::{isolated_command, require_program};

/// A whole workflow has jobs; a part of one is indented, or begins with its permissions.
fn is_workflow(block: &Block) -> bool {
    block.text.lines().any(|line| line == "jobs:")
}

fn is_part(block: &Block) -> bool {
    block.text.starts_with([' ', '-']) || block.text.starts_with("permissions:")
}

fn is_compose(block: &Block) -> bool {
    block.text.lines().any(|line| line == "services:")
}

fn yaml() -> Vec<Block> {
    blocks::all().into_iter().filter(|block| block.language == "yaml").collect()
}

#[test]
fn configuration_in_documents_is_understood() {
    let mut seen = 0;
    let other = |block: &Block| is_workflow(block) || is_part(block) || is_compose(block);
    for block in yaml().iter().filter(|block| !other(block)) {
        let config = Config::parse(block.text.as_bytes(), &block.place());
        assert!(config.is_ok(), "{}", config.unwrap_err());
        seen += 1;
    }
    assert!(seen >= 12, "{seen} configurations were looked at");
}

#[test]
fn compose_files_in_documents_are_read_without_a_warning() {
    let folder = TempDir::new().unwrap();
    let mut seen = 0;
    for block in yaml().iter().filter(|block| is_compose(block)) {
        fs::write(folder.path().join("compose.yml"), &block.text).unwrap();
        let text = "compose: { file: compose.yml, services: { api: ghcr.io/acme/api, web: ghcr.io/acme/web } }
images: [ghcr.io/acme/api, ghcr.io/acme/web]
smoke: [{ kind: tcp, service: api, port: 1 }]";
        let config = Config::parse(text.as_bytes(), "tidegate.yml").unwrap();
        let images = config.images.iter().flatten();
        let digests = images.map(|image| (image.clone(), Digest::of(b"x"))).collect();
        let candidates = config.candidates(&digests, &|_| None).unwrap();
        let compose = config.compose.as_ref().unwrap();
        let (none, limits) = (BTreeMap::new(), Limits::default());
        let read = compose::read(folder.path(), compose, &none, &candidates, &limits);
        let (_, warnings) = read.unwrap_or_else(|error| panic!("{}: {error}", block.place()));
        assert_eq!(warnings, [], "{}", block.place());
        seen += 1;
    }
    assert!(seen >= 1, "{seen} compose files were looked at");
}

#[test]
fn parts_of_workflows_in_documents_are_yaml() {
    let mut seen = 0;
    for block in yaml().iter().filter(|block| is_workflow(block) || is_part(block)) {
        let read = serde_yaml::from_str::<serde_yaml::Value>(&block.text);
        assert!(read.is_ok(), "{}: {}", block.place(), read.unwrap_err());
        seen += 1;
    }
    assert!(seen >= 8, "{seen} parts were looked at");
}

#[test]
fn workflows_in_documents_pass_zizmor() {
    let folder = TempDir::new().unwrap();
    let mut seen = 0;
    for block in yaml().iter().filter(|block| is_workflow(block) && block.text.contains("\non:")) {
        let text = block.text.replace("<commit>", &"4dc5b01d".repeat(5));
        let name = block.place().replace(['/', ' ', ','], "-");
        fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
        fs::write(folder.path().join(format!(".github/workflows/{name}.yml")), text).unwrap();
        seen += 1;
    }
    assert!(seen >= 4, "{seen} workflows were looked at");
    let output = isolated_command(require_program("zizmor"), folder.path())
        .args(["--offline", "--no-progress", "--strict-collection", "--no-config", "."])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(output.status.success(), "{}", said.concat());
}

#[test]
fn json_in_documents_parses() {
    for block in blocks::all().iter().filter(|block| block.language == "json") {
        let read = serde_json::from_str::<serde_json::Value>(&block.text);
        assert!(read.is_ok(), "{}: {}", block.place(), read.unwrap_err());
    }
}
