//! A backup holds what the database held, and brings it back.

use std::fs;

use super::{Kind, Place, Server, names, rows};

#[test]
fn a_backup_brings_back_what_was_there_and_keeps_what_it_replaces() {
    for kind in Kind::EACH {
        let place = Place::new(kind);
        place.fill(3);
        let first = place.back_up();
        assert!(first.starts_with("sales_2"), "{first}");
        assert_eq!(place.kept(), [first.clone(), format!("{first}.json")], "{kind:?}");
        place.fill(5);
        let plan = place.run(&["backup", "--restore", "latest", "--plan"]).success();
        assert!(plan.stdout.contains("nothing was changed"), "{}", plan.stdout);
        assert_eq!(place.rows(), 5, "a plan changes nothing");
        let refused = place.run(&["backup", "--restore", "latest"]).code(2);
        assert!(refused.stderr.contains("--yes"), "{}", refused.stderr);
        let said = place.run(&["backup", "--restore", &first, "-y", "--json"]).success().json();
        assert_eq!(said["schema"], "tidegate/backup-restore/1");
        assert_eq!(place.rows(), 3, "{kind:?}");
        let safety = said["safety_copy"].as_str().expect("a safety copy");
        assert_eq!(rows(kind, safety.as_ref()), 5, "what was replaced");
    }
}

#[test]
fn a_database_that_is_gone_comes_back() {
    for kind in Kind::EACH {
        let place = Place::new(kind);
        place.fill(4);
        place.back_up();
        fs::remove_file(place.path()).unwrap();
        let run = place.run(&["backup"]).code(10);
        assert!(run.stderr.contains("--restore latest"), "{}", run.stderr);
        let run = place.run(&["backup", "--restore", "latest", "-y"]).success();
        assert!(!run.stdout.contains("is kept as"), "{}", run.stdout);
        assert_eq!(place.rows(), 4);
    }
}

#[test]
fn stores_of_servers_keep_backups() {
    for server in Server::each() {
        for kind in Kind::EACH {
            let place = server.place(kind);
            place.fill(6);
            let name = place.back_up();
            place.fill(2);
            place.back_up();
            let list = place.list();
            assert_eq!(list.len(), 2, "{list:?}");
            assert!(list.iter().all(|backup| backup["verified"] == true), "{list:?}");
            assert_eq!((&list[0]["rows"], &list[1]["rows"]), (&2.into(), &6.into()));
            place.run(&["backup", "--verify-all"]).success();
            place.run(&["backup", "--restore", &name, "-y"]).success();
            assert_eq!(place.rows(), 6);
            let beside = names(place.folder.path(), |name| name.contains("scratch"));
            assert_eq!(beside, [""; 0], "nothing is left here");
        }
    }
}

#[test]
fn the_log_beside_a_replaced_database_is_not_played_into_the_backup() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    place.back_up();
    // A process that was killed leaves a log: a copy of one that is in use stands for it.
    let live = rusqlite::Connection::open(place.path()).unwrap();
    live.execute_batch("pragma journal_mode = wal; pragma wal_autocheckpoint = 0; insert into sales values (9, 'in the log')").unwrap();
    let copies: Vec<(std::path::PathBuf, Vec<u8>)> = ["", "-wal"]
        .map(|end| {
            let file = place.folder.path().join(format!("sales.db{end}"));
            (file.clone(), fs::read(file).unwrap())
        })
        .into();
    drop(live);
    for (file, bytes) in copies {
        fs::write(file, bytes).unwrap();
    }
    let said = place.run(&["backup", "--restore", "latest", "-y", "--json"]).success().json();
    assert_eq!(place.rows(), 3);
    let safety = said["safety_copy"].as_str().unwrap();
    assert_eq!(rows(Kind::Sqlite, safety.as_ref()), 4, "the row of the log is in the safety copy");
}

#[test]
fn the_log_of_a_lost_database_is_kept() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    place.back_up();
    std::fs::remove_file(place.path()).unwrap();
    for end in ["-wal", "-journal"] {
        std::fs::write(place.folder.path().join(format!("sales.db{end}")), end).unwrap();
    }
    let said = place.run(&["backup", "--restore", "latest", "-y", "--json"]).success().json();
    assert_eq!(place.rows(), 3);
    assert_eq!(said["safety_copy"], serde_json::Value::Null);
    let logs = said["kept_logs"].as_array().unwrap();
    let kept = logs.iter().map(|log| std::fs::read_to_string(log.as_str().unwrap()).unwrap());
    assert_eq!(kept.collect::<Vec<_>>(), ["-wal", "-journal"]);
    assert!(!place.folder.path().join("sales.db-journal").exists());
}

#[test]
fn times_and_days_name_backups() {
    let place = Place::new(Kind::Sqlite);
    place.fill(1);
    let name = place.back_up();
    place.fill(2);
    let day = format!("{}-{}-{}", &name[6..10], &name[10..12], &name[12..14]);
    place.run(&["backup", "--restore", &day, "-y"]).success();
    assert_eq!(place.rows(), 1);
    let run = place.run(&["backup", "--restore", "2001-01-01", "-y"]).code(10);
    assert!(run.stderr.contains("or before"), "{}", run.stderr);
    let run = place.run(&["backup", "--restore", "other_20260207_195358.db", "-y"]).code(10);
    assert!(run.stderr.contains("--list"), "{}", run.stderr);
    assert_eq!(place.rows(), 1);
}

#[test]
fn a_day_ends_before_the_next_one_begins() {
    let place = Place::new(Kind::Sqlite);
    place.fill(1);
    let name = place.back_up();
    // The same backup, made at the first second of the next day.
    for end in ["", ".json"] {
        let from = place.backups().join(format!("{name}{end}"));
        fs::rename(from, place.backups().join(format!("sales_20260208_000000.db{end}"))).unwrap();
    }
    let run = place.run(&["backup", "--restore", "2026-02-07", "-y"]).code(10);
    assert!(run.stderr.contains("from 2026-02-07 or before"), "{}", run.stderr);
    for choice in ["2026-02-08", "2026-02-08T00:00:00Z"] {
        place.run(&["backup", "--restore", choice, "-y"]).success();
    }
}
