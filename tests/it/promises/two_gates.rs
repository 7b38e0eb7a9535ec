//! Two runs at once, an older run that finishes last, a rerun of an old run, a data-only release in
//! between: one winner, and the loser says why.

use std::path::PathBuf;
use std::sync::mpsc;

use serde_json::{Value, json};
use tidegate::model::Digest;

use super::release_world::{Finished, Gate, REPOSITORY, World};
use crate::harness::fault_proxy::Rule;

/// Stops a run before its first push, which writes to the state branch; lets others do something;
/// and lets the run go on to its end.
#[track_caller]
fn overtaken(world: &World, run: Gate<'_>, others: impl FnOnce()) -> Finished {
    let (stopped, is_stopped) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel::<()>();
    let hold = move |_: &crate::harness::fault_proxy::Request| {
        stopped.send(()).expect("the test waits");
        // An error means that the test has failed and is gone.
        let _ = may_go_on.recv();
    };
    world.git_proxy.add(Rule::on("POST", "/git-receive-pack").times(1).before(hold));
    let running = run.start();
    is_stopped.recv().expect("the run comes to its first push");
    others();
    go_on.send(()).expect("the run waits");
    running.finish()
}

/// Where the data of a world is kept: beside its clone.
fn store(world: &World) -> PathBuf {
    let clone = world.dev.path().canonicalize().unwrap();
    let name = clone.file_name().unwrap().to_string_lossy().into_owned();
    clone.with_file_name(format!("{name}-store"))
}

/// The releases of a world keep the data that others publish.
fn keep_data(world: &World) {
    const FILE: &str = ".github/tidegate.yml";
    let before = std::fs::read_to_string(world.dev.path().join(FILE)).unwrap_or_default();
    let data = format!(
        "data:\n  store: file://{}\n  publish: separately\n  layers: {{ analytics: {{ file: data/analytics.db }} }}\n",
        store(world).display()
    );
    world.commit("Say where the data is", &[(FILE, &(before + &data))]);
}

/// Writes a data-only release past the code under test: a record of what is live, with a version of
/// this content, which is in the store.
#[track_caller]
fn publish_data(world: &World, content: &str) {
    let version = Digest::of(content.as_bytes()).to_string();
    let hex = version.strip_prefix("sha256:").unwrap();
    let (store, created) = (store(world), "2026-01-01T00:00:00Z");
    let path = format!("versions/{hex}.db");
    let mut description = json!({
        "version": version, "sha256": hex, "size": content.len(), "created": created,
        "storage_format": "sqlite 3", "path": path,
    });
    std::fs::create_dir_all(store.join("analytics/versions")).unwrap();
    std::fs::write(store.join("analytics").join(&path), content).unwrap();
    let file = store.join(format!("analytics/versions/{hex}.json"));
    std::fs::write(file, description.to_string()).unwrap();
    description["place"] = json!({
        "store": format!("file://{}", store.display()), "container": "analytics",
        "file": "analytics.db",
    });
    let bare = world.bare();
    let (mut index, mut record) = (bare.index(), bare.newest_record());
    let number = bare.newest_number() + 1;
    // The data belongs to the release of code that is live.
    let of =
        record.get("of").or_else(|| record.get("restores")).unwrap_or(&record["number"]).clone();
    record["number"] = number.into();
    record["kind"] = "data".into();
    record["of"] = of.clone();
    record.as_object_mut().unwrap().remove("restores");
    record["data"] = description;
    record["created"] = created.into();
    let line = json!({
        "number": number, "kind": "data", "of": of, "commit": record["commit"], "created": created,
    });
    index["newest"] = number.into();
    index["records"].as_array_mut().unwrap().push(line);
    let dev = &world.dev;
    dev.git(&["fetch", "-q", "origin", "tidegate"]);
    dev.git(&["checkout", "-q", "--detach", "FETCH_HEAD"]);
    dev.write("index.json", index.to_string());
    dev.write(&format!("records/{number:06}.json"), record.to_string());
    dev.git(&["add", "index.json", "records"]);
    dev.git(&["commit", "-qm", &format!("Release {number}: data [skip ci]")]);
    dev.git(&["push", "-q", "origin", "HEAD:refs/heads/tidegate"]);
    dev.checkout("main");
}

