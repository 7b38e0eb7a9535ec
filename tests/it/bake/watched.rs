//! The looks, and what follows from them.

use std::process::Command;

use super::Scene;
use crate::promises::release_world::{LEDGER, REPOSITORY};

#[test]
fn what_works_stays_live() {
    let scene = Scene::watched_for("200ms");
    let second = scene.candidate();
    let finished = scene.gate(&second).run().code(0);
    let finished = finished.says("promoted").says("healthy").says("release 2");
    assert!(scene.app.answers().looks >= 1, "{}", finished.stderr);
    scene.world.assert_live(2, &second.0, &second.1);
    assert!(scene.world.bare().state_folder("quarantine").is_empty());
}

#[test]
fn what_fails_after_the_promotion_takes_users_back_and_leaves_main_alone() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    scene.app.shows(&[200, 500]);
    let finished = scene.gate(&second).run().code(3);
    finished
        .says("users get release 1")
        .says("2 looks in a row have failed")
        .says("is quarantined");
    let (world, bare) = (&scene.world, scene.world.bare());
    world.assert_live(3, &scene.first.0, &scene.first.1);
    let record = bare.newest_record();
    assert_eq!((&record["kind"], &record["restores"]), (&"rollback".into(), &1.into()));
    assert_eq!(bare.state_folder("quarantine"), [format!("{}.json", second.0)]);
    assert!(bare.state_folder("holds").is_empty(), "a commit that mends it may come next");
    let changed = bare.git(&["diff", "--name-only", &second.0, "refs/heads/main"]);
    assert_eq!(changed, LEDGER, "main has the ledger's entry and nothing else");
    // What was left does not come back by itself, and what mends it does.
    world.gate(&second.0).attempt(2).passed(&second.1).run().code(0).says("is release 2 already");
    world.assert_live(3, &scene.first.0, &scene.first.1);
    let again = ["promote", &second.0, "--yes"];
    world.by_hand(&again).run().code(4).says("the commit is quarantined: bake: ");
    world.by_hand(&["status"]).run().code(0).says("users were taken back");
}

#[test]
fn a_commit_that_mends_it_is_promoted_after_a_rollback() {
    let scene = Scene::watched_for("100ms");
    let second = scene.candidate();
    scene.app.shows(&[500]);
    scene.gate(&second).run().code(3);
    scene.app.shows(&[200]);
    let third = scene.world.candidate("Mend the page", "print(3)\n");
    scene.gate(&third).run().code(0).says("healthy");
    scene.world.assert_live(4, &third.0, &third.1);
}

#[test]
fn failures_below_the_limit_roll_nothing_back() {
    let scene = Scene::watched_for("400ms");
    let second = scene.candidate();
    scene.app.shows(&[500, 200, 500, 200, 500, 200]);
    scene.gate(&second).run().code(0).says("healthy").says(" failed");
    scene.world.assert_live(2, &second.0, &second.1);
}

#[test]
fn an_app_that_nobody_can_reach_is_no_failure_of_the_release() {
    let scene = Scene::with(|_| super::bake("http://app.invalid/", "100ms"));
    let second = scene.candidate();
    let finished = scene.gate(&second).run().code(0);
    finished.says("not known").says("no look could be made").says("::warning");
    scene.world.assert_live(2, &second.0, &second.1);
}

#[test]
fn the_first_release_has_nothing_to_go_back_to() {
    let scene = Scene::watched_for("1h");
    scene.app.shows(&[500]);
    let finished = scene.world.by_hand(&["bake"]).run().code(11);
    finished
        .says("users cannot be taken back")
        .says("there is no release before the live one")
        .says("not rolled back");
    scene.world.assert_live(1, &scene.first.0, &scene.first.1);
}

#[test]
fn a_newer_release_ends_the_bake() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    let running = scene.gate(&second).start();
    scene.app.wait_for_looks(2);
    let third = scene.world.candidate("Go on", "print(3)\n");
    scene.world.by_hand(&["promote", &third.0, "--yes"]).run().code(0);
    scene.app.shows(&[500]);
    let finished = running.finish().code(0).says("release 3 is the newest");
    assert!(!finished.stdout.contains("rolled back"), "{}", finished.stdout);
    scene.world.assert_live(3, &third.0, &third.1);
    assert!(scene.world.bare().state_folder("quarantine").is_empty());
}

