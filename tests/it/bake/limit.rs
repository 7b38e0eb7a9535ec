//! A release says how far a rollback may go back (`incompatible_with_rollback_before`).

use super::{Scene, bake};
use crate::harness::oci_registry::Pushed;

const CONFIG: &str = ".github/tidegate.yml";

/// A commit that declares `first`, with its image.
fn declaring(scene: &Scene, first: &str, content: &str) -> (String, Pushed) {
    let before = scene.world.bare().show("refs/heads/main", CONFIG);
    let text = format!("{before}\nincompatible_with_rollback_before: {first}\n");
    let commit = scene.world.commit("Migrate the data", &[(CONFIG, &text), ("app.py", content)]);
    let image = scene.world.build(&commit);
    (commit, image)
}

/// Release 1, and release 2, which must not go back to it.
fn declared() -> (Scene, (String, Pushed)) {
    let scene = Scene::with(|app| bake(&app.url("/"), "50ms"));
    let migration = scene.world.commit("Add a column", &[("migration.sql", "alter table\n")]);
    let second = declaring(&scene, &migration, "print(2)\n");
    scene.gate(&second).run().code(0);
    (scene, second)
}

#[test]
fn a_release_past_which_nothing_goes_back_stays_live_when_it_fails() {
    let (scene, second) = declared();
    let world = &scene.world;
    let before = world.fingerprint();
    scene.app.shows(&[500]);
    let finished = world.by_hand(&["bake"]).run().code(4);
    finished.says("users cannot be taken back").says("not rolled back").says(&format!(
        "release 2 ({}) declares `incompatible_with_rollback_before:",
        &second.0[..7]
    ));
    for command in [
        vec!["rollback", "--stable-only", "--yes"],
        vec!["rollback", "--stable-only", "--to", "1", "--yes"],
        vec!["rollback", "--to", "1", "--yes"],
    ] {
        let finished = world.by_hand(&command).run().code(4);
        finished.says("declares `incompatible_with_rollback_before:").says("--override");
        assert_eq!(world.fingerprint(), before, "{command:?}");
    }
    world.by_hand(&["status"]).run().code(0).says("goes back");
}

#[test]
fn a_person_who_has_undone_the_migration_goes_back_all_the_same() {
    let (scene, _) = declared();
    let world = &scene.world;
    let back = ["rollback", "--stable-only", "--to", "1", "--yes", "--override", "column removed"];
    world.by_hand(&back).run().code(0);
    world.assert_live(3, &scene.first.0, &scene.first.1);
    assert_eq!(world.bare().newest_record()["override"], "column removed");
}

#[test]
fn what_came_after_the_limit_can_be_gone_back_to() {
    let (scene, second) = declared();
    // The file still says so: the limit stays where it is.
    let third = scene.world.candidate("Go on", "print(3)\n");
    scene.gate(&third).run().code(0);
    scene.app.shows(&[500]);
    scene.world.by_hand(&["bake"]).run().code(3).says("users get release 2");
    scene.world.assert_live(4, &second.0, &second.1);
}

#[test]
fn a_limit_that_is_not_on_the_branch_holds_the_promotion() {
    let scene = Scene::watched_for("50ms");
    let before = scene.world.seen_by_users();
    let unknown = "0123456789abcdef0123456789abcdef01234567";
    let second = declaring(&scene, unknown, "print(2)\n");
    scene.gate(&second).run().code(4).says("this repository has no commit 0123456");
    let promote = ["promote", &second.0, "--yes"];
    scene.world.by_hand(&promote).run().code(4).says("incompatible_with_rollback_before");
    let main = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|l| !l.contains("main") && !l.contains(&second.0)).collect()
    };
    assert_eq!(main(scene.world.seen_by_users()), main(before));
}
