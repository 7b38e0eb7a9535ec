//! A database of SQLite in WAL mode, whose readers go on beside writers, is that again after a restore.

use std::fs;

use rusqlite::Connection;

use super::{Kind, Place};

fn mode(place: &Place) -> String {
    let connection = Connection::open(place.path()).unwrap();
    connection.query_row("pragma journal_mode", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_is_restored_has_the_journal_that_it_had() {
    for wanted in ["wal", "delete"] {
        let place = Place::new(Kind::Sqlite);
        place.sql(&format!("pragma journal_mode = {wanted}"));
        place.fill(3);
        let name = place.back_up();
        // One file: a reader of it needs to write nothing beside it.
        let copy = fs::read(place.backups().join(&name)).unwrap();
        assert_eq!(copy[18..20], [1, 1]);
        place.fill(5);
        place.run(&["backup", "--restore", "latest", "-y"]).success();
        assert_eq!((place.rows(), mode(&place).as_str()), (3, wanted));
        let beside = super::names(place.folder.path(), |name| name.starts_with("sales.db-"));
        assert_eq!(beside, [""; 0]);
        // Where it is gone, nothing but the backup tells it.
        fs::remove_file(place.path()).unwrap();
        place.run(&["backup", "--restore", "latest", "-y"]).success();
        assert_eq!((place.rows(), mode(&place).as_str()), (3, wanted));
    }
}

#[test]
fn a_backup_that_does_not_tell_its_journal_gets_that_of_the_file_it_replaces() {
    let place = Place::new(Kind::Sqlite);
    place.fill(3);
    let name = place.back_up();
    let description = place.backups().join(format!("{name}.json"));
    let text = fs::read_to_string(&description).unwrap();
    let old: Vec<&str> = text.lines().filter(|line| !line.contains("\"wal\"")).collect();
    fs::write(&description, old.join("\n")).unwrap();
    place.sql("pragma journal_mode = wal");
    place.run(&["backup", "--restore", "latest", "-y"]).success();
    assert_eq!((place.rows(), mode(&place).as_str()), (3, "wal"));
}