/// What readers get of the data that the newest record names.
fn data(world: &World) -> String {
    let record = world.bare().newest_record();
    let container = store(world).join("analytics");
    std::fs::read_to_string(container.join(record["data"]["path"].as_str().unwrap())).unwrap()
}

/// How often a race is run whose outcome is anybody's guess.
const RACES: usize = 3;

#[test]
fn two_gates_of_one_commit_at_once_release_it_once() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    for race in 0..RACES {
        let (commit, image) = world.candidate("Change the page", &format!("print('{race}')\n"));
        let runs = [(); 2].map(|()| world.gate(&commit).passed(&image).start());
        let runs = runs.map(|run| run.finish().code(0));
        let release = 2 + race as u64;
        world.assert_live(release, &commit, &image);
        let won = runs.iter().filter(|run| run.stdout.contains("is live as release")).count();
        let texts: Vec<&String> = runs.iter().map(|run| &run.stdout).collect();
        assert_eq!(won, 1, "{texts:?}");
        for loser in runs.into_iter().filter(|run| !run.stdout.contains("is live as release")) {
            loser.says("superseded").says(&format!("the commit is release {release} already"));
        }
        assert_eq!(world.bare().ledger().matches(commit.as_str()).count(), 1);
    }
}

#[test]
fn two_gates_of_two_commits_at_once_leave_the_newer_one_live() {
    let world = World::patient();
    let mut releases = 1;
    world.released("Add the page", "print(1)\n");
    for race in 0..RACES {
        let (older, old) = world.candidate("Change the page", &format!("print('a{race}')\n"));
        let (newer, new) = world.candidate("Change it again", &format!("print('b{race}')\n"));
        let first = world.gate(&older).passed(&old).start();
        let second = world.gate(&newer).passed(&new).start();
        let (first, second) = (first.finish().code(0), second.finish().code(0));
        assert!(second.stdout.contains("is live as release"), "{}", second.stdout);
        let names = world.bare().index()["records"].to_string();
        if names.contains(&older) {
            releases += 2;
            first.says("is live as release");
        } else {
            releases += 1;
            let why = format!("{}, which is newer, is released already", &newer[..7]);
            first.says("superseded").says(&why);
        }
        world.assert_live(releases, &newer, &new);
        let bare = world.bare();
        assert_eq!(bare.ledger_names(&older), names.contains(&older));
    }
}

#[test]
fn a_gate_and_a_person_who_promote_at_once_release_it_once() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    for race in 0..RACES {
        let (commit, image) = world.candidate("Change the page", &format!("print('{race}')\n"));
        let gate = world.gate(&commit).passed(&image).start();
        let person = world.by_hand(&["promote", &commit, "--yes"]).start();
        let (gate, person) = (gate.finish().code(0), person.finish());
        world.assert_live(2 + race as u64, &commit, &image);
        // Else it was first, or found that there was nothing left to do.
        if person.status != Some(0) {
            person.code(7).says("has moved meanwhile; nothing was changed");
            gate.says("is live as release");
        }
        assert_eq!(world.bare().ledger().matches(commit.as_str()).count(), 1);
    }
}

#[test]
fn an_older_run_that_finishes_last_says_what_is_newer() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (older, old) = world.candidate("Change the page", "print(2)\n");
    let (newer, new) = world.candidate("Change it again", "print(3)\n");
    let late = overtaken(&world, world.gate(&older).passed(&old), || {
        world.gate(&newer).passed(&new).run().code(0);
    });
    let why = format!("{}, which is newer, is released already", &newer[..7]);
    late.code(0).says("superseded").says(&why);
    world.assert_live(2, &newer, &new);
    assert!(!world.bare().ledger_names(&older));
}

#[test]
fn a_person_who_is_overtaken_by_a_gate_changes_nothing() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (older, _) = world.candidate("Change the page", "print(2)\n");
    let (newer, new) = world.candidate("Change it again", "print(3)\n");
    let late = overtaken(&world, world.by_hand(&["promote", &older, "--yes"]), || {
        world.gate(&newer).passed(&new).run().code(0);
    });
    late.code(7).says("the state branch has moved meanwhile; nothing was changed");
    world.assert_live(2, &newer, &new);
    let why = "which is newer, is released already";
    world.by_hand(&["promote", &older, "--yes"]).run().code(4).says(why);
}

