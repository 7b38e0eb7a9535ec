//! A backup that is damaged is told, and never put in place.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};

use super::{Kind, Place, names};

#[test]
fn damaged_backups_are_named_and_not_restored() {
    for kind in Kind::EACH {
        let place = Place::new(kind);
        place.fill(200);
        let good = place.back_up();
        let bad = place.back_up();
        let file = place.backups().join(&bad);
        let mut open = fs::File::options().write(true).open(&file).unwrap();
        open.seek(SeekFrom::Start(fs::metadata(&file).unwrap().len() / 2)).unwrap();
        open.write_all(b"not what was here").unwrap();
        drop(open);
        let run = place.run(&["backup", "--verify-all"]).code(14);
        assert!(run.stdout.contains(&format!("✗ {bad}")), "{}", run.stdout);
        assert!(run.stdout.contains(&format!("✓ {good}")), "{}", run.stdout);
        // A list reads nothing, and says no more than it knows.
        let list = place.run(&["backup", "--list"]).success();
        assert_eq!(list.stdout.matches("verified when made").count(), 2, "{}", list.stdout);
        let before = fs::read(place.path()).unwrap();
        let run = place.run(&["backup", "--restore", "latest", "-y"]).code(14);
        assert!(run.stderr.contains("SHA-256"), "{}", run.stderr);
        assert_eq!(fs::read(place.path()).unwrap(), before, "the database is as it was");
        let beside = names(place.folder.path(), |name| name.contains("before_restore"));
        assert_eq!(beside, [""; 0]);
    }
}

#[test]
fn a_file_whose_description_agrees_is_opened_all_the_same() {
    // Whoever wrote both: the engine decides.
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    let name = place.back_up();
    let described = place.backups().join(format!("{name}.json"));
    let mut text: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&described).unwrap()).unwrap();
    let bytes = b"this is no database, although its digest is right";
    fs::write(place.backups().join(&name), bytes).unwrap();
    text["size"] = bytes.len().into();
    text["sha256"] = hex(bytes).into();
    fs::write(&described, text.to_string()).unwrap();
    let run = place.run(&["backup", "--restore", "latest", "-y"]).code(14);
    assert!(run.stderr.contains("cannot use it"), "{}", run.stderr);
    assert_eq!(place.rows(), 3);
}

#[test]
fn no_finished_backup_is_none_to_count_on() {
    let place = Place::new(Kind::Sqlite);
    place.fill(1);
    place.run(&["backup", "--verify-all"]).code(14);
    let name = place.back_up();
    place.run(&["backup", "--verify-all"]).success();
    fs::rename(
        place.backups().join(format!("{name}.json")),
        place.backups().join(format!("{name}.unfinished")),
    )
    .unwrap();
    let run = place.run(&["backup", "--verify-all"]).code(14);
    assert!(run.stdout.contains("has no finished backup"), "{}", run.stdout);
}

fn hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    format!("{:x}", sha2::Sha256::digest(bytes))
}

#[test]
fn a_description_of_another_kind_hides_no_other_backup() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    let good = place.back_up();
    for (stamp, text) in [
        ("20210101_000000", "{\"format\": 9}"),
        ("20210102_000000", "\u{1b}[31mno JSON"),
        ("20210103_000000", "{\"format\": 1, \"sha256\": \"../../etc\"}"),
    ] {
        let name = format!("sales_{stamp}.db");
        fs::write(place.backups().join(&name), "x").unwrap();
        fs::write(place.backups().join(format!("{name}.json")), text).unwrap();
    }
    let run = place.run(&["backup", "--verify-all"]).code(14);
    assert!(run.stdout.contains(&format!("✓ {good}")), "{}", run.stdout);
    assert!(!run.stdout.contains('\u{1b}'), "{:?}", run.stdout);
    place.run(&["backup", "--restore", "latest", "-y"]).success();
}
