//! What goes wrong: the way to the store, the disk, the credentials, files that change.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::harness::store_proxy::StoreProxy;

#[test]
fn a_busy_store_and_cut_connections_are_got_over() {
    let server = Azurite::start();
    let proxy = StoreProxy::start(server.host()).delay(Duration::from_millis(20));
    let kept = Kept::Azure(server);
    let mut machine = Machine::new(&kept);
    machine.environment = azurite::environment(proxy.host());
    machine.fill(400);
    let manifest = machine.folder.path().join(MANIFEST);
    thread::scope(|scope| {
        scope.spawn(|| {
            // In the middle of it.
            while !manifest.exists() {
                thread::sleep(Duration::from_millis(2));
            }
            proxy.refuse(20, 503, "");
            proxy.cut_uploads(300, 5);
        });
        assert_eq!(machine.sync(&[]), (400, 0, 0));
    });
    assert_eq!(proxy.faults_left(), 0, "the faults came too late");
    assert_eq!(kept.objects(), machine.files());
}

#[test]
fn wrong_credentials_end_at_once_and_are_not_shown() {
    let kept = Kept::Azure(Azurite::start());
    let mut machine = Machine::new(&kept);
    machine.fill(40);
    let wrong = "d3JvbmcgY3JlZGVudGlhbHMgb2YgYSB0ZXN0IHRoYXQgbm9ib2R5IGhhcyBldmVyIHVzZWQ=";
    for (name, value) in &mut machine.environment {
        if name.contains("KEY") {
            wrong.clone_into(value);
        }
    }
    let run = machine.run(&["sync", "--layer", "bronze", "-vv"]).code(9);
    assert!(!run.stderr.contains(wrong) && !run.stdout.contains(wrong), "{run:?}");
    assert!(!run.stderr.contains("sig="), "{run:?}");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_sent_next_time() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(5);
    machine.write("growing.parquet", vec![b'x'; 30_000_000]);
    let done = AtomicBool::new(false);
    let (sent, errors) = thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write as _;
            let path = machine.path("growing.parquet");
            let mut file = fs::File::options().append(true).open(path).unwrap();
            while !done.load(Ordering::SeqCst) {
                file.write_all(b"more").unwrap();
            }
        });
        let run = machine.run(&["sync", "--layer", "bronze", "--json"]);
        done.store(true, Ordering::SeqCst);
        let said = run.code(15).json();
        let failed = said["layers"][0]["failed"][0].clone();
        assert_eq!(failed["path"], "data/bronze/growing.parquet");
        assert!(failed["error"].as_str().unwrap().contains("changed"), "{failed}");
        (said["uploaded"].clone(), said["errors"].clone())
    });
    assert_eq!((sent, errors), (5.into(), 1.into()));
    assert!(!kept.objects().contains_key("growing.parquet"), "nothing half visible");
    assert_eq!(machine.sync(&[]), (1, 5, 0));
    assert!(kept.objects() == machine.files());
}

/// A small file system of its own. Needs root, as the tests of name services do.
struct Small(TempDir);

impl Small {
    fn mount(bytes: usize) -> Self {
        let folder = TempDir::new().unwrap();
        let size = format!("size={bytes}");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(folder.path())
            .status()
            .expect("mount");
        assert!(done.success(), "this test mounts a small file system, and so needs root");
        Self(folder)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(300);
    fs::create_dir_all(machine.folder.path().join("data/metadata")).unwrap();
    let small = Small::mount(64 * 1024);
    // The manifest's folder is the small one.
    let bound = Command::new("mount")
        .arg("--bind")
        .arg(small.0.path())
        .arg(machine.folder.path().join("data/metadata"))
        .status()
        .unwrap();
    assert!(bound.success());
    let run = machine.run(&["sync", "--layer", "bronze"]);
    let left: Vec<String> = fs::read_dir(machine.folder.path().join("data/metadata"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    if machine.folder.path().join(MANIFEST).exists() {
        machine.manifest();
    }
    let gone = Command::new("umount")
        .arg("-l")
        .arg(machine.folder.path().join("data/metadata"))
        .status()
        .unwrap();
    assert!(gone.success());
    let run = run.code(15);
    assert!(
        run.stderr.contains("sync_manifest.json") && run.stderr.contains("disk full"),
        "{run:?}"
    );
    assert!(left.iter().all(|name| !name.ends_with(".tmp")), "{left:?}");
    machine.sync(&[]);
    assert_eq!(kept.objects(), machine.files());
}

#[test]
fn a_pull_onto_a_full_disk_leaves_whole_files_only() {
    let kept = Kept::folder();
    let first = Machine::new(&kept);
    for n in 0..40 {
        first.write(&format!("n={n}/f.parquet"), vec![b'x'; 20_000]);
    }
    first.sync(&[]);
    let machine = Machine::new(&kept);
    let small = Small::mount(300 * 1024);
    let bind = |arguments: &[&str]| {
        let done = Command::new(arguments[0]).args(&arguments[1..]).status().unwrap();
        assert!(done.success(), "{arguments:?}");
    };
    let folder = machine.path("");
    bind(&["mount", "--bind", small.0.path().to_str().unwrap(), folder.to_str().unwrap()]);
    let run = machine.run(&["pull", "--layer", "bronze"]);
    let files = machine.files();
    bind(&["umount", "-l", folder.to_str().unwrap()]);
    let run = run.code(15);
    assert!(run.stderr.contains("No space left"), "{run:?}");
    assert!(!files.is_empty() && files.len() < 40, "{}", files.len());
    assert!(
        files.iter().all(|(name, content)| name.ends_with(".parquet") && content.len() == 20_000)
    );
    machine.run(&["pull", "--layer", "bronze"]).success();
    assert_eq!(machine.files(), first.files());
}

#[test]
fn what_killed_uploads_have_left_in_a_folder_store_goes() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.write("a/x.parquet", "x");
    let Kept::Folder(store) = &kept else { panic!("a folder was asked for") };
    let folder = store.path().join("bronze/a");
    fs::create_dir_all(&folder).unwrap();
    let names = [".tidegate-old.part", ".tidegate-new.part", "own.part"];
    for name in names {
        fs::write(folder.join(name), "half").unwrap();
    }
    set_time(&folder.join(names[0]), 1_000_000_000);
    set_time(&folder.join(names[2]), 1_000_000_000);
    assert_eq!(machine.sync(&[]), (1, 0, 0));
    assert_eq!(names.map(|name| folder.join(name).exists()), [false, true, true]);
}

#[test]
fn a_plan_says_that_files_cannot_be_sent() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(1);
    machine.write("back\\slash.parquet", "x");
    let run = machine.run(&["sync", "--layer", "bronze", "--plan"]).code(15);
    assert!(run.stdout.contains("cannot"), "{run:?}");
}
