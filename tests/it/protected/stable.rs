//! A token that may not change workflow files moves `stable` all the same.

use crate::harness::project::{GREEN, Project, actions};
use crate::harness::tidegate::Tidegate;

/// Refuses pushes to `stable` that change a workflow against what the branch has, or, for a new
/// branch, against main, in the words of GitHub.
const HOOK: &str = r#"#!/bin/sh
while read -r old new reference; do
    [ "$reference" = refs/heads/stable ] || continue
    case $old in *[!0]*) ;; *) old=refs/heads/main ;; esac
    changed=$(git diff --name-only "$old" "$new" -- .github/workflows | head -n 1)
    [ -n "$changed" ] || continue
    echo "refusing to allow a GitHub App to create or update workflow \`$changed\` without \`workflows\` permission" >&2
    exit 1
done
"#;

const CI: &str = ".github/workflows/ci.yml";

#[track_caller]
fn release(project: &Project, message: &str, files: &[(&str, &str)]) -> String {
    project.pull();
    let commit = project.push(message, files);
    let run = project.gate(GREEN).run().code(0);
    assert_eq!(run.json()["verdict"], "promote");
    commit
}

/// `stable` has the tree of a commit, but for these workflow files.
#[track_caller]
fn shows(project: &Project, commit: &str, kept: &str) {
    let differing = project.remote_git(&["diff", "--name-only", commit, "refs/heads/stable"]);
    assert_eq!(differing, kept);
}

#[track_caller]
fn agreement(project: &Project) -> String {
    let status = Tidegate::new().args(["status", "--json"]).current_dir(project.dev.path());
    status.run().success().json()["agreement"].as_str().unwrap().to_owned()
}

#[test]
fn promise_3_stable_keeps_its_workflows_where_the_token_may_not_change_them() {
    let project = Project::on_http();
    let first = release(&project, "First", &[(CI, "on: push\n"), ("app.py", "1")]);
    assert_eq!(project.branch("stable"), first);
    project.server().install_hook("app", "pre-receive", HOOK);

    let second = release(&project, "Second", &[(CI, "on: [push]\n"), ("app.py", "2")]);
    shows(&project, &second, CI);
    let stable = project.branch("stable");
    let parents = project.remote_git(&["log", "-1", "--format=%P", &stable]);
    assert_eq!(parents, format!("{first} {second}"));
    let message = project.message(&stable);
    for trailer in ["Tidegate-Release: 2", "Tidegate-Kept: .github/workflows/ci.yml"] {
        assert!(message.contains(trailer), "{message}");
    }

    // It is done, and everybody sees that it is.
    project.pull();
    Tidegate::new().args(["repair"]).current_dir(project.dev.path()).run().code(0);
    assert_eq!(project.branch("stable"), stable);
    assert_eq!(agreement(&project), "yes");

    // A later release works the same, with and without a change of workflows.
    let third = release(&project, "Third", &[("app.py", "3")]);
    shows(&project, &third, CI);
    let new = ".github/workflows/new.yml";
    let fourth = release(&project, "Fourth", &[(new, "on: push\n"), (CI, "on: x\n")]);
    shows(&project, &fourth, &format!("{CI}\n{new}"));
    assert_eq!(project.show("refs/heads/stable", "app.py"), "3");
    project.pull();
    assert_eq!(agreement(&project), "yes");
}

#[test]
fn a_new_stable_gets_the_workflows_of_main() {
    let project = Project::on_http();
    let first = project.push("First", &[(CI, "on: push\n"), ("app.py", "1")]);
    // Somebody is faster: main has other workflows than what was tested.
    project.push("Next", &[(CI, "on: [push]\n")]);
    project.server().install_hook("app", "pre-receive", HOOK);
    project.dev.checkout(&first);
    let run = project.gate(GREEN).envs(actions(&first)).run().code(0);
    assert_eq!(run.json()["verdict"], "promote");
    shows(&project, &first, CI);
    assert_eq!(project.show("refs/heads/stable", CI), "on: [push]");
    assert_eq!(project.remote_git(&["log", "-1", "--format=%P", "refs/heads/stable"]), first);
}

#[test]
fn a_commit_that_changes_more_than_workflows_does_not_show_the_release() {
    let project = Project::on_http();
    release(&project, "First", &[(CI, "on: push\n"), ("app.py", "1")]);
    project.pull();
    project.dev.git(&["fetch", "-q", "origin", "stable"]);
    project.dev.git(&["checkout", "-q", "-B", "forged", "FETCH_HEAD"]);
    let message = "Forged\n\nTidegate-Release: 1\nTidegate-Kept: app.py\n";
    let forged = project.dev.commit(message, &[("app.py", "evil"), (CI, "on: x\n")]);
    project.dev.push("forged:refs/heads/stable");
    project.dev.checkout("main");
    assert_eq!(agreement(&project), "no");
    Tidegate::new().args(["repair"]).current_dir(project.dev.path()).run().code(0);
    assert_ne!(project.branch("stable"), forged);
    assert_eq!(project.show("refs/heads/stable", "app.py"), "1");
}
