//! What a person does by hand, also when something is broken already.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::project::{GREEN, LEDGER, Project};
use crate::harness::tidegate::{Run, Tidegate};

mod broken_configuration;
mod holds;
mod ledger_branch;
mod pending;
mod protected_main;
mod quarantined;
mod trailers;
mod words;

/// `tidegate` in the developer's clone.
fn by_hand(project: &Project, args: &[&str]) -> Tidegate {
    Tidegate::new().args(args).current_dir(project.dev.path())
}

/// Pushes a commit and has the gate release it; the clone follows.
#[track_caller]
fn released(project: &Project, text: &str) -> String {
    let commit = project.push(&format!("Release {text}"), &[("app.py", text)]);
    project.gate(GREEN).run().code(0);
    project.pull();
    commit
}

/// Installs a hook at the remote, which a server runs on each push.
fn hook(project: &Project, name: &str, script: &str) {
    let path = project.bare().join("hooks").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Lets nobody push this branch.
fn protect(project: &Project, branch: &str) {
    hook(project, "update", &format!("[ \"$1\" != refs/heads/{branch} ]\n"));
}

fn unprotect(project: &Project) {
    fs::remove_file(project.bare().join("hooks/update")).unwrap();
}

/// The record of a release.
#[track_caller]
fn record(project: &Project, number: u64) -> Value {
    let text = project.show("refs/heads/tidegate", &format!("records/{number:06}.json"));
    serde_json::from_str(&text).expect("a record")
}

/// Asserts that standard error says this.
#[track_caller]
fn says(run: &Run, text: &str) {
    assert!(run.stderr.contains(text), "no {text:?} in\n{}", run.stderr);
}

/// Whether the ledger of a branch names a commit.
#[track_caller]
fn ledger_names(project: &Project, branch: &str, commit: &str) -> bool {
    project.show(&format!("refs/heads/{branch}"), LEDGER).contains(commit)
}
