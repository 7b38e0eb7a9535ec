//! Manifests: of the field, damaged, lost, from elsewhere.

use super::*;

/// A manifest as the field's tools write it.
fn of_the_field(machine: &Machine, blob_path: impl Fn(&str) -> String) -> String {
    let entries: serde_json::Map<String, Value> = machine
        .files()
        .iter()
        .map(|(path, content)| {
            let entry = serde_json::json!({
                "blob_path": blob_path(path),
                "size": content.len(),
                "synced_at": "2026-02-07T19:53:58",
            });
            (format!("data/bronze/{path}"), entry)
        })
        .collect();
    let manifest = serde_json::json!({
        "synced_files": entries,
        "last_sync": "2026-02-07T19:54:00",
        "tool": {"version": 2},
    });
    serde_json::to_string_pretty(&manifest).unwrap()
}

#[test]
fn a_manifest_of_the_field_is_taken_over_without_an_upload() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(12);
    for (path, content) in machine.files() {
        kept.put(&format!("old/{path}"), &String::from_utf8(content).unwrap());
    }
    machine.write_manifest(&of_the_field(&machine, |path| format!("old/{path}")));
    let status = machine.run(&["sync", "--layer", "status", "--json"]).success().json();
    assert_eq!(
        (
            &status["local_files"],
            &status["synced_files"],
            &status["pending_files"],
            &status["last_sync"]
        ),
        (&12.into(), &12.into(), &0.into(), &"2026-02-07T19:54:00".into())
    );
    let plan = machine.run(&["sync", "--layer", "bronze", "--plan"]).success();
    assert!(plan.stderr.contains("`tidegate sync --force --layer bronze`"), "{plan:?}");
    assert_eq!(machine.sync(&[]), (0, 12, 0));
    let manifest = machine.manifest();
    assert_eq!(manifest["tool"]["version"], 2);
    for (path, entry) in manifest["synced_files"].as_object().unwrap() {
        let below = path.strip_prefix("data/bronze/").unwrap();
        assert_eq!(entry["blob_path"], format!("old/{below}"));
        assert_eq!(entry["synced_at"], "2026-02-07T19:53:58");
        assert!(entry["sha256"].is_null(), "nobody knows what was sent");
        assert!(entry["mtime"].is_f64());
    }
    // A change goes to where the file is.
    machine.write("region=0/run_00000/f.parquet", "changed");
    assert_eq!(machine.sync(&[]), (1, 11, 0));
    assert_eq!(kept.objects()["old/region=0/run_00000/f.parquet"], b"changed");
    let other = Machine::new(&kept);
    other.run(&["pull", "--layer", "bronze"]).success();
    assert_eq!(other.files(), machine.files());
}

#[test]
fn a_damaged_manifest_is_set_aside_and_made_anew_from_the_listing() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(9);
    machine.sync(&[]);
    let whole = machine.manifest_text();
    for damaged in [&whole[..whole.len() / 2], "", "[1]", "{\"synced_files\": 7}", "\0\0\0"] {
        machine.write_manifest(damaged);
        fs::remove_file(kept_path(&kept, "metadata/manifests/bronze.json")).unwrap();
        let run = machine.run(&["sync", "--layer", "bronze", "--json"]).success();
        assert!(
            run.stderr.contains("is no manifest") && run.stderr.contains("damaged-"),
            "{run:?}"
        );
        assert_eq!((&run.json()["uploaded"], &run.json()["skipped"]), (&0.into(), &9.into()));
        assert_eq!(machine.manifest()["synced_files"].as_object().unwrap().len(), 9);
    }
    let aside = fs::read_dir(machine.folder.path().join("data/metadata")).unwrap();
    let aside = aside.filter(|entry| {
        entry.as_ref().unwrap().file_name().to_str().unwrap().contains(".damaged-")
    });
    assert!(aside.count() > 0);
    assert_eq!(machine.sync(&["--checksum"]), (0, 9, 0));
}

fn kept_path(kept: &Kept, below: &str) -> PathBuf {
    match kept {
        Kept::Folder(folder) => folder.path().join("bronze").join(below),
        Kept::Azure(_) | Kept::S3(_) => panic!("only folders have paths"),
    }
}

