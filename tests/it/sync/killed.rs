//! A sync that is killed at any point: nothing is lost, nothing is half visible, the next completes.

use std::process::Command;
use std::time::{Duration, Instant};

use super::*;
use crate::harness::store_proxy::StoreProxy;

/// Kills it at random points, twenty times; the manifest is whole after each.
#[test]
fn a_sync_that_is_killed_is_completed_by_the_next() {
    let server = Azurite::start();
    let proxy = StoreProxy::start(server.host()).delay(Duration::from_millis(5));
    let mut environment = azurite::environment(proxy.host());
    let kept = Kept::Azure(server);
    let mut machine = Machine::new(&kept);
    std::mem::swap(&mut machine.environment, &mut environment);
    machine.fill(400);
    let mut noted = 0;
    for round in 0..20_u64 {
        let (mut child, _home) = machine.tidegate(&["sync", "--layer", "bronze"]).start();
        let enough = Instant::now() + Duration::from_millis(50 + round * 37);
        while Instant::now() < enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        child.wait().unwrap();
        if machine.folder.path().join(MANIFEST).exists() {
            let entries = machine.manifest()["synced_files"].as_object().unwrap().clone();
            assert!(entries.len() >= noted, "round {round}: what was noted is lost");
            noted = entries.len();
            // Nothing is noted that is not there.
            let there = kept.objects();
            for entry in entries.values() {
                assert!(there.contains_key(entry["blob_path"].as_str().unwrap()), "{entry}");
            }
            // Fifty that are being written, a hundred that wait for that, and those under way.
            assert!(there.len() <= noted + 150 + 64, "{} of {} are noted", noted, there.len());
        }
    }
    let (_, _, errors) = machine.sync(&[]);
    assert_eq!(errors, 0);
    assert_eq!(kept.objects(), machine.files());
    assert_eq!(machine.sync(&[]), (0, 400, 0));
}

/// Dies at each system call that makes a checkpoint: rename, fsync, of the first and of later ones.
#[test]
fn a_checkpoint_that_is_killed_leaves_the_manifest_before_it() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(130);
    for (call, nth) in
        [("fsync", 1), ("fsync", 2), ("rename", 60), ("rename", 120), ("ftruncate", 1)]
    {
        let out = Command::new("strace")
            .args(["-f", "-qq", "-e", &format!("trace={call}"), "-e"])
            .arg(format!("inject={call}:signal=KILL:when={nth}"))
            .arg(env!("CARGO_BIN_EXE_tidegate"))
            .args(["sync", "--layer", "bronze"])
            .current_dir(machine.folder.path())
            .env_clear()
            .output()
            .expect("strace: run `./dev setup`");
        assert!(!out.status.success() || nth > 1, "{call} {nth}: {out:?}");
        if machine.folder.path().join(MANIFEST).exists() {
            machine.manifest();
        }
    }
    machine.sync(&[]);
    assert_eq!(kept.objects(), machine.files());
    let left: Vec<_> = fs::read_dir(machine.folder.path().join("data/metadata")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn sigterm_leaves_a_checkpoint_and_says_so() {
    let server = Azurite::start();
    let proxy = StoreProxy::start(server.host()).delay(Duration::from_millis(50));
    let environment = azurite::environment(proxy.host());
    let kept = Kept::Azure(server);
    let mut machine = Machine::new(&kept);
    machine.environment = environment;
    machine.fill(2000);
    let (mut child, _home) = machine.tidegate(&["sync", "--layer", "bronze"]).start();
    // It has to be in the middle of it.
    let deadline = Instant::now() + Duration::from_mins(2);
    let manifest = machine.folder.path().join(MANIFEST);
    while !manifest.exists() {
        assert!(Instant::now() < deadline, "no checkpoint");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(15));
    let noted = machine.manifest()["synced_files"].as_object().unwrap().len();
    assert!((50..2000).contains(&noted), "{noted}");
    let there = kept.objects().len();
    assert!(there >= noted, "{there} {noted}");
    let (sent, skipped, errors) = machine.sync(&[]);
    assert_eq!((sent + skipped, errors), (2000, 0));
    assert!(skipped >= noted as u64);
}
