//! After the pull request of a rollback was merged, everything goes on.

use super::{Merge, Protected};
use crate::harness::project::{GREEN, RED};
use crate::harness::tidegate::Tidegate;

/// The gate of the failed commit finds it rolled back, `status` knows the commit, and the next
/// green run promotes it.
#[track_caller]
fn goes_on_after(how: Merge) {
    let world = Protected::new();
    let project = &world.project;
    world.proposes();
    let merged = world.merge(how);
    assert_eq!(project.listing(&merged), project.listing(&project.good));
    project.dev.checkout(&world.bad);
    let late = world.gate(&world.bad, RED).run().code(0);
    assert_eq!(late.json()["verdict"], "superseded", "{}", late.stdout);
    project.dev.checkout("main");
    let status = Tidegate::new().args(["status", "--json"]).current_dir(project.dev.path());
    let status = status.run().success().json();
    let rollback = &status["rollbacks"][0];
    assert_eq!(rollback["failed"]["commit"], world.bad.as_str(), "{status}");
    assert!(rollback["commit"].is_string(), "{status}");
    project.server().protect("app", &[]);
    let run = world.gate(&merged, GREEN).run().code(0);
    assert_eq!(run.json()["verdict"], "promote", "{}", run.stdout);
    assert_eq!(world.github.pulls().len(), 1);
}

#[test]
fn a_merge_commit_is_promoted_when_it_is_green() {
    goes_on_after(Merge::Commit);
}

#[test]
fn a_squash_merge_is_promoted_when_it_is_green() {
    goes_on_after(Merge::Squash("Roll back (#1)\n\nWhatever a person wrote\n"));
}

#[test]
fn a_rebase_merge_is_promoted_when_it_is_green() {
    goes_on_after(Merge::Rebase);
}
