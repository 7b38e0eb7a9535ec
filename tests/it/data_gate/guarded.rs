//! What stops a release of data alone, what comes over it, and what nobody may hide.

use serde_json::json;

use super::lake::Lake;
use super::together::BACK;
use crate::harness::fault_proxy::{Request, Rule};

/// Makes a database of one row, as a team's own command would.
const MAKE: &str = "\
import os, sqlite3
os.makedirs('data', exist_ok=True)
base = sqlite3.connect('data/analytics.db')
base.execute('create table if not exists prices (day text)')
base.execute('insert into prices values (1)')
base.commit()
base.close()
open('steps-ran', 'w').close()
";

/// A project that makes its data by a command, and releases it beside its code.
fn team() -> Lake {
    let lake = Lake::with("publish: separately\nbefore: [ { run: python3 make_data.py } ]");
    lake.world.commit("Make the data", &[("make_data.py", MAKE), (".gitignore", "data/\n")]);
    lake
}

const SYNC: [&str; 3] = ["sync", "--layer", "analytics"];

#[test]
fn a_pointer_that_never_moved_is_not_taken_for_what_users_had() {
    let lake = Lake::with("publish: separately");
    let first = lake.released("first");
    let two = lake.upload("two");
    let (path, gone) = (lake.path(), lake.path().with_file_name("gone"));
    let (from, to) = (path.clone(), gone.clone());
    // The record of the data is pushed, and the store goes away with it.
    let is_record = |request: &Request| request.path.ends_with("/git-receive-pack");
    lake.world.git_proxy.add(Rule::when(is_record).times(1).after(move |_| {
        std::fs::rename(&from, &to).unwrap();
        std::fs::write(&from, "no folder").unwrap();
    }));
    let digest = first.code.1.digest.to_string();
    let promote = ["promote", &first.code.0, "--yes", "--digest", &digest, "--data-version", &two];
    let finished = lake.world.by_hand(&promote).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    assert_eq!(lake.world.bare().newest_number(), 2);
    // Code that keeps this data is not released over it, by nobody.
    let (second, image) = lake.world.candidate("second", "print(2)\n");
    let users = lake.world.seen_by_users();
    lake.world.gate(&second).passed(&image).run().code(4).says("is not served yet");
    let digest = image.digest.to_string();
    let promote = ["promote", &second, "--yes", "--digest", &digest];
    lake.world.by_hand(&promote).run().code(4).says("is not served yet");
    assert_eq!(lake.world.seen_by_users(), users);
    std::fs::remove_file(&path).unwrap();
    std::fs::rename(&gone, &path).unwrap();
    lake.world.gate(&second).passed(&image).run().code(0);
    lake.world.assert_live(3, &second, &image);
    assert_eq!(lake.served(), (two, 3));
}

#[test]
fn a_run_that_was_slow_does_not_put_older_data_over_newer() {
    let lake = team();
    let code = lake.world.candidate("first", "print(1)\n");
    // What is live was made after the run below has begun.
    let newer = lake.upload_as("newer", "2126-01-01T00:00:00Z", "sqlite 3");
    lake.gate(&code, &newer).run().code(0);
    lake.world.by_hand(&SYNC).run().code(0).says("superseded");
    assert_eq!(lake.served(), (newer, 1));
    assert_eq!(lake.world.bare().newest_number(), 1);
}

#[test]
fn a_candidate_that_is_older_than_the_live_data_is_held() {
    let lake = Lake::with("publish: separately");
    let first = lake.released("first");
    let (two, three) = (lake.upload("two"), lake.upload("three"));
    let digest = first.code.1.digest.to_string();
    let promote = ["promote", &first.code.0, "--yes", "--digest", &digest, "--data-version", &two];
    // The code is live already: data of long ago does not come over what its release has brought.
    lake.gate(&first.code, &two).attempt(2).run().code(0).says("was made before release 1");
    assert_eq!(lake.served(), (first.data.clone(), 1));
    lake.world.by_hand(&promote).run().code(0);
    assert_eq!(lake.served(), (two.clone(), 2));
    assert_eq!(lake.world.bare().newest_record()["kind"], "data");
    let second = lake.world.candidate("second", "print(2)\n");
    lake.gate(&second, &three).run().code(4).says("run the data job again");
    assert_eq!(lake.served(), (two, 2));
}

