//! `pull --layer`.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_layer_comes_to_a_machine_without_data() {
    for kept in Kept::each() {
        let first = Machine::new(&kept);
        first.fill(30);
        first.sync(&[]);
        let second = Machine::new(&kept);
        fs::remove_dir(second.path("")).unwrap();
        let pulled = second.run(&["pull", "--layer", "bronze", "--json"]).success().json();
        assert_eq!(pulled["schema"], "tidegate/pull-layer/1");
        assert_eq!((&pulled["downloaded"], &pulled["skipped"]), (&30.into(), &0.into()));
        assert_eq!(second.files(), first.files(), "{}", kept.name());
        assert_eq!(second.sync(&[]), (0, 30, 0), "{}", kept.name());
        let again = second.run(&["pull", "--layer", "bronze", "--json"]).success().json();
        assert_eq!((&again["downloaded"], &again["skipped"]), (&0.into(), &30.into()));
        // What was fetched and not changed since is replaced by what is newer.
        first.write("region=0/run_00000/f.parquet", "newer");
        first.sync(&[]);
        let newer = second.run(&["pull", "--layer", "bronze", "--json"]).success().json();
        assert_eq!((&newer["downloaded"], &newer["skipped"]), (&1.into(), &29.into()));
        assert_eq!(second.files(), first.files(), "{}", kept.name());
    }
}

#[test]
fn what_was_never_synced_is_kept() {
    let kept = Kept::folder();
    let first = Machine::new(&kept);
    first.fill(3);
    first.sync(&[]);
    let second = Machine::new(&kept);
    second.write("region=0/run_00000/f.parquet", "own work");
    let run = second.run(&["pull", "--layer", "bronze"]).code(15);
    assert!(run.stdout.contains("never synced"), "{run:?}");
    assert_eq!(second.files()["region=0/run_00000/f.parquet"], b"own work");
    assert_eq!(second.files().len(), 3);
}

#[test]
fn nothing_is_written_outside_of_the_layers_folder() {
    let kept = Kept::folder();
    let first = Machine::new(&kept);
    first.fill(2);
    first.sync(&[]);
    // The store's copy of the manifest is hostile, and so are links in the folder.
    let Kept::Folder(store) = &kept else { panic!("a folder store") };
    let copy = store.path().join("bronze/metadata/manifests/bronze.json");
    let text = fs::read_to_string(&copy)
        .unwrap()
        .replace("data/bronze/region=0/run_00000/f.parquet", "data/bronze/../../escaped.parquet");
    fs::write(&copy, text).unwrap();
    let second = Machine::new(&kept);
    let outside = TempDir::new().unwrap();
    symlink(outside.path(), second.path("region=1")).unwrap();
    let run = second.run(&["pull", "--layer", "bronze"]);
    assert!(!second.folder.path().join("escaped.parquet").exists());
    assert!(!second.folder.path().join("data/escaped.parquet").exists());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "{run:?}");
    assert_eq!(run.status, Some(15), "{run:?}");
}

#[test]
fn a_damaged_object_is_not_taken() {
    let kept = Kept::folder();
    let first = Machine::new(&kept);
    first.fill(2);
    first.sync(&[]);
    // The same size and version, another content: only the digest of the manifest tells.
    let Kept::Folder(store) = &kept else { panic!("a folder store") };
    let copy = store.path().join("bronze/metadata/manifests/bronze.json");
    let manifest: Value = serde_json::from_str(&fs::read_to_string(&copy).unwrap()).unwrap();
    let key = "data/bronze/region=0/run_00000/f.parquet";
    let digest = manifest["synced_files"][key]["sha256"].as_str().unwrap();
    let text = fs::read_to_string(&copy).unwrap().replace(digest, &"0".repeat(64));
    fs::write(&copy, text).unwrap();
    let second = Machine::new(&kept);
    let run = second.run(&["pull", "--layer", "bronze"]).code(15);
    assert!(run.stdout.contains("SHA-256"), "{run:?}");
    assert_eq!(second.files().len(), 1);
}

#[test]
fn what_killed_pulls_have_left_goes() {
    let kept = Kept::folder();
    kept.put("a/x.parquet", "x");
    let machine = Machine::new(&kept);
    let names = ["a/.tidegate.old.part", "a/.tidegate.new.part"];
    for name in names {
        machine.write(name, "half");
    }
    set_time(&machine.path(names[0]), 1_000_000_000);
    machine.run(&["pull", "--layer", "bronze"]).success();
    assert_eq!(names.map(|name| machine.path(name).exists()), [false, true]);
    assert_eq!(machine.files()["a/x.parquet"], b"x");
}
