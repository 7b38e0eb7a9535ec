//! Which engine a database has: its ending says it, and what a file is has to go with that.

use tempfile::TempDir;

use super::{Desk, GOOD, sales};
use crate::harness::duckdb;

/// A folder with rows to import, and the database of that name.
fn desk(database: &'static str) -> Desk {
    let desk = Desk { folder: TempDir::new().unwrap(), database };
    desk.write("sales.csv", &sales(&GOOD));
    desk
}

#[test]
fn a_file_of_duckdb_with_an_ending_of_sqlite_is_told_from_one() {
    for plan in [&[][..], &["--plan"]] {
        let desk = desk("dk.db");
        let newest = duckdb::COMMANDS[duckdb::COMMANDS.len() - 1];
        duckdb::run(newest, &desk.path("dk.duckdb"), "create table t (n integer)");
        std::fs::rename(desk.path("dk.duckdb"), desk.path("dk.db")).unwrap();
        let said = desk.import(&[&["sales", "sales.csv"], plan].concat()).code(10).stderr;
        assert!(said.contains("cannot open dk.db: it is a DuckDB file"), "{said}");
        assert!(said.contains("rename it to dk.duckdb"), "{said}");
    }
}

#[test]
fn a_file_of_sqlite_with_an_ending_of_duckdb_is_told_from_one() {
    for database in ["sq.duckdb", "sq.DDB"] {
        let desk = desk(database);
        rusqlite::Connection::open(desk.path(database))
            .unwrap()
            .execute_batch("create table t (n integer)")
            .unwrap();
        let said = desk.import(&["sales", "sales.csv"]).code(10).stderr;
        assert!(said.contains(&format!("cannot open {database}: it is a SQLite file")), "{said}");
        assert!(said.contains("rename it to sq.db"), "{said}");
        assert!(!said.contains("extension"), "{said}");
    }
}

#[test]
fn a_database_is_made_only_where_its_ending_says_which() {
    for database in ["x.parquet", "x.csv", "x.json", "x", "x.duck"] {
        for plan in [&[][..], &["--plan"]] {
            let desk = desk(database);
            let said = desk.import(&[&["sales", "sales.csv"], plan].concat()).code(10).stderr;
            assert!(
                said.contains(&format!("cannot open {database}: there is no such file")),
                "{said}"
            );
            assert!(said.contains(".duckdb") && said.contains(".sqlite"), "{said}");
            assert!(!desk.path(database).exists(), "{database}");
        }
    }
    // One that is there has the name that somebody gave it.
    let desk = desk("app.data");
    rusqlite::Connection::open(desk.path("app.data"))
        .unwrap()
        .execute_batch("create table t (n integer)")
        .unwrap();
    desk.import(&["sales", "sales.csv"]).success();
    for database in ["x.DB", "x.sqlite3", "x.DuckDB"] {
        let desk = self::desk(database);
        desk.import(&["sales", "sales.csv"]).success();
        assert!(desk.path(database).exists(), "{database}");
    }
}