#[test]
fn a_promotion_that_a_rollback_of_stable_overtakes_holds() {
    let world = World::patient();
    let (first, live) = world.released("Add the page", "print(1)\n");
    world.released("Change the page", "print(2)\n");
    let (commit, image) = world.candidate("Change it again", "print(3)\n");
    let back = ["rollback", "--stable-only", "--yes", "--reason", "login is broken"];
    let late = overtaken(&world, world.gate(&commit).passed(&image), || {
        world.by_hand(&back).run().code(0);
    });
    late.code(4).says("promotions are on hold (stable-only-3): login is broken");
    world.assert_live(3, &first, &live);
}

#[test]
fn a_rollback_of_stable_that_a_promotion_overtakes_changes_nothing_and_can_be_repeated() {
    let world = World::patient();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, live) = world.released("Change the page", "print(2)\n");
    let (commit, image) = world.candidate("Change it again", "print(3)\n");
    let back = ["rollback", "--stable-only", "--yes", "--reason", "login is broken"];
    let late = overtaken(&world, world.by_hand(&back), || {
        world.gate(&commit).passed(&image).run().code(0);
    });
    late.code(7).says("the state branch has moved meanwhile").says("tidegate status");
    world.assert_live(3, &commit, &image);
    assert!(world.bare().state_folder("holds").is_empty());
    assert!(world.bare().state_folder("quarantine").is_empty());
    world.by_hand(&back).run().code(0);
    world.assert_live(4, &second, &live);
    assert_ne!((first, old.digest), (second, live.digest));
}

#[test]
fn a_promotion_that_a_rollback_of_main_overtakes_holds() {
    let world = World::patient();
    let (good, live) = world.released("Add the page", "print(1)\n");
    let (below, image) = world.candidate("Prepare", "print(2)\n");
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    let late = overtaken(&world, world.gate(&below).passed(&image), || {
        world.gate(&bad).failed().run().code(3);
    });
    let why = format!("the commit was taken out by the rollback of {}", &bad[..7]);
    late.code(4).says(&why);
    world.assert_live(1, &good, &live);
    assert_eq!(world.bare().show("refs/heads/main", "app.py"), "print(1)");
}

#[test]
fn a_rollback_of_main_that_a_promotion_overtakes_goes_back_to_what_was_promoted() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (below, image) = world.candidate("Prepare", "print(2)\n");
    let bad = world.commit("Break the page", &[("app.py", "print(\n")]);
    let late = overtaken(&world, world.gate(&bad).failed(), || {
        world.gate(&below).passed(&image).run().code(0);
    });
    late.code(3);
    world.assert_live(2, &below, &image);
    assert_eq!(world.bare().show("refs/heads/main", "app.py"), "print(2)");
}

#[test]
fn a_hold_that_overtakes_a_gate_holds_it() {
    let world = World::patient();
    let (good, live) = world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    let late = overtaken(&world, world.gate(&commit).passed(&image), || {
        world.by_hand(&["hold", "audit"]).run().code(0);
    });
    late.code(4).says("promotions are on hold (hold-1): audit");
    world.assert_live(1, &good, &live);
}

#[test]
fn two_people_who_hold_at_once_both_hold() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let late = overtaken(&world, world.by_hand(&["hold", "fair"]), || {
        world.by_hand(&["hold", "audit"]).run().code(0).says("(hold-1)");
    });
    late.code(0).says("fair (hold-2)");
    assert_eq!(world.bare().state_folder("holds"), ["hold-1.json", "hold-2.json"]);
    let runs = [(); 3].map(|()| world.by_hand(&["hold", "again"]).start());
    for run in runs {
        run.finish().code(0);
    }
    assert_eq!(world.bare().state_folder("holds").len(), 5);
}

#[test]
fn a_rerun_of_an_old_run_after_a_rollback_of_stable_says_that_it_was_released() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (second, new) = world.candidate("Change the page", "print(2)\n");
    world.gate(&second).run_id(7, 1).passed(&new).run().code(0);
    world.by_hand(&["rollback", "--stable-only", "--yes", "--reason", "broken"]).run().code(0);
    let before = world.fingerprint();
    let rerun = || world.gate(&second).run_id(7, 2);
    rerun().passed(&new).run().code(0).says("superseded").says("the commit is release 2 already");
    world.by_hand(&["resume"]).run().code(0);
    rerun().passed(&new).run().code(0).says("the commit is release 2 already");
    world.gate(&first).attempt(2).passed(&old).run().code(0).says("is release 1 already");
    let seen = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().filter(|line| !line.starts_with("refs/heads/tidegate ")).collect()
    };
    assert_eq!(seen(world.fingerprint()), seen(before));
    world.assert_live(3, &first, &old);
}

