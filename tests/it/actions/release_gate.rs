//! The example workflow, run for real by act: once green, once red.
//!
//! Only checkout and registry login are stand-ins. The assertions read the registry's bytes and
//! the bare repository, never logs.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::example::Example;
use crate::harness::team::{digest, tidegate};

const LEDGER: &str = "docs/ML_EXPERIMENT_RESULTS.md";

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
    assert_eq!(variable("GITHUB_SHA"), Some(commit));
    assert_eq!(variable("GITHUB_REPOSITORY").as_deref(), Some("acme/app"));
    let needs: Value =
        serde_json::from_str(&variable("TIDEGATE_NEEDS").expect("needs")).expect("JSON");
    for job in ["tests", "code-quality", "build-docker"] {
        assert_eq!(needs[job]["result"], "success", "{job}");
    }
    assert_eq!(needs["build-docker"]["outputs"]["digest"], digest(&index));
}

/// The paths in which two trees of the bare repository differ.
fn changed_paths(example: &Example, from: &str, to: &str) -> Vec<String> {
    let listing = example.git(&["diff-tree", "-r", "--name-only", from, to]);
    listing.lines().map(str::to_owned).collect()
}

#[test]
fn a_green_run_promotes() {
    let mut example = Example::new();
    let (commit, run) = example.push("Add the app", "works\n", tidegate());
    run.expect_jobs(GREEN);

    let candidate = example.manifest(&commit).expect("the candidate under the commit's tag");
    assert_eq!(platforms(&candidate), ["linux/amd64", "linux/arm64"]);
    for tag in ["main-candidate", "stable", "latest"] {
        assert_eq!(example.manifest(tag).as_ref(), Some(&candidate), "tag {tag}");
    }

    assert_eq!(example.git(&["rev-parse", "refs/heads/stable"]), commit);
    assert_eq!(changed_paths(&example, &commit, "refs/heads/main"), [LEDGER]);
    let ledger = example.git(&["show", &format!("refs/heads/main:{LEDGER}")]);
    assert!(ledger.contains(&commit) && ledger.contains(&digest(&candidate)), "{ledger}");
    let message = example.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.contains("[skip ci]"), "{message}");
    let records = example.git(&["ls-tree", "-r", "--name-only", "refs/heads/tidegate"]);
    let is_json = |path: &str| Path::new(path).extension().is_some_and(|end| end == "json");
    assert!(records.lines().any(is_json), "{records}");
}

#[test]
fn a_red_run_rolls_main_back_and_leaves_stable_alone() {
    let mut example = Example::new();
    let (good, run) = example.push("Add the app", "works\n", tidegate());
    run.expect_jobs(GREEN);
    let released = example.manifest("stable").expect("the release");
    // The ledger commit came in between: a developer pulls before the next push.
    let bare = example.bare();
    example.repo.git(&["pull", "-q", "--ff-only", &bare.to_string_lossy(), "main"]);

    let (bad, run) = example.push("Break the app", "is broken\n", tidegate());

    // The build was skipped, and the gate ends with the exit code of a rollback.
    run.expect_jobs(&[("Tests", false), ("Code quality", true), ("Gate", false)]);
    assert_eq!(changed_paths(&example, &good, "refs/heads/main"), [LEDGER]);
    let history = example.git(&["rev-list", "refs/heads/main"]);
    assert!(history.lines().any(|commit| commit == bad), "history is never rewritten");
    let message = example.git(&["log", "-1", "--format=%B", "refs/heads/main"]);
    assert!(message.lines().next().is_some_and(|subject| subject.contains("[skip ci]")));
    assert!(message.contains(&format!("Tidegate-Rollback-From: {bad}")), "{message}");
    assert!(message.contains(&format!("Tidegate-Rollback-To: {good}")), "{message}");

    assert_eq!(example.git(&["rev-parse", "refs/heads/stable"]), good);
    for tag in ["stable", "latest", "main-candidate"] {
        assert_eq!(example.manifest(tag).as_ref(), Some(&released), "tag {tag}");
    }
    assert_eq!(example.manifest(&bad), None, "nothing was built for the failed commit");
}
