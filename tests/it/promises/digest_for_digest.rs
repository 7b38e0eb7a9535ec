//! Promise 1: what was tested is what becomes stable.

use serde_json::json;
use tidegate::model::Digest;

use super::release_world::{LEDGER, REPOSITORY, World};
use crate::harness::oci_registry::Kind;

#[test]
fn the_first_promotion_creates_everything_and_changes_no_byte_of_the_image() {
    let world = World::new();
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    world.gate(&commit).passed(&image).run().code(0);
    world.assert_live(1, &commit, &image);
    let keep = format!("good-{}", &commit[..7]);
    world.assert_tag(REPOSITORY, &keep, &image);
    let bare = world.bare();
    assert_eq!(bare.branch("stable").unwrap(), commit, "the first one is a fast-forward");
    let ledger = bare.ledger();
    assert!(ledger.contains(&commit) && ledger.contains(image.digest.as_str()), "{ledger}");
    // The ledger's commit lies on the commit it praises, and starts no run.
    let head = bare.branch("main").unwrap();
    assert_eq!(bare.parents(&head), [commit.as_str()]);
    assert!(bare.git(&["log", "-1", "--format=%B", &head]).contains("[skip ci]"));
    assert_eq!(bare.git(&["diff", "--name-only", &commit, &head]), LEDGER);
    assert!(bare.parents("refs/heads/tidegate").is_empty(), "the state branch is an orphan");
    assert_eq!(bare.newest_record()["tree"], bare.tree(&commit));
}

#[test]
fn docker_media_types_stay_docker_media_types() {
    let world = World::new();
    let commit = world.commit("Add the page", &[("app.py", "print(1)\n")]);
    let image = world.build_as(Kind::Docker, REPOSITORY, &commit);
    world.gate(&commit).passed(&image).run().code(0);
    world.assert_live(1, &commit, &image);
}

#[test]
fn an_image_without_a_label_is_promoted() {
    let world = World::new();
    let commit = world.commit("Add the page", &[("app.py", "print(1)\n")]);
    let image = world.registry.push_as(Kind::Oci, REPOSITORY, &[&commit], None);
    world.gate(&commit).passed(&image).run().code(0);
    world.assert_live(1, &commit, &image);
}

#[test]
fn a_candidate_that_moved_after_the_test_is_not_what_becomes_stable() {
    let world = World::new();
    let (commit, tested) = world.candidate("Add the page", "print(1)\n");
    let other = world.registry.push(REPOSITORY, &[&commit, "main-candidate"], "somebody else's");
    assert_ne!(other.digest, tested.digest);
    world.gate(&commit).passed(&tested).run().code(0);
    world.assert_live(1, &commit, &tested);
}

#[test]
fn a_label_of_another_commit_holds() {
    let world = World::new();
    let (first, _) = world.released("Add the page", "print(1)\n");
    let commit = world.commit("Change the page", &[("app.py", "print(2)\n")]);
    let stale = world.registry.push_as(Kind::Docker, REPOSITORY, &[&commit], Some(&first));
    let before = world.fingerprint();
    world.gate(&commit).passed(&stale).run().code(4).says("org.opencontainers.image.revision");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_missing_platform_holds_and_nothing_changes() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    world.registry.delete_manifest(REPOSITORY, &image.children[1]);
    let before = world.fingerprint();
    world.gate(&commit).passed(&image).run().code(4).says("lacks platform manifests");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn without_a_digest_actions_hold_and_people_go_by_the_tag() {
    let world = World::new();
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    let needs = json!({"tests": {"result": "success", "outputs": {}}});
    let before = world.fingerprint();
    world.gate(&commit).needs(&needs).run().code(4).says("no digest was given");
    assert_eq!(world.fingerprint(), before);
    let needs = needs.to_string();
    world.by_hand(&["gate", "--needs", &needs]).run().code(0);
    world.assert_live(1, &commit, &image);
}

#[test]
fn a_digest_that_the_registry_does_not_have_holds() {
    let world = World::new();
    let (commit, _) = world.candidate("Add the page", "print(1)\n");
    let needs = json!({
        "tests": {"result": "success", "outputs": {}},
        "build": {"result": "success", "outputs": {"digest": Digest::of(b"nobody pushed this")}},
    });
    let before = world.fingerprint();
    world.gate(&commit).needs(&needs).run().code(4).says("check that the build job pushed it");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn digests_that_contradict_each_other_or_are_none_are_bad_input() {
    let world = World::new();
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    let before = world.fingerprint();
    let build = |digest: &str| json!({"result": "success", "outputs": {"digest": digest}});
    let two = json!({
        "tests": {"result": "success", "outputs": {}},
        "build": build(image.digest.as_str()),
        "build-again": build(Digest::of(b"another").as_str()),
    });
    world.gate(&commit).needs(&two).run().code(10);
    let none = json!({
        "tests": {"result": "success", "outputs": {}}, "build": build("latest"),
    });
    world.gate(&commit).needs(&none).run().code(10).says("digest");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn the_digest_of_a_build_that_did_not_succeed_counts_for_nothing() {
    let world = World::new();
    let (commit, image) = world.candidate("Add the page", "print(1)\n");
    let before = world.fingerprint();
    let needs = json!({
        "tests": {"result": "success", "outputs": {}},
        "build": {"result": "cancelled", "outputs": {"digest": image.digest}},
    });
    world.gate(&commit).needs(&needs).run().code(4).says("no digest was given");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_quarantined_digest_does_not_come_back_under_another_commit() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let commit = world.commit("Change the page", &[("app.py", "print(2)\n")]);
    let bad = world.registry.push_as(Kind::Oci, REPOSITORY, &[&commit], None);
    world.gate(&commit).passed(&bad).run().code(0);
    world.by_hand(&["rollback", "--stable-only", "--yes", "--reason", "broken"]).run().code(0);
    world.by_hand(&["resume"]).run().code(0);
    let again = world.commit("Try again", &[("app.py", "print(3)\n")]);
    let before = world.fingerprint();
    world.gate(&again).passed(&bad).run().code(4).says("quarantine");
    let tags: Vec<String> =
        world.fingerprint().into_iter().filter(|l| l.contains("acme")).collect();
    let before: Vec<String> = before.into_iter().filter(|l| l.contains("acme")).collect();
    assert_eq!(tags, before);
}

/// The budget of the benchmark section, beyond authentication: two requests to resolve, two for
/// each tag that moves, two for each child manifest, and the keep tags.
#[test]
fn a_promotion_sends_no_more_requests_than_it_needs() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    world.registry_proxy.forget();
    world.gate(&commit).passed(&image).run().code(0);
    let lines = world.registry_proxy.lines();
    let (resolve, tags, children, keep) = (2, 2 * 2, 2 * image.children.len(), 2 * 2);
    let most = resolve + tags + children + keep;
    assert!(lines.len() <= most, "{} requests:\n{}", lines.len(), lines.join("\n"));
    assert!(!lines.iter().any(|line| line.contains("/blobs/uploads")), "a layer was pushed");
}