#[test]
fn a_rerun_of_an_old_run_after_a_rollback_of_main_says_so() {
    let world = World::new();
    let (good, live) = world.released("Add the page", "print(1)\n");
    let (bad, image) = world.candidate("Break the page", "print(\n");
    world.gate(&bad).run_id(7, 1).failed().run().code(3);
    let before = world.seen_by_users();
    let rerun = || world.gate(&bad).run_id(7, 2);
    rerun().failed().run().code(0).says("has rolled the commit back already");
    rerun().passed(&image).run().code(4).says("the commit is quarantined");
    assert_eq!(world.seen_by_users(), before);
    world.assert_live(1, &good, &live);
}

#[test]
fn a_rerun_that_fails_now_does_not_take_back_what_came_after_it() {
    let world = World::new();
    let (first, _) = world.released("Add the page", "print(1)\n");
    let (second, new) = world.released("Change the page", "print(2)\n");
    let before = world.seen_by_users();
    let why = format!("the run of {}, which is newer, decides", &second[..7]);
    world.gate(&first).attempt(2).failed().run().code(0).says(&why);
    assert_eq!(world.seen_by_users(), before);
    world.assert_live(2, &second, &new);
}

#[test]
fn an_older_gate_leaves_a_data_only_release_that_came_in_between() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (older, old) = world.candidate("Change the page", "print(2)\n");
    let (newer, new) = world.candidate("Change it again", "print(3)\n");
    let late = overtaken(&world, world.gate(&older).passed(&old), || {
        world.gate(&newer).passed(&new).run().code(0);
        publish_data(&world, "prices-2");
    });
    let why = format!("{}, which is newer, is released already", &newer[..7]);
    late.code(0).says("superseded").says(&why);
    world.assert_live(3, &newer, &new);
    assert_eq!(data(&world), "prices-2");
    let before = world.fingerprint();
    let again = world.gate(&newer).attempt(2).passed(&new).run();
    again.code(0).says("the commit is release 2 already");
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn a_newer_gate_keeps_the_data_that_was_published_in_between() {
    let world = World::patient();
    keep_data(&world);
    world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    let late = overtaken(&world, world.gate(&commit).passed(&image), || {
        publish_data(&world, "prices-2");
    });
    late.code(0).says("is live as release");
    world.assert_live(3, &commit, &image);
    assert_eq!(data(&world), "prices-2");
}

#[test]
fn a_rollback_that_a_data_only_release_overtakes_changes_nothing() {
    let world = World::patient();
    world.released("Add the page", "print(1)\n");
    let (second, new) = world.released("Change the page", "print(2)\n");
    let back = ["rollback", "--stable-only", "--yes"];
    let late = overtaken(&world, world.by_hand(&back), || publish_data(&world, "prices-2"));
    late.code(7).says("the state branch has moved meanwhile");
    world.assert_live(3, &second, &new);
    assert_eq!(data(&world), "prices-2");
}

#[test]
fn users_go_back_to_the_data_of_the_release_that_they_go_back_to() {
    let world = World::new();
    keep_data(&world);
    let (first, old) = world.released("Add the page", "print(1)\n");
    publish_data(&world, "prices-1");
    world.released("Change the page", "print(2)\n");
    assert_eq!(data(&world), "prices-1");
    publish_data(&world, "prices-2");
    world.by_hand(&["rollback", "--stable-only", "--yes"]).run().code(0);
    world.assert_live(5, &first, &old);
    assert_eq!(
        (data(&world), &world.bare().newest_record()["restores"]),
        ("prices-1".to_owned(), &2.into())
    );
}

