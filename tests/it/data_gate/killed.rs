//! A gate that is killed at any of its writes leaves no code that is newer than its data, and the next
//! run ends in the world of a gate that was not killed.

use std::process::Child;
use std::sync::{Arc, Mutex};

use super::lake::{Lake, Released};
use super::together::BACK;
use crate::harness::fault_proxy::{Fault, Request, Rule};
use crate::promises::release_world::{Gate, REPOSITORY};

/// Kills the run before its write number `step` to git or the registry reaches the server, or after.
/// Returns `false` where it ended before.
fn kill(lake: &Lake, gate: Gate<'_>, step: usize, after: bool) -> bool {
    let child: Arc<Mutex<Option<Arc<Mutex<Child>>>>> = Arc::default();
    let count = Arc::new(Mutex::new(0));
    let proxies = [&lake.world.registry_proxy, &lake.world.git_proxy];
    for proxy in proxies {
        let (child, count) = (Arc::clone(&child), Arc::clone(&count));
        let is_it = move |request: &Request| {
            if request.method != "PUT" && !request.path.ends_with("/git-receive-pack") {
                return false;
            }
            let mut count = count.lock().unwrap();
            *count += 1;
            *count == step
        };
        let kill = move |_: &Request| {
            let child = child.lock().unwrap();
            let mut child = child.as_ref().expect("the run has started").lock().unwrap();
            child.kill().expect("kill it");
            child.wait().expect("wait until it is gone");
        };
        let rule = Rule::when(is_it).times(1);
        proxy.add(if after {
            rule.after(kill).fault(Fault::DropAnswer)
        } else {
            rule.before(kill).fault(Fault::Close)
        });
    }
    let running = {
        let mut slot = child.lock().unwrap();
        let running = gate.start();
        *slot = Some(running.killer());
        running
    };
    let finished = running.finish();
    proxies.iter().for_each(|proxy| proxy.forget());
    finished.status.is_none()
}

#[track_caller]
fn assert_consistent(lake: &Lake, first: &Released, second: &Released, at: &str) {
    let new = second.code.1.digest.to_string();
    let bare = lake.world.bare();
    let has_new_tag = ["stable", "latest"]
        .iter()
        .any(|tag| lake.world.tag(REPOSITORY, tag).as_deref() == Some(&new));
    let has_new_code = bare.tree("stable") == bare.tree(&second.code.0);
    let (data, release) = lake.served();
    assert!([&first.data, &second.data].contains(&&data), "{at}");
    if has_new_tag || has_new_code {
        assert_eq!(data, second.data, "{at}: code is newer than its data");
    }
    assert!(release <= bare.newest_number(), "{at}: the pointer leads");
}

#[test]
fn a_release_with_data_killed_at_any_write_is_completed_by_its_rerun() {
    let lake = Lake::new();
    let first = lake.released("first");
    let code = lake.world.candidate("second", "print(2)\n");
    let data = lake.upload("second");
    let second = Released { code, data, content: "second".to_owned() };
    let (world, store) = (lake.world.save(), Store::save(&lake));
    for after in [false, true] {
        for step in 1.. {
            lake.world.restore(&world);
            store.restore(&lake);
            let gate = || lake.gate(&second.code, &second.data).run_id(7, 1);
            if !kill(&lake, gate(), step, after) {
                assert!(step > 6, "a keep tag, the record, two tags, a branch and the ledger");
                break;
            }
            assert_consistent(&lake, &first, &second, &format!("write {step}, after: {after}"));
            gate().attempt(2).run().code(0);
            lake.assert_live(2, &second);
        }
    }
}

#[test]
fn a_rollback_with_data_killed_at_any_write_is_completed_by_repair() {
    let lake = Lake::new();
    let first = lake.released("first");
    let second = lake.released("second");
    let (world, store) = (lake.world.save(), Store::save(&lake));
    for step in 1.. {
        lake.world.restore(&world);
        store.restore(&lake);
        if !kill(&lake, lake.world.by_hand(&BACK), step, true) {
            assert!(step > 4, "a record, two tags and a branch");
            break;
        }
        assert_consistent(&lake, &first, &second, &format!("write {step}"));
        lake.world.by_hand(&["repair"]).run().code(0);
        lake.assert_live(3, &first);
    }
}

/// The store as it was.
struct Store {
    folder: tempfile::TempDir,
}

impl Store {
    fn save(lake: &Lake) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        copy(&lake.path(), &folder.path().join("analytics"));
        Self { folder }
    }

    fn restore(&self, lake: &Lake) {
        std::fs::remove_dir_all(lake.path()).unwrap();
        copy(&self.folder.path().join("analytics"), &lake.path());
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success(), "cp failed");
}
