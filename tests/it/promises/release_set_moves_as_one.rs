//! Promise 8: a release set moves as one.

use serde_json::json;

use super::release_world::{REPOSITORY, World};
use crate::harness::fault_proxy::Rule;
use crate::harness::oci_registry::Pushed;

const WORKER: &str = "acme/worker";
const SET: [&str; 2] = [REPOSITORY, WORKER];

fn world() -> World {
    World::with(&SET, "")
}

fn candidate(world: &World, content: &str) -> (String, Pushed, Pushed) {
    let commit = world.commit("Change the page", &[("app.py", content)]);
    let app = world.build(&commit);
    let worker = world.build_in(WORKER, &commit);
    (commit, app, worker)
}

fn released(world: &World, content: &str) -> (String, Pushed, Pushed) {
    let (commit, app, worker) = candidate(world, content);
    world.gate(&commit).passed_set(&[(REPOSITORY, &app), (WORKER, &worker)]).run().code(0);
    (commit, app, worker)
}

#[track_caller]
fn assert_set(world: &World, number: u64, commit: &str, app: &Pushed, worker: &Pushed) {
    world.assert_live(number, commit, app);
    world.assert_tag(WORKER, "stable", worker);
    world.assert_tag(WORKER, "latest", worker);
    assert_eq!(world.bare().newest_record()["images"][1]["digest"], worker.digest.as_str());
}

#[test]
fn both_images_are_released_by_one_record() {
    let world = world();
    let (commit, app, worker) = released(&world, "print(1)\n");
    assert_set(&world, 1, &commit, &app, &worker);
    let (commit, app, worker) = released(&world, "print(2)\n");
    assert_set(&world, 2, &commit, &app, &worker);
}

#[test]
fn one_image_that_is_missing_or_incomplete_or_unnamed_stops_both() {
    let world = world();
    released(&world, "print(1)\n");
    let commit = world.commit("Change the page", &[("app.py", "print(2)\n")]);
    let app = world.build(&commit);
    let before = world.fingerprint_of(&SET);
    let only = json!({ world.image(REPOSITORY): app.digest }).to_string();
    let needs = json!({
        "tests": {"result": "success", "outputs": {}},
        "build": {"result": "success", "outputs": {"digests": only}},
    });
    world.gate(&commit).needs(&needs).run().code(4).says("no digest was given");
    // The digest of one image is not that of the other's repository.
    let elsewhere = [(REPOSITORY, &app), (WORKER, &app)];
    world.gate(&commit).passed_set(&elsewhere).run().code(4).says(WORKER);
    assert_eq!(world.fingerprint_of(&SET), before);
    let worker = world.build_in(WORKER, &commit);
    world.registry.delete_manifest(WORKER, &worker.children[0]);
    let before = world.fingerprint_of(&SET);
    let gate = world.gate(&commit).passed_set(&[(REPOSITORY, &app), (WORKER, &worker)]);
    gate.run().code(4).says("lacks platform manifests");
    assert_eq!(world.fingerprint_of(&SET), before);
}

#[test]
fn a_keep_tag_that_is_refused_stops_everything_before_the_record() {
    let world = world();
    let (first, app, worker) = released(&world, "print(1)\n");
    let (second, new_app, new_worker) = candidate(&world, "print(2)\n");
    let rule = Rule::on("PUT", "/acme/worker/manifests/good-");
    world.registry_proxy.add(rule.answer(403, &[], r#"{"errors":[{"code":"DENIED"}]}"#));
    let gate = world.gate(&second).passed_set(&[(REPOSITORY, &new_app), (WORKER, &new_worker)]);
    gate.run().code(9).says("403 forbidden").says(WORKER);
    assert_set(&world, 1, &first, &app, &worker);
    assert!(!world.bare().ledger_names(&second));
}

#[test]
fn a_tag_that_is_refused_after_the_record_is_pending_and_the_next_run_completes_it() {
    let world = world();
    released(&world, "print(1)\n");
    let (second, app, worker) = candidate(&world, "print(2)\n");
    let passed = [(REPOSITORY, &app), (WORKER, &worker)];
    let rule = Rule::on("PUT", "/acme/worker/manifests/stable").times(1);
    world.registry_proxy.add(rule.answer(403, &[], r#"{"errors":[{"code":"DENIED"}]}"#));
    let finished = world.gate(&second).passed_set(&passed).run().code(9);
    let finished = finished.says("pending").says("403 forbidden").says("The release stands");
    assert!(finished.stdout.contains(WORKER), "{}", finished.stdout);
    let bare = world.bare();
    assert_eq!(bare.newest_number(), 2);
    world.assert_tag(REPOSITORY, "stable", &app);
    assert_ne!(bare.branch("stable").unwrap(), second, "the branch waits for its images");
    world.by_hand(&["repair"]).run().code(0);
    assert_set(&world, 2, &second, &app, &worker);
    assert!(bare.ledger_names(&second));
}

#[test]
fn the_second_of_two_tags_is_refused_for_good_and_the_release_stands() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    world.registry_proxy.add(Rule::on("PUT", "/manifests/latest").answer(403, &[], "{}"));
    world.gate(&second).passed(&image).run().code(9).says("pending").says("latest");
    // Every later run tries again, and says what is still pending.
    world.gate(&second).attempt(2).passed(&image).run().code(9).says("pending");
    world.by_hand(&["repair"]).run().code(9).says("pending");
    assert_eq!(world.bare().newest_number(), 2, "nothing was released twice");
    world.registry_proxy.forget();
    world.gate(&second).attempt(3).passed(&image).run().code(0);
    world.assert_live(2, &second, &image);
    assert!(world.bare().ledger_names(&second));
}

#[test]
fn a_pending_tag_does_not_keep_a_newer_commit_from_being_released() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    world.registry_proxy.add(Rule::on("PUT", "/manifests/stable").times(1).answer(403, &[], "{}"));
    world.gate(&second).passed(&image).run().code(9);
    let (third, newest) = world.candidate("Change it again", "print(3)\n");
    world.gate(&third).passed(&newest).run().code(0);
    world.assert_live(3, &third, &newest);
    let ledger = world.bare().ledger();
    assert!(ledger.contains(&second) && ledger.contains(&third), "{ledger}");
}

#[test]
fn a_protected_stable_branch_leaves_the_release_standing() {
    let world = World::new();
    let (first, _) = world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    world.git.protect("app", &["refs/heads/stable"]);
    world.gate(&second).passed(&image).run().code(9).says("pending").says("stable");
    world.assert_tag(REPOSITORY, "latest", &image);
    assert_eq!(world.bare().branch("stable").unwrap(), first);
    world.git.protect("app", &[]);
    world.by_hand(&["repair"]).run().code(0);
    world.assert_live(2, &second, &image);
}

#[test]
fn a_protected_main_keeps_the_ledger_pending() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    world.git.protect("app", &["refs/heads/main"]);
    world.gate(&second).passed(&image).run().code(9).says("pending");
    world.assert_live(2, &second, &image);
    assert!(!world.bare().ledger_names(&second));
    world.git.protect("app", &[]);
    world.by_hand(&["repair"]).run().code(0);
    assert!(world.bare().ledger_names(&second));
}

#[test]
fn a_protected_state_branch_stops_everything_before_the_release() {
    let world = World::new();
    let (first, live) = world.released("Add the page", "print(1)\n");
    let (second, image) = world.candidate("Change the page", "print(2)\n");
    world.git.protect("app", &["refs/heads/tidegate"]);
    world.gate(&second).passed(&image).run().code(9).says("state branch");
    world.assert_live(1, &first, &live);
}
