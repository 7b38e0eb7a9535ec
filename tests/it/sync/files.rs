//! What is no ordinary file, and what time and content say.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

#[test]
fn a_touched_file_is_not_sent_again_and_times_may_be_anything() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(3);
    machine.sync(&[]);
    // Before 1980, and long after today: a clock was wrong.
    set_time(&machine.path("region=0/run_00000/f.parquet"), 1);
    set_time(&machine.path("region=1/run_00001/f.parquet"), 4_000_000_000);
    assert_eq!(machine.sync(&[]), (0, 3, 0));
    machine.write("region=1/run_00001/f.parquet", "content X");
    set_time(&machine.path("region=1/run_00001/f.parquet"), 1_000_000_000);
    assert_eq!(machine.sync(&[]), (1, 2, 0), "the same size, an older time, another content");
    // The same size and time: only a checksum sees that.
    machine.write("region=1/run_00001/f.parquet", "content Y");
    set_time(&machine.path("region=1/run_00001/f.parquet"), 1_000_000_000);
    assert_eq!(machine.sync(&[]), (0, 3, 0));
    assert_eq!(machine.sync(&["--checksum"]), (1, 2, 0));
}

#[test]
fn links_are_never_followed() {
    let kept = Kept::folder();
    let machine = Machine::with(&kept, "**/*", "");
    machine.write("a/x.parquet", "x");
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret"), "secret").unwrap();
    symlink(outside.path(), machine.path("outside")).unwrap();
    symlink(outside.path().join("secret"), machine.path("a/secret")).unwrap();
    symlink("..", machine.path("a/loop")).unwrap();
    symlink("nowhere", machine.path("a/broken")).unwrap();
    let run = machine.run(&["sync", "--layer", "bronze", "--json"]).success();
    let layer = &run.json()["layers"][0];
    assert_eq!(layer["left_out"].as_array().unwrap().len(), 4, "{run:?}");
    assert_eq!(kept.objects().into_keys().collect::<Vec<_>>(), ["a/x.parquet"]);
}

#[test]
fn a_folder_that_leads_out_of_the_repository_is_refused() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.parquet"), "secret").unwrap();
    fs::remove_dir(machine.path("")).unwrap();
    symlink(outside.path(), machine.folder.path().join("data/bronze")).unwrap();
    let run = machine.run(&["sync"]).code(10);
    assert!(run.stderr.contains("leads out of the repository"), "{run:?}");
    machine.run(&["pull", "--layer", "bronze"]).code(10);
    assert!(kept.objects().is_empty());
}

#[test]
fn files_that_cannot_be_sent_are_named_and_the_others_go_on() {
    let kept = Kept::folder();
    let machine = Machine::with(&kept, "**/*", "");
    machine.fill(2);
    let odd = std::ffi::OsStr::from_bytes(b"no\xff.parquet");
    fs::write(machine.path("").join(odd), "x").unwrap();
    machine.write("tab\tname.parquet", "x");
    machine.write("back\\slash.parquet", "x");
    machine.write("metadata/manifests/bronze.json", "{}");
    let run = machine.run(&["sync", "--layer", "bronze", "--json"]).code(15);
    let said = run.json();
    assert_eq!((&said["uploaded"], &said["errors"]), (&2.into(), &4.into()), "{run:?}");
    let failed = said["layers"][0]["failed"].to_string();
    for part in ["not UTF-8", "control character", "back", "metadata/manifests"] {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    let people = machine.run(&["sync", "--layer", "bronze"]).code(15);
    assert!(!people.stdout.contains('\t') && people.stdout.contains("4 failed"), "{people:?}");
}

#[test]
fn unreadable_files_and_folders_are_named_and_the_others_go_on() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(2);
    machine.write("locked/a.parquet", "x");
    machine.write("locked.parquet", "x");
    // Tests may run as root, who reads everything: somebody else runs it.
    let everything = |path: &Path| {
        let done = Command::new("chmod").args(["-R", "a+rwX"]).arg(path).status().unwrap();
        assert!(done.success());
    };
    everything(machine.folder.path());
    let Kept::Folder(store) = &kept else { panic!("a folder store") };
    everything(store.path());
    for path in ["locked", "locked.parquet"] {
        let done = Command::new("chmod").arg("000").arg(machine.path(path)).status().unwrap();
        assert!(done.success());
    }
    // The program may lie in a home folder that nobody else may enter.
    let program = TempDir::new().unwrap();
    fs::copy(env!("CARGO_BIN_EXE_tidegate"), program.path().join("tidegate")).unwrap();
    everything(program.path());
    let out = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(program.path().join("tidegate"))
        .args(["sync", "--json"])
        .current_dir(machine.folder.path())
        .env_clear()
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .expect("setpriv of util-linux");
    let said: Value = serde_json::from_slice(&out.stdout).unwrap_or_else(|_| panic!("{out:?}"));
    assert_eq!((&said["uploaded"], &said["errors"]), (&2.into(), &2.into()), "{out:?}");
    assert_eq!(out.status.code(), Some(15));
    let failed = said["layers"][0]["failed"].to_string();
    assert!(
        failed.contains("bronze/locked/") && failed.contains("bronze/locked.parquet"),
        "{failed}"
    );
    let done = Command::new("chmod").args(["-R", "a+rwX"]).arg(machine.path("")).status().unwrap();
    assert!(done.success());
}

#[test]
fn a_plan_changes_nothing() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(3);
    let run = machine.run(&["sync", "--layer", "bronze", "--plan"]).success();
    assert!(
        run.stdout.contains("3 files to send") && run.stdout.contains("(9 bytes, new)"),
        "{run:?}"
    );
    let json = machine.run(&["sync", "--plan", "--json"]).success().json();
    assert_eq!(json["schema"], "tidegate/sync-plan/1");
    assert_eq!(json["layers"][0]["upload"].as_array().unwrap().len(), 3);
    assert!(kept.objects().is_empty() && !machine.folder.path().join(MANIFEST).exists());
}
