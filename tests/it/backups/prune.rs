//! Old backups go, and the newest that is whole never does.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::{Kind, Place};

/// Gives a backup another time: in its name, its description and on the disk.
fn age(place: &Place, name: &str, stamp: &str) -> String {
    let (stem, extension) = name.rsplit_once('.').unwrap();
    let new = format!("{}{stamp}.{extension}", &stem[..stem.len() - stamp.len()]);
    for end in ["", ".json"] {
        let to = place.backups().join(format!("{new}{end}"));
        fs::rename(place.backups().join(format!("{name}{end}")), &to).unwrap();
        let old = SystemTime::now() - Duration::from_hours(24 * 90);
        fs::File::options().write(true).open(to).unwrap().set_modified(old).unwrap();
    }
    new
}

fn aged(place: &Place, stamps: &[&str]) -> Vec<String> {
    stamps
        .iter()
        .map(|stamp| {
            let name = place.back_up();
            age(place, &name, stamp)
        })
        .collect()
}

const BACKUP: &str = "  backup: { keep_days: 30, keep_last: 2 }\n";

#[test]
fn old_backups_go_and_the_rest_says_why_it_stays() {
    let place = Place::with(Kind::Sqlite, BACKUP);
    place.fill(1);
    let old = aged(&place, &["20200101_000000", "20200102_000000", "20200103_000000"]);
    let newest = place.back_up();
    let plan = place.run(&["backup", "--prune", "--plan"]).success();
    assert!(plan.stdout.contains("among the newest 2"), "{}", plan.stdout);
    assert_eq!(place.kept().len(), 8, "a plan deletes nothing");
    place.run(&["backup", "--prune"]).code(2);
    let said = place.run(&["backup", "--prune", "-y", "--json"]).success().json();
    assert_eq!((&said["schema"], &said["removed"]), (&"tidegate/backup-prune/1".into(), &2.into()));
    let files = [&old[2], &newest].map(|name| [name.clone(), format!("{name}.json")]).concat();
    assert_eq!(place.kept(), files);
    let again = place.run(&["backup", "--prune", "-y"]).success();
    assert!(again.stdout.contains("nothing is old enough"), "{}", again.stdout);
}

#[test]
fn the_newest_whole_backup_stays_when_newer_ones_are_damaged() {
    let place = Place::with(Kind::Sqlite, "  backup: { keep_days: 0, keep_last: 1 }\n");
    place.fill(1);
    let old = aged(&place, &["20200101_000000", "20200102_000000", "20200103_000000"]);
    // One was cut short, and one was not finished: it has a note and no description.
    let cut = fs::File::options().write(true).open(place.backups().join(&old[1])).unwrap();
    cut.set_len(100).unwrap();
    let end = |end: &str| place.backups().join(format!("{}.{end}", old[2]));
    fs::rename(end("json"), end("unfinished")).unwrap();
    place.run(&["backup", "--prune", "-y"]).success();
    let list = place.list();
    let whole: Vec<&Value> = list.iter().filter(|backup| backup["verified"] == true).collect();
    assert_eq!(whole.len(), 1, "{list:?}");
    assert_eq!(whole[0]["name"], old[0].as_str());
    place.run(&["backup", "--restore", "latest", "-y"]).success();
}

#[test]
fn a_clock_that_was_set_back_does_not_hide_the_newest() {
    let place = Place::new(Kind::Sqlite);
    place.fill(1);
    let wrong = aged(&place, &["20990101_000000"]);
    place.fill(2);
    let right = place.back_up();
    let names: Vec<Value> = place.list().iter().map(|backup| backup["name"].clone()).collect();
    assert_eq!(names, [right.as_str(), wrong[0].as_str()]);
    place.fill(3);
    place.run(&["backup", "--restore", "latest", "-y"]).success();
    assert_eq!(place.rows(), 2);
    place.run(&["backup", "--prune", "-y"]).success();
    assert_eq!(place.list().len(), 2, "nothing is deleted by a clock that nobody can trust");
}

#[test]
fn nothing_goes_before_the_newest_that_stays_is_proved() {
    let place = Place::with(Kind::Sqlite, BACKUP);
    place.fill(1);
    aged(&place, &["20200101_000000", "20200102_000000", "20200103_000000"]);
    let newest = place.back_up();
    let before = place.kept();
    // Of the same size, and other bytes: its description still agrees with the list.
    let file = place.backups().join(&newest);
    let size = fs::metadata(&file).unwrap().len();
    fs::write(&file, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
    let run = place.run(&["backup", "--prune", "-y"]).code(14);
    assert!(run.stderr.contains(&newest) && run.stderr.contains("SHA-256"), "{}", run.stderr);
    assert_eq!(place.kept(), before);
}

#[test]
fn copies_that_another_program_made_are_listed_and_never_deleted() {
    let place = Place::with(Kind::Sqlite, "  backup: { keep_days: 0, keep_last: 1 }\n");
    place.fill(1);
    let old = aged(&place, &["20200101_000000"]);
    let newest = place.back_up();
    let copies = ["sales_20200104_030000.db", "sales_20200105_030000.db"];
    for copy in copies {
        let file = place.backups().join(copy);
        fs::copy(place.path(), &file).unwrap();
        let old = SystemTime::now() - Duration::from_hours(48);
        fs::File::options().write(true).open(file).unwrap().set_modified(old).unwrap();
    }
    // What a newer program wrote, nobody here can judge.
    let newer = "sales_20200106_030000.db";
    fs::write(place.backups().join(newer), "x").unwrap();
    fs::write(place.backups().join(format!("{newer}.json")), "{\"format\": 99}").unwrap();
    let list = place.run(&["backup", "--list"]).success();
    assert_eq!(list.stdout.matches("not made by tidegate").count(), 2, "{}", list.stdout);
    let run = place.run(&["backup", "--prune", "-y"]).success();
    assert!(run.stdout.contains("not made by tidegate"), "{}", run.stdout);
    let kept = place.kept();
    let expected = [
        copies[0].to_owned(),
        copies[1].to_owned(),
        newer.to_owned(),
        format!("{newer}.json"),
        newest.clone(),
        format!("{newest}.json"),
    ];
    assert_eq!(kept, expected, "{} goes, and nothing else", old[0]);
    let run = place.run(&["backup", "--restore", copies[0], "-y"]).code(14);
    assert!(run.stderr.contains("another program made it"), "{}", run.stderr);
    let run = place.run(&["backup"]).success();
    assert!(!run.stderr.contains("removed"), "{}", run.stderr);
}

#[test]
fn what_a_killed_deletion_leaves_is_removed_by_the_next_backup() {
    let place = Place::with(Kind::Sqlite, "  backup: { keep_days: 0, keep_last: 1 }\n");
    place.fill(1);
    let name = place.back_up();
    // Between its description and its file.
    let owner = fs::read(place.folder.path().join(".tidegate-sales.db.backup-lock")).unwrap();
    fs::write(place.backups().join(format!("{name}.unfinished")), owner).unwrap();
    fs::remove_file(place.backups().join(format!("{name}.json"))).unwrap();
    let newest = place.back_up();
    assert_eq!(place.kept(), [newest.clone(), format!("{newest}.json")]);
}
