//! What an import does to a `SQLite` database that was there before it.

use rusqlite::Connection;

use super::*;

fn mode(desk: &Desk) -> String {
    let open = Connection::open(desk.path(desk.database)).unwrap();
    open.query_row("pragma journal_mode", [], |row| row.get(0)).unwrap()
}

fn desk(sql: &str) -> Desk {
    let [desk, _] = desks();
    desk.write("sales.csv", &sales(&GOOD));
    Connection::open(desk.path(desk.database)).unwrap().execute_batch(sql).unwrap();
    desk
}

#[test]
fn it_is_put_into_wal_mode_which_is_said_once() {
    let desk = desk("create table other (a integer)");
    assert_eq!(mode(&desk), "delete");
    desk.import(&["sales", "sales.csv", "--plan"]).success();
    assert_eq!(mode(&desk), "delete", "a plan changes nothing");
    let run = desk.import(&["sales", "sales.csv"]).success();
    assert!(run.stderr.contains("put into WAL mode"), "{}", run.stderr);
    assert_eq!(mode(&desk), "wal");
    let run = desk.import(&["sales", "sales.csv"]).success();
    assert!(!run.stderr.contains("WAL"), "{}", run.stderr);
}

#[test]
fn a_mode_that_somebody_reads_in_stays_and_the_process_is_named() {
    let desk = desk("create table other (a integer); insert into other values (1), (2)");
    let reader = Connection::open(desk.path(desk.database)).unwrap();
    let mut statement = reader.prepare("select a from other").unwrap();
    let mut rows = statement.query([]).unwrap();
    assert!(rows.next().unwrap().is_some());
    let run = desk.import(&["sales", "sales.csv", "--wait", "1s"]).code(8);
    let named = format!("process {}", std::process::id());
    assert!(run.stderr.contains(&named) && run.stderr.contains("--wait 10m"), "{}", run.stderr);
    drop(rows);
    drop(statement);
    drop(reader);
    assert_eq!(mode(&desk), "delete");
    desk.import(&["sales", "sales.csv"]).success();
    assert_eq!(mode(&desk), "wal");
}

#[test]
fn a_table_of_somebody_else_with_the_name_of_ours_is_said() {
    for desk in desks() {
        desk.write("sales.csv", &sales(&GOOD));
        desk.sql("create table tidegate_imports (x integer)");
        let run = desk.import(&["sales", "sales.csv"]).code(10);
        assert!(run.stderr.contains("rename the table"), "{}", run.stderr);
        assert!(!run.stderr.contains("Binder"), "{}", run.stderr);
        assert_eq!(desk.sql("select count(*) as n from tidegate_imports"), ["0"]);
    }
}