#[test]
fn no_event_but_those_of_the_protected_branch_publishes_data() {
    let lake = team();
    let head = lake.world.bare().branch("main").unwrap();
    let sync = |event: &str, full_ref: &str, more: &[&str]| {
        let run = lake.world.gate(&head).command("sync").arguments(&["--layer", "analytics"]);
        run.arguments(more).env("GITHUB_EVENT_NAME", event).env("GITHUB_REF", full_ref)
    };
    let others = [
        ("pull_request_target", "refs/heads/main"),
        ("pull_request", "refs/pull/1/merge"),
        ("push", "refs/heads/feature"),
    ];
    for (event, full_ref) in others {
        let finished = sync(event, full_ref, &[]).run();
        assert_eq!(finished.status, Some(6), "{event}: {}", finished.stderr);
        assert!(!finished.clone.path().join("steps-ran").exists(), "{event}: before the steps");
    }
    assert_eq!(lake.fingerprint(), Vec::<String>::new());
    sync("push", "refs/heads/feature", &["--candidate"]).run().code(0);
    assert_eq!(lake.pointer(), None);
    sync("schedule", "refs/heads/main", &[]).run().code(0);
    assert!(lake.pointer().is_some());
}

#[test]
fn quarantined_data_comes_back_only_by_name() {
    let lake = Lake::new();
    let first = lake.released("first");
    let second = lake.released("second");
    let forbid = ["quarantine", &first.data, "sums are wrong"];
    lake.world.by_hand(&forbid).run().code(0);
    let world = lake.world.fingerprint();
    let finished = lake.world.by_hand(&BACK).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    let to = [&BACK[..], &["--to", "1"]].concat();
    lake.world.by_hand(&to).run().code(4).says("sums are wrong");
    let restore = ["data", "restore", "--to", &first.data, "--yes"];
    lake.world.by_hand(&restore).run().code(4).says("sums are wrong");
    assert_eq!(lake.world.fingerprint(), world);
    lake.assert_live(2, &second);
    lake.world
        .by_hand(&["quarantine", &second.data, "so are these"])
        .run()
        .code(0)
        .says("stays live");
}

#[test]
fn a_restore_forwards_waits_for_a_hold_and_one_back_does_not() {
    let lake = Lake::new();
    let first = lake.released("first");
    lake.released("second");
    let new = lake.upload("new");
    lake.world.by_hand(&["hold", "the feed is under repair"]).run().code(0);
    let restore = |version: &str| {
        let arguments = ["data", "restore", "--to", version, "--yes"];
        // The files are no databases: what is served is not opened, and the proof says so.
        lake.world.by_hand(&arguments).run()
    };
    let finished = restore(&new);
    assert_eq!(finished.status, Some(4), "{}", finished.stderr);
    finished.says("under repair");
    assert_eq!(lake.served().1, 2);
    restore(&first.data);
    assert_eq!(lake.served(), (first.data.clone(), 3));
}

#[test]
fn data_that_the_live_code_cannot_open_is_not_released_for_it() {
    let lake = Lake::with("publish: separately");
    lake.world.commit("Pin", &[("requirements.txt", "duckdb==1.2.2\n")]);
    let first = lake.released("first");
    let newer = lake.upload_as("newer", "2026-03-01T12:00:00Z", "duckdb v1.5.0");
    let fits = lake.upload_as("fits", "2026-03-01T12:00:00Z", "duckdb v1.2.0");
    let digest = first.code.1.digest.to_string();
    let promote = |version: &str| {
        let promote = ["promote", &first.code.0, "--yes", "--digest", &digest];
        lake.world.by_hand(&[&promote[..], &["--data-version", version]].concat()).run()
    };
    promote(&newer).code(14).says("1.2.2");
    lake.assert_live(1, &first);
    promote(&fits).code(0);
    assert_eq!(lake.served(), (fits, 2));
}

#[test]
fn data_does_not_revert_code_whose_configuration_is_broken() {
    let lake = Lake::with("job: data");
    let first = lake.released("first");
    let broken = lake.world.commit("broken", &[(".github/tidegate.yml", "version: [\n")]);
    let needs = json!({
        "tests": {"result": "success", "outputs": {}},
        "data": {"result": "failure", "outputs": {}},
    });
    let main = lake.world.bare().branch("main");
    let finished = lake.world.gate(&broken).needs(&needs).run();
    assert_ne!(finished.status, Some(0), "{}", finished.stdout);
    assert_eq!(lake.world.bare().branch("main"), main, "nothing is reverted");
    lake.assert_live(1, &first);
}
