//! `require.checks`: an addition that can hold, and nothing else.

use super::World;
use crate::harness::project::{CONFIG, GREEN, NO_IMAGES, RED, reasons};

fn requiring() -> (World, String) {
    let world = World::new();
    let text = format!("{NO_IMAGES}require: {{ checks: [scan] }}\n");
    let commit = world.project.push("Scanned", &[("app.py", "fine\n"), (CONFIG, &text)]);
    (world, commit)
}

#[test]
fn a_check_that_passed_lets_the_commit_through() {
    let (world, commit) = requiring();
    world.github.check_by("scanner", &commit, "scan", "neutral");
    world.gate(&commit, GREEN).run().success();
    assert_eq!(world.github.lines().len(), 1, "{:?}", world.github.lines());
}

#[test]
fn what_did_not_pass_holds_and_never_reverts() {
    for found in [None, Some("in_progress"), Some("failure"), Some("cancelled")] {
        let (world, commit) = requiring();
        if let Some(found) = found {
            world.github.check_by("scanner", &commit, "scan", found);
        }
        let gate = world.gate(&commit, GREEN);
        let run = world.project.holds(gate, "check_not_passed");
        assert_eq!(reasons(&run).len(), 1, "{found:?}: {}", run.stdout);
        assert!(
            world.project.remote_git(&["ls-tree", "-r", "--name-only", "main"]).contains(CONFIG)
        );
    }
}

#[test]
fn without_a_token_or_permission_it_holds_and_says_so() {
    let (world, commit) = requiring();
    world.github.check_by("scanner", &commit, "scan", "success");
    let gate = world.gate(&commit, GREEN).env("GITHUB_TOKEN", "");
    let run = world.project.holds(gate, "check_not_passed");
    assert!(run.stdout.contains("no token"), "{}", run.stdout);
    world.github.permit("checks", "none");
    let gate = world.gate(&commit, GREEN);
    world.project.holds(gate, "check_not_passed");
}

#[test]
fn a_check_alone_promotes_nothing() {
    let (world, commit) = requiring();
    world.github.check_by("scanner", &commit, "scan", "success");
    let gate = world.gate(&commit, "{}");
    world.project.holds(gate, "evidence_missing");
}

#[test]
fn a_red_check_does_not_stop_a_rollback() {
    let (world, commit) = requiring();
    world.ran(&world.project.good, "success");
    world.github.check_by("scanner", &commit, "scan", "failure");
    let run = world.gate(&commit, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], world.project.good.as_str());
}
