//! A source that changes while the database is waited for.

use std::time::{Duration, Instant};

use super::{Desk, GOOD, Reader, desks, sales};
use crate::harness::duckdb;
use crate::harness::tidegate::Tidegate;

/// Keeps writers out of the database, until it is dropped.
fn hold(desk: &Desk) -> Box<dyn std::any::Any> {
    if desk.database == "app.duckdb" {
        return Box::new(Reader::open(desk));
    }
    let connection = rusqlite::Connection::open(desk.path(desk.database)).unwrap();
    connection.execute_batch("begin immediate").unwrap();
    Box::new(connection)
}

/// Tells whether a running import has checked all its rows.
fn is_checked(desk: &Desk) -> bool {
    let folders = std::fs::read_dir(desk.path("tmp")).unwrap().flatten();
    let mut spools = folders.map(|folder| folder.path().join("rows.csv"));
    spools.any(|spool| spool.metadata().is_ok_and(|spool| spool.len() > 0))
}

#[test]
fn the_rows_and_the_rejects_are_those_that_were_read() {
    for desk in desks() {
        desk.write("first.csv", &sales(&GOOD[..1]));
        desk.import(&["sales", "first.csv"]).success();
        // One that is bad by itself, and one that only the database finds.
        let text = sales(&[GOOD[0], "2026-02-03,3,Kettle,0,20,0,west", GOOD[1], GOOD[1]]);
        for changed in [text.clone() + GOOD[2] + "\n", sales(&[GOOD[2]]), String::new()] {
            desk.write("sales.csv", &text);
            let held = hold(&desk);
            let (mut child, _home) = Tidegate::new()
                .args(["data", "import", "sales", "sales.csv", "--accept-good-rows"])
                .args(["--wait", "5m", "--rejects", "r.csv"])
                .env("DATABASE_PATH", desk.database)
                .env("TMPDIR", desk.path("tmp"))
                .env("PATH", duckdb::path())
                .current_dir(desk.folder.path())
                .start();
            let until = Instant::now() + Duration::from_mins(2);
            while !is_checked(&desk) {
                assert_eq!(child.try_wait().unwrap(), None, "it ended before it had checked");
                assert!(Instant::now() < until, "it did not come so far");
                std::thread::sleep(Duration::from_millis(1));
            }
            desk.write("sales.csv", &changed);
            drop(held);
            assert_eq!(child.wait().unwrap().code(), Some(0));
            let rejects = desk.read("r.csv");
            let lines: Vec<&str> = rejects.lines().skip(1).collect();
            assert!(lines[0].starts_with("2026-02-03,3,Kettle,0,20,0,west,line 3: "), "{rejects}");
            assert!(lines[1].starts_with(&format!("{},\"line 5: ", GOOD[1])), "{rejects}");
            assert_eq!(lines.len(), 2, "{rejects}");
            assert_eq!(desk.sql("select user_id from sales order by user_id"), ["1", "2"]);
        }
    }
}

#[test]
fn rejects_that_fail_after_the_rows_were_written_say_so() {
    for desk in desks() {
        desk.write("first.csv", &sales(&GOOD[..1]));
        desk.import(&["sales", "first.csv"]).success();
        desk.write("sales.csv", &sales(&[GOOD[1], "2026-02-03,3,Kettle,0,20,0,west"]));
        std::fs::create_dir(desk.path("out")).unwrap();
        let held = hold(&desk);
        let args =
            ["sales", "sales.csv", "--accept-good-rows", "--rejects", "out/r.csv", "--wait", "5m"];
        std::thread::scope(|scope| {
            let import = scope.spawn(|| desk.import(&args));
            let until = Instant::now() + Duration::from_mins(2);
            while !is_checked(&desk) {
                assert!(Instant::now() < until, "it did not come so far");
                std::thread::sleep(Duration::from_millis(1));
            }
            std::fs::remove_dir_all(desk.path("out")).unwrap();
            drop(held);
            let run = import.join().unwrap().code(15);
            let said =
                "the good rows were imported, and the bad ones cannot be written to out/r.csv";
            assert!(run.stderr.contains(said), "{}", run.stderr);
        });
        assert_eq!(desk.sql("select user_id from sales order by user_id"), ["1", "2"]);
    }
}