#[test]
fn a_quarantined_digest_is_not_promoted_by_whatever_commit_without_an_override() {
    let world = World::new();
    let (good, live) = world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    let digest = image.digest.as_str();
    let forbid = world.by_hand(&["quarantine", digest, "contains a key"]).run();
    forbid.code(0).says("until it is lifted: contains a key");
    let short = &image.digest.hex()[..12];
    let why = format!("digest {short} is quarantined: contains a key");
    world.gate(&commit).passed(&image).run().code(4).says(&why);
    world.assert_live(1, &good, &live);
    let promote = ["promote", &commit, "--yes"];
    world.by_hand(&promote).run().code(4).says(&why).says("--override");
    world.by_hand(&["status"]).run().code(0).says(&format!("quarantined sha256:{short}"));
    world.by_hand(&["quarantine"]).run().code(0).says(&format!("sha256:{short}"));

    let overridden = [&promote[..], &["--override", "the key is revoked"]].concat();
    world.by_hand(&overridden).run().code(0);
    world.assert_live(2, &commit, &image);
    assert_eq!(world.bare().newest_record()["override"], "the key is revoked");
    world.by_hand(&["history"]).run().code(0).says("(override: the key is revoked)");
    world.by_hand(&["quarantine"]).run().code(0).says("nothing is quarantined");
    // It is lifted, and not forgotten.
    let folder = world.bare().state_folder("quarantined-digests");
    assert_eq!(folder, [format!("{}.json", image.digest.hex())]);
}

#[test]
fn a_lifted_digest_is_promoted_by_the_next_gate() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (commit, image) = world.candidate("Change the page", "print(2)\n");
    let (digest, short) = (image.digest.as_str(), format!("sha256:{}", &image.digest.hex()[..12]));
    world.by_hand(&["quarantine", digest, "contains a key", "--for", "2d"]).run().code(0);
    world.gate(&commit).passed(&image).run().code(4);
    world.by_hand(&["quarantine", "--lift", &short, "it was revoked"]).run().code(0).says("lifted");
    world.gate(&commit).attempt(2).passed(&image).run().code(0);
    world.assert_live(2, &commit, &image);
}

#[test]
fn a_rollback_quarantines_the_digest_only_of_what_was_released() {
    let world = World::new();
    world.released("Add the page", "print(1)\n");
    let (bad, _) = world.candidate("Break the page", "print(\n");
    world.gate(&bad).failed().run().code(3);
    let quarantine = |commit: &str| -> Value {
        let path = format!("quarantine/{commit}.json");
        serde_json::from_str(&world.bare().show("refs/heads/tidegate", &path)).expect("JSON")
    };
    assert_eq!(quarantine(&bad)["digests"], Value::Null, "it was never released");

    let (left, image) = world.released("Mend the page", "print(2)\n");
    world.by_hand(&["rollback", "--stable-only", "--yes"]).run().code(0);
    assert_eq!(quarantine(&left)["digests"], json!([image.digest]));
    world.by_hand(&["resume"]).run().code(0);
    let short = &image.digest.hex()[..12];
    let (next, _) = world.candidate("Change the page", "print(3)\n");
    // The image of the release that was left, under the name of the next commit.
    let run = world.by_hand(&["promote", &next, "--yes", "--digest", image.digest.as_str()]).run();
    run.code(4).says(&format!("digest {short} is quarantined"));

    let back = world.by_hand(&["promote", &left, "--yes"]).run();
    back.code(4).says("the commit is quarantined").says(&format!("digest {short} is quarantined"));
    let why = ["promote", &left, "--yes", "--override", "login works again"];
    world.by_hand(&why).run().code(0);
    world.assert_live(4, &left, &image);
    assert!(quarantine(&left)["lifted"]["reason"] == "login works again");
    assert_eq!(world.tag(REPOSITORY, "stable").as_deref(), Some(image.digest.as_str()));
}

#[test]
fn users_do_not_go_back_to_a_quarantined_image() {
    let world = World::new();
    let (first, old) = world.released("Add the page", "print(1)\n");
    let (_, forbidden) = world.released("Change the page", "print(2)\n");
    world.released("Change it again", "print(3)\n");
    world.by_hand(&["quarantine", forbidden.digest.as_str(), "contains a key"]).run().code(0);
    let named = ["rollback", "--stable-only", "--yes", "--to", "2"];
    world.by_hand(&named).run().code(4).says("is quarantined: contains a key");
    world.by_hand(&["rollback", "--stable-only", "--yes"]).run().code(0);
    world.assert_live(4, &first, &old);
}
