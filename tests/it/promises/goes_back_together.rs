//! Promise 9: code, image and data go back together.

use super::release_world::{REPOSITORY, World};
use crate::harness::fault_proxy::Rule;

const BACK: [&str; 5] = ["rollback", "--stable-only", "--yes", "--reason", "login is broken"];

#[test]
fn stable_goes_back_with_tags_and_branch_and_main_stays() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, new) = world.released("Change the page", "print(2)\n");
    let main = world.bare().branch("main");
    world.by_hand(&BACK).run().code(0);
    world.assert_live(3, &first, &old);
    let bare = world.bare();
    assert_eq!(bare.branch("main"), main, "main is not touched");
    assert_eq!(bare.parents("refs/heads/stable"), [second.as_str()], "history is not rewritten");
    world.assert_tag(REPOSITORY, &format!("good-{}", &second[..7]), &new);
    let record = bare.newest_record();
    assert_eq!((&record["kind"], &record["restores"]), (&"rollback".into(), &1.into()));
    assert_eq!(record["reason"], "login is broken");
}

#[test]
fn after_a_rollback_of_stable_the_next_release_is_a_merge_with_the_promoted_tree() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    world.released("Change the page", "print(2)\n");
    world.by_hand(&BACK).run().code(0);
    let before = world.bare().branch("stable").unwrap();
    let (third, newest) = world.candidate("Mend the login", "print(3)\n");
    // The hold that the rollback has set stops it; what passed is remembered.
    world.gate(&third).passed(&newest).run().code(4).says("login is broken");
    assert_eq!(world.bare().branch("stable").unwrap(), before);
    let verdicts = world.bare().state_folder("verdicts");
    assert_eq!(verdicts, [format!("{third}.json")]);
    world.by_hand(&["resume"]).run().code(0);
    world.gate(&third).attempt(2).passed(&newest).run().code(0);
    world.assert_live(4, &third, &newest);
    let bare = world.bare();
    assert_eq!(bare.parents("refs/heads/stable"), [before, third.clone()]);
    // And from there on it is the same again.
    let stable = bare.branch("stable").unwrap();
    let (fourth, image) = world.released("Go on", "print(4)\n");
    world.assert_live(5, &fourth, &image);
    assert_eq!(bare.parents("refs/heads/stable"), [stable, fourth]);
}

#[test]
fn an_image_that_cannot_be_had_any_more_is_named_and_nothing_changes() {
    let world = World::new();
    let (_, old) = world.released("Add the page", "print(1)\n");
    world.released("Change the page", "print(2)\n");
    world.registry.delete_manifest(REPOSITORY, &old.children[0]);
    let before = world.fingerprint();
    let finished = world.by_hand(&BACK).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    finished.says(old.children[0].as_str()).says(old.digest.as_str());
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_tag_that_is_refused_on_the_way_back_is_completed_later() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, _) = world.released("Change the page", "print(2)\n");
    world.registry_proxy.add(Rule::on("PUT", "/manifests/latest").times(1).answer(403, &[], "{}"));
    world.by_hand(&BACK).run().code(9).says("pending");
    assert_eq!(world.bare().newest_number(), 3);
    // Any gate completes it, even that of the release that was left.
    let finished = world.gate(&second).attempt(2).failed().run();
    world.assert_live(3, &first, &old);
    drop(finished);
}