#[test]
fn a_lost_manifest_comes_from_the_store() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(9);
    machine.sync(&[]);
    // The time of a file that was written just now is not relied on yet, so it may come later.
    let noted = || {
        let mut files = machine.manifest()["synced_files"].clone();
        for entry in files.as_object_mut().unwrap().values_mut() {
            entry.as_object_mut().unwrap().remove("mtime");
        }
        files
    };
    let before = noted();
    machine.forget_manifest();
    assert_eq!(machine.sync(&[]), (0, 9, 0));
    assert_eq!(noted(), before);
    // Without the copy, too: then sizes decide.
    machine.forget_manifest();
    fs::remove_file(kept_path(&kept, "metadata/manifests/bronze.json")).unwrap();
    machine.write("region=0/run_00000/f.parquet", "larger than before");
    assert_eq!(machine.sync(&[]), (1, 8, 0));
}

#[test]
fn an_object_that_others_replaced_is_found_by_checksum() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(4);
    machine.sync(&[]);
    kept.put("region=1/run_00001/f.parquet", "content X");
    fs::remove_file(kept_path(&kept, "region=2/run_00002/f.parquet")).unwrap();
    assert_eq!(machine.sync(&[]), (0, 4, 0));
    assert_eq!(machine.sync(&["--checksum"]), (2, 2, 0));
    assert_eq!(kept.objects(), machine.files());
}

#[test]
fn everything_is_sent_again_by_force() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(6);
    machine.sync(&[]);
    kept.put("region=1/run_00001/f.parquet", "content X");
    assert_eq!(machine.sync(&["--force"]), (6, 0, 0));
    assert_eq!(kept.objects(), machine.files());
    assert_eq!(machine.sync(&[]), (0, 6, 0));
}

#[test]
fn a_large_manifest_has_a_journal_until_its_end() {
    let kept = Kept::folder();
    let machine = Machine::new(&kept);
    machine.fill(3);
    let entry = |n: u32| {
        format!(
            "\"data/silver/{n:07}.parquet\": {{\"blob_path\": \"{n:07}.parquet\", \"size\": 1, \"synced_at\": \"2026-02-07T19:53:58\"}}"
        )
    };
    let entries: Vec<String> = (0..30_000).rev().map(entry).collect();
    machine.write_manifest(&format!(
        "{{\"synced_files\": {{{}}}, \"last_sync\": null}}",
        entries.join(",")
    ));
    assert_eq!(machine.sync(&[]), (3, 0, 0));
    assert_eq!(machine.manifest()["synced_files"].as_object().unwrap().len(), 30_003);
    // A killed sync leaves a journal, with half a line at its end.
    let journal = machine.folder.path().join(format!("{MANIFEST}.journal"));
    assert!(!journal.exists());
    let text = machine.manifest_text();
    let line = text
        .lines()
        .find(|line| line.contains("run_00000"))
        .unwrap()
        .trim()
        .trim_end_matches(',')
        .to_owned();
    let without: String =
        text.lines().filter(|line| !line.contains("run_00000")).collect::<Vec<_>>().join("\n");
    machine.write_manifest(&without);
    fs::write(&journal, format!("{{{line}}}\n{{\"data/bronze/half")).unwrap();
    assert_eq!(machine.sync(&[]), (0, 3, 0));
    assert_eq!(machine.manifest()["synced_files"].as_object().unwrap().len(), 30_003);
}

#[test]
fn links_beside_the_manifest_are_not_followed() {
    for end in ["", ".lock", ".journal"] {
        let kept = Kept::folder();
        let machine = Machine::new(&kept);
        machine.fill(1);
        let outside = TempDir::new().unwrap();
        let victim = outside.path().join("victim");
        fs::write(&victim, "own").unwrap();
        let link = machine.folder.path().join(format!("{MANIFEST}{end}"));
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(&victim, link).unwrap();
        let run = machine.run(&["sync", "--layer", "bronze"]).code(10);
        assert!(run.stderr.contains("leads out of the repository"), "{end}: {run:?}");
        assert_eq!(fs::read(&victim).unwrap(), b"own", "{end}");
    }
}