#[test]
fn a_bake_that_is_killed_leaves_the_release_and_goes_on_by_hand() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    let running = scene.gate(&second).start();
    scene.app.wait_for_looks(2);
    running.killer().lock().unwrap().kill().expect("kill it");
    assert_eq!(running.finish().status, None);
    let world = &scene.world;
    world.assert_live(2, &second.0, &second.1);
    world.by_hand(&["bake", "--for", "100ms"]).run().code(0).says("healthy");
    world.assert_live(2, &second.0, &second.1);
    scene.app.shows(&[500]);
    world.by_hand(&["bake"]).run().code(3).says("users get release 1");
    world.assert_live(3, &scene.first.0, &scene.first.1);
    // Nothing is left to be watched.
    world.by_hand(&["bake"]).run().code(2).says("only what a promotion brought is watched");
}

#[test]
fn a_bake_that_is_asked_to_end_says_that_the_release_stands() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    let running = scene.gate(&second).start();
    scene.app.wait_for_looks(2);
    let id = running.killer().lock().unwrap().id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().expect("start kill").success());
    running.finish().code(0).says("stopped by SIGTERM").says("`tidegate bake` goes on");
    scene.world.assert_live(2, &second.0, &second.1);
}

#[test]
fn users_are_not_taken_back_from_a_pull_request_or_a_fork() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    scene.world.by_hand(&["promote", &second.0, "--yes"]).run().code(0);
    scene.app.shows(&[500]);
    let before = scene.world.fingerprint();
    for (event, branch) in [("pull_request", "refs/pull/1/merge"), ("push", "refs/heads/other")] {
        let gate = scene.world.gate(&second.0).command("bake");
        let gate = gate.env("GITHUB_EVENT_NAME", event).env("GITHUB_REF", branch);
        gate.run().code(6);
        assert_eq!(scene.world.fingerprint(), before, "{event}");
    }
}

#[test]
fn a_previous_image_that_cannot_be_had_is_said_and_nothing_changes() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    scene.world.by_hand(&["promote", &second.0, "--yes"]).run().code(0);
    scene.world.registry.delete_manifest(REPOSITORY, &scene.first.1.children[0]);
    scene.app.shows(&[500]);
    let before = scene.world.fingerprint();
    let finished = scene.world.by_hand(&["bake"]).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    finished.says("not rolled back").says(scene.first.1.children[0].as_str());
    assert_eq!(scene.world.fingerprint(), before);
}

#[test]
fn a_gate_that_leaves_the_watching_to_another_job_ends_at_once() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    scene.gate(&second).env("TIDEGATE_NO_BAKE", "true").run().code(0).says("promoted");
    assert_eq!(scene.app.answers().looks, 0);
    scene.app.shows(&[500]);
    let bake = scene.world.gate(&second.0).command("bake").env("GITHUB_OUTPUT", "output");
    let finished = bake.env("GITHUB_STEP_SUMMARY", "summary").run().code(3);
    let read = |file: &str| {
        std::fs::read_to_string(finished.clone.path().join(file)).expect("a file of the step")
    };
    assert!(read("output").contains("rolled_back"), "{}", read("output"));
    assert!(read("summary").contains("users get release 1 again"), "{}", read("summary"));
    assert!(finished.stdout.contains("::warning title=Rolled back::"), "{}", finished.stdout);
    scene.world.assert_live(3, &scene.first.0, &scene.first.1);
}

#[test]
fn one_json_object_tells_of_the_promotion_and_of_the_bake() {
    let scene = Scene::watched_for("1h");
    let second = scene.candidate();
    scene.app.shows(&[200, 500]);
    let finished = scene.gate(&second).arguments(&["--json"]).run().code(3);
    let json: serde_json::Value = serde_json::from_str(&finished.stdout).expect("one object");
    assert_eq!(json["schema"], "tidegate/gate/1");
    assert_eq!((&json["verdict"], &json["release"]), (&"promote".into(), &2.into()));
    let bake = &json["bake"];
    assert_eq!((&bake["bake"], &bake["to_release"]), (&"rolled_back".into(), &1.into()));
    assert_eq!(bake["watched"]["failed_in_a_row"], 2);
}
