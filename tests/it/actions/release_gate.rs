//! The example workflow, run for real by act: once green, once red.
//!
//! Only checkout and registry login are stand-ins. The assertions read the registry's bytes and
//! the bare repository, never logs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use tempfile::TempDir;

use super::example::{Example, digest};

const GREEN: &[(&str, bool)] =
    &[("Tests", true), ("Code quality", true), ("Candidate image", true), ("Gate", true)];

/// The platforms that an index names, as `os/architecture`, sorted.
fn platforms(index: &[u8]) -> Vec<String> {
    let index: Value = serde_json::from_slice(index).expect("JSON");
    let children = index["manifests"].as_array().expect("an index");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut names: Vec<String> = children
        .iter()
        .map(|child| &child["platform"])
        .map(|platform| text(&platform["os"]) + "/" + &text(&platform["architecture"]))
        .collect();
    names.sort();
    names
}

#[test]
fn the_build_job_pushes_a_two_platform_candidate_and_the_gate_gets_its_digest() {
    let folder = TempDir::new().expect("a temporary folder");
    let seen = folder.path().join("seen");
    let gate = folder.path().join("gate");
    // Stands in for tidegate here, to see what the action hands over.
    let script =
        format!("#!/bin/sh\n[ \"$*\" = gate ] || exit 9\nenv -0 > {}\nexit 0\n", seen.display());
    fs::write(&gate, script).expect("write the script");
    fs::set_permissions(&gate, fs::Permissions::from_mode(0o755)).expect("make it executable");

    let mut example = Example::new();
    let (commit, run) = example.push("Add the app", "works\n", &gate);

    run.expect_jobs(GREEN);
    let index = example.manifest(&commit).expect("the candidate under the commit's tag");
    assert_eq!(platforms(&index), ["linux/amd64", "linux/arm64"]);
    assert_eq!(example.manifest("main-candidate").as_ref(), Some(&index));

    let environment = fs::read_to_string(&seen).expect("what the gate saw");
    let variable = |name: &str| {
        let entries = environment.split('\0').filter_map(|entry| entry.split_once('='));
        entries.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).next_back()
    };
    assert_eq!(variable("TIDEGATE_DIGEST"), Some(digest(&index)));
    assert_eq!(variable("GITHUB_SHA"), Some(commit));
    assert_eq!(variable("GITHUB_REPOSITORY").as_deref(), Some("acme/app"));
    let needs: Value =
        serde_json::from_str(&variable("TIDEGATE_NEEDS").expect("needs")).expect("JSON");
    for job in ["tests", "code-quality", "build-docker"] {
        assert_eq!(needs[job]["result"], "success", "{job}");
    }
}
