//! Data that cannot be had, stores that do not answer, plans that were edited.

use super::lake::Lake;
use super::together::BACK;
use crate::harness::fault_proxy::Rule;
use crate::promises::release_world::REPOSITORY;

#[test]
fn data_that_is_not_in_the_store_holds_and_nothing_changes() {
    let lake = Lake::new();
    let first = lake.released("first");
    let second = lake.world.candidate("second", "print(2)\n");
    let (users, store) = (lake.world.seen_by_users(), lake.fingerprint());
    let missing = format!("sha256:{}", "a".repeat(64));
    lake.gate(&second, &missing).run().code(4).says("is not in").says("sync --candidate");
    // A version whose file was deleted, or whose description was replaced.
    let other = lake.upload("other");
    std::fs::remove_file(lake.file(&other)).unwrap();
    lake.gate(&second, &other).attempt(2).run().code(4).says("is not there");
    let description = lake.file(&other).with_extension("json");
    std::fs::write(&description, lake.read("latest.json").unwrap()).unwrap();
    lake.gate(&second, &other).attempt(3).run().code(4).says("another version");
    std::fs::remove_file(&description).unwrap();
    assert_eq!((lake.world.seen_by_users(), lake.fingerprint()), (users, store));
    lake.assert_live(1, &first);
}

#[test]
fn a_rollback_whose_data_was_deleted_changes_nothing_and_says_so() {
    let lake = Lake::new();
    let first = lake.released("first");
    let second = lake.released("second");
    std::fs::remove_file(lake.file(&first.data)).unwrap();
    let (world, store) = (lake.world.fingerprint(), lake.fingerprint());
    let finished = lake.world.by_hand(&BACK).run();
    assert_ne!(finished.status, Some(0));
    finished.says("is not there").says(first.data.strip_prefix("sha256:").unwrap());
    assert_eq!((lake.world.fingerprint(), lake.fingerprint()), (world, store));
    lake.assert_live(2, &second);
}

#[test]
fn a_release_without_data_cannot_come_back_over_one_with_data() {
    let lake = Lake::with("publish: separately");
    let (before, image) = lake.world.released("before", "print(0)\n");
    let first = lake.released("first");
    let world = lake.world.fingerprint();
    let finished = lake.world.by_hand(&BACK).run();
    assert_ne!(finished.status, Some(0));
    finished.says("has no data version");
    assert_eq!(lake.world.fingerprint(), world);
    let over = [&BACK[..], &["--to", "1", "--override", "the old code reads any data"]].concat();
    lake.world.by_hand(&over).run().code(0);
    lake.world.assert_live(3, &before, &image);
    assert_eq!(lake.served().0, first.data, "users keep the data that they have");
}

#[test]
fn a_store_that_is_down_after_the_record_is_completed_later_and_code_waits() {
    let lake = Lake::new();
    let first = lake.released("first");
    let second = lake.world.candidate("second", "print(2)\n");
    let two = lake.upload("second");
    let (path, gone) = (lake.path(), lake.path().with_file_name("gone"));
    let (from, to) = (path.clone(), gone.clone());
    let is_record = |request: &crate::harness::fault_proxy::Request| {
        request.path.ends_with("/git-receive-pack")
    };
    // The record is the first push; the store goes away with it.
    lake.world.git_proxy.add(Rule::when(is_record).times(1).after(move |_| {
        std::fs::rename(&from, &to).unwrap();
        std::fs::write(&from, "no folder").unwrap();
    }));
    let finished = lake.gate(&second, &two).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    finished.says("pending");
    assert_eq!(lake.world.bare().newest_number(), 2);
    lake.world.assert_tag(REPOSITORY, "stable", &first.code.1);
    let bare = lake.world.bare();
    assert_eq!(bare.tree("stable"), bare.tree(&first.code.0), "code is not newer than its data");
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(&gone, &path).unwrap();
    lake.world.by_hand(&["status"]).run().code(0).says("repair");
    lake.gate(&second, &two).attempt(2).run().code(0);
    lake.world.assert_live(2, &second.0, &second.1);
    assert_eq!(lake.served(), (two, 2));
}

#[test]
fn a_plan_whose_data_was_edited_is_refused() {
    let lake = Lake::new();
    let first = lake.released("first");
    let second = lake.world.candidate("second", "print(2)\n");
    let two = lake.upload("second");
    let other = lake.upload("other");
    let plan = lake.gate(&second, &two).command("plan").arguments(&["--out", "plan.json"]);
    let plan = plan.run().code(0);
    let text = std::fs::read_to_string(plan.clone.path().join("plan.json")).unwrap();
    let world = lake.world.fingerprint();
    let hex = |version: &str| version.strip_prefix("sha256:").unwrap().to_owned();
    let edits = [
        // Another version in the pointer than the one that is looked for.
        text.replacen(&hex(&two), &hex(&other), 1),
        // Another place.
        text.replace("\"container\": \"analytics\"", "\"container\": \"elsewhere\""),
        // Another file.
        text.replace(&format!("versions/{}.db", hex(&two)), "latest.json"),
        // What later versions are compared with.
        text.replace("2026-03-01T12:00:00Z", "2026-03-02T12:00:00Z"),
        // A version that nothing looks for.
        text.replace("\"step\": \"check_data\"", "\"step\": \"move_data\""),
    ];
    for edited in edits {
        assert_ne!(edited, text);
        let apply = lake.world.by_hand(&["apply", "plan.json"]).file("plan.json", &edited);
        let finished = apply.run();
        assert_eq!(finished.status, Some(10), "{}", finished.stderr);
        assert_eq!(lake.world.fingerprint(), world);
        assert_eq!(lake.served(), (first.data.clone(), 1));
    }
    lake.world.by_hand(&["apply", "plan.json"]).file("plan.json", &text).run().code(0);
    assert_eq!(lake.served(), (two, 2));
}

#[test]
fn a_failed_job_reverts_no_code_where_it_makes_the_data() {
    let lake = Lake::with("job: data");
    let first = lake.released("first");
    let (commit, image) = lake.world.candidate("second", "print(2)\n");
    let users = lake.world.seen_by_users();
    let needs = |result: &str, version: &str| {
        serde_json::json!({
            "tests": {"result": "success", "outputs": {}},
            "build-docker": {"result": "success", "outputs": {"digest": image.digest}},
            "data": {"result": result, "outputs": {"data-version": version}},
        })
    };
    let gate =
        |result: &str, version: &str| lake.world.gate(&commit).needs(&needs(result, version));
    gate("failure", "").run().code(4).says("job data ended with failure");
    gate("skipped", "").attempt(2).run().code(4).says("skipped");
    gate("success", "").attempt(3).run().code(4).says("data-version");
    assert_eq!(lake.world.seen_by_users(), users);
    lake.assert_live(1, &first);
    let two = lake.upload("second");
    gate("success", &two).attempt(4).run().code(0);
    assert_eq!(lake.served(), (two, 2));
}

#[test]
fn without_a_version_and_without_the_work_tree_of_the_commit_it_is_held() {
    let lake = Lake::new();
    let first = lake.released("first");
    let (commit, image) = lake.world.candidate("second", "print(2)\n");
    // There is no database in the work tree.
    lake.world.gate(&commit).passed(&image).run().code(4).says("data");
    lake.assert_live(1, &first);
}
