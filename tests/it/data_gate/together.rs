//! Promise 9: code, image and data go back together; and in which order readers see them.

use std::sync::{Arc, Mutex};

use super::lake::{Lake, pointer};
use crate::harness::fault_proxy::Rule;

pub const BACK: [&str; 5] = ["rollback", "--stable-only", "--yes", "--reason", "sums are wrong"];

#[test]
fn a_release_publishes_its_data_and_a_rollback_takes_it_back() {
    let lake = Lake::new();
    let first = lake.released("first");
    lake.assert_live(1, &first);
    let second = lake.released("second");
    lake.assert_live(2, &second);
    assert!(lake.fingerprint().iter().filter(|line| line.contains("/backups/")).count() == 2);
    lake.world.by_hand(&BACK).run().code(0);
    lake.assert_live(3, &first);
    // What was left may be what was wrong: neither its image nor its data come back by themselves.
    let bare = lake.world.bare();
    let path = format!("quarantine/{}.json", second.code.0);
    let quarantine = bare.show("refs/heads/tidegate", &path);
    assert!(quarantine.contains(&second.data), "{quarantine}");
    assert!(quarantine.contains(second.code.1.digest.as_str()), "{quarantine}");
    lake.world.by_hand(&["resume"]).run().code(0);
    let third = lake.world.candidate("third", "print(3)\n");
    lake.gate(&third, &second.data).run().code(4).says("quarantined");
    lake.assert_live(3, &first);
    lake.world.by_hand(&["quarantine", "--lift", &second.data]).run().code(0);
    lake.gate(&third, &second.data).attempt(2).run().code(0);
    assert_eq!(lake.served(), (second.data, 4));
}

/// What a reader of the data sees at the moment of each write to git and registry.
fn observed(lake: &Lake) -> Arc<Mutex<Vec<(String, Option<String>)>>> {
    let seen: Arc<Mutex<Vec<(String, Option<String>)>>> = Arc::default();
    for proxy in [&lake.world.registry_proxy, &lake.world.git_proxy] {
        let (seen, path) = (Arc::clone(&seen), lake.path());
        let look = move |request: &crate::harness::fault_proxy::Request| {
            let version = pointer(&path).map(|p| p["version"].as_str().unwrap().to_owned());
            let body = String::from_utf8_lossy(&request.body[..request.body.len().min(400)]);
            let what = ["refs/heads/stable", "refs/heads/tidegate", "refs/heads/main"]
                .into_iter()
                .find(|name| body.contains(name))
                .map_or_else(|| request.path.clone(), str::to_owned);
            seen.lock().unwrap().push((what, version));
        };
        proxy.add(
            Rule::when(|request| {
                request.method == "PUT" || request.path.ends_with("/git-receive-pack")
            })
            .before(look),
        );
    }
    seen
}

#[test]
fn code_is_never_newer_than_its_data() {
    let lake = Lake::new();
    let first = lake.released("first");
    let seen = observed(&lake);
    let second = lake.released("second");
    let at = |part: &str| -> Vec<Option<String>> {
        let seen = seen.lock().unwrap();
        let found = seen.iter().filter(|(what, _)| what.ends_with(part));
        found.map(|(_, version)| version.clone()).collect()
    };
    let (old, new) = (Some(first.data.clone()), Some(second.data.clone()));
    assert_eq!(at("refs/heads/tidegate"), std::slice::from_ref(&old), "the record comes first");
    assert_eq!(at("/manifests/stable"), std::slice::from_ref(&new), "tags come after the data");
    assert_eq!(at("refs/heads/stable"), std::slice::from_ref(&new));
    seen.lock().unwrap().clear();
    lake.world.by_hand(&BACK).run().code(0);
    // On the way back the data goes last.
    assert_eq!(at("/manifests/stable"), std::slice::from_ref(&new));
    assert_eq!(at("refs/heads/stable"), [new]);
    assert_eq!(lake.served(), (first.data, 3));
}

#[test]
fn two_gates_at_once_end_in_one_release() {
    let lake = Lake::new();
    lake.released("first");
    let second = lake.world.candidate("second", "print(2)\n");
    let two = lake.upload("second");
    let third = lake.world.candidate("third", "print(3)\n");
    let three = lake.upload("third");
    let (one, other) = (lake.gate(&second, &two).start(), lake.gate(&third, &three).start());
    // The older of them may find itself overtaken.
    one.finish();
    other.finish().code(0);
    let number = lake.world.bare().newest_number();
    lake.world.assert_live(number, &third.0, &third.1);
    assert_eq!(lake.served(), (three, number));
    assert_eq!(lake.read("analytics.db").as_deref(), Some("third"));
}

#[test]
fn a_release_that_publishes_none_keeps_the_data_that_users_have() {
    let lake = Lake::with("publish: separately");
    let first = lake.released("first");
    let (commit, image) = lake.world.released("second", "print(2)\n");
    lake.world.assert_live(2, &commit, &image);
    assert_eq!(lake.served().0, first.data);
    let record = lake.world.bare().newest_record();
    assert_eq!(record["data"]["version"], first.data.as_str());
}

#[test]
fn status_and_history_say_which_data_is_live() {
    let lake = Lake::new();
    let first = lake.released("first");
    let said = lake.world.by_hand(&["status", "--json"]).run().code(0);
    let status: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(status["live"]["data"]["version"], first.data.as_str(), "{}", said.stdout);
    let check = |status: &serde_json::Value| {
        let checks = status["checks"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["part"] == "data").expect("a check of the data")
    };
    assert_eq!(check(&status)["finding"], "same");
    // Somebody puts another version there by hand.
    let other = lake.upload("other");
    let mut pointer = lake.pointer().unwrap();
    let mine = pointer.clone();
    pointer["version"] = other.clone().into();
    pointer["sha256"] = other.strip_prefix("sha256:").unwrap().into();
    pointer["path"] = format!("versions/{}.db", other.strip_prefix("sha256:").unwrap()).into();
    pointer["size"] = 5.into();
    std::fs::write(lake.path().join("latest.json"), pointer.to_string()).unwrap();
    let said = lake.world.by_hand(&["status", "--json"]).run().code(0);
    let status: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(check(&status)["finding"], "differs", "{}", said.stdout);
    assert_eq!(status["agreement"], "no");
    assert!(status["pending"].to_string().contains("analytics"), "{}", status["pending"]);
    // Repair puts the release's own back.
    lake.world.by_hand(&["repair"]).run().code(0);
    assert_eq!(lake.served().0, first.data);
    // A pointer of a release that no record knows stays, and is named.
    let mut newer = mine;
    newer["release"] = 99.into();
    std::fs::write(lake.path().join("latest.json"), newer.to_string()).unwrap();
    lake.world.by_hand(&["status"]).run().code(0).says("of release 99");
    let second = lake.world.candidate("second", "print(2)\n");
    let two = lake.upload("second");
    lake.gate(&second, &two).run();
    assert_eq!(lake.served(), (first.data, 99), "never older over newer");
    let history = lake.world.by_hand(&["history", "--json"]).run().code(0);
    assert!(history.stdout.contains(&two), "{}", history.stdout);
}
