//! Constraints that a table brings along.

use super::*;

/// Sales of users, one a day.
fn sales() -> Import {
    import(
        "days",
        json!({ "table": "sales", "columns": [
            { "name": "date", "type": "date" }, { "name": "user_id", "type": "integer", "nullable": true },
            { "name": "n", "type": "integer" }
        ] }),
    )
}

const SCHEMA: &str = "
    create table users (id integer primary key, name varchar);
    insert into users values (7, 'ana'), (8, 'ben');
    create table sales (date date not null, user_id integer references users (id), n integer check (n < 100), \
        unique (date, user_id));
    insert into sales values ('2026-02-01', 7, 1);";

#[tokio::test]
async fn rows_that_a_constraint_refuses_are_named() {
    let rows = [
        row(2, ["2026-02-01", "7", "1"]),
        row(3, ["2026-02-01", "7", "2"]),
        row(4, ["2026-02-02", "8", "3"]),
        row(5, ["2026-02-02", "8", "4"]),
        row(6, ["2026-02-02", "9", "5"]),
        row(7, ["2026-02-02", "NULL", "6"]),
        row(8, ["2026-02-02", "NULL", "7"]),
    ];
    let expected = [
        "3: date, user_id: 2026-02-01, 7: expected values that no other row of the table has",
        "5: date, user_id: 2026-02-02, 8: expected values that no other row has: see line 4",
        "6: user_id: 9: expected a value that users has as id",
    ];
    for engine in Engine::all() {
        let team = Team::new(engine, SCHEMA);
        let stopped = [LoadMode::Plan, LoadMode::All, LoadMode::Good(Some(MaxBad::Rows(2)))];
        for (mode, written) in
            stopped.map(|mode| (mode, false)).into_iter().chain([(LoadMode::Good(None), true)])
        {
            let loaded = team.try_load(&sales(), &rows, mode).await.unwrap();
            assert_eq!(faults(&loaded), expected, "{engine:?}: {mode:?}");
            assert_eq!((loaded.written, counts(&loaded)), (written, [3, 0, 1, 3]), "{engine:?}");
        }
        let query = "select n from sales order by n";
        assert_eq!(team.texts(query).await, ["1", "3", "6", "7"], "{engine:?}");
    }
}

#[tokio::test]
async fn rows_that_stay_as_they_are_are_not_asked() {
    let sales = |on_conflict: &str| {
        import(
            "days",
            json!({ "table": "sales", "key": ["n"], "on_conflict": on_conflict, "columns": [
                { "name": "date", "type": "date" }, { "name": "user_id", "type": "integer" },
                { "name": "n", "type": "integer" }
            ] }),
        )
    };
    let rows = [row(2, ["2026-02-02", "9", "1"]), row(3, ["2026-02-02", "8", "2"])];
    for engine in Engine::all() {
        let team = Team::new(engine, SCHEMA);
        let loaded = team.load(&sales("update"), &rows).await;
        assert_eq!(faults(&loaded), ["2: user_id: 9: expected a value that users has as id"]);
        let loaded = team.load(&sales("keep"), &rows).await;
        assert_eq!((loaded.written, counts(&loaded)), (true, [1, 0, 1, 0]), "{engine:?}");
    }
}

#[tokio::test]
async fn an_index_that_lets_nothing_in_twice_is_a_constraint() {
    let stock = import(
        "stock",
        json!({ "key": ["sku"], "columns": [
            { "name": "sku", "type": "text" }, { "name": "shelf", "type": "integer" }
        ] }),
    );
    let rows = [row(2, ["a", "1"]), row(3, ["b", "1"]), row(4, ["c", "2"])];
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table stock (sku varchar, shelf integer); create unique index one on stock (shelf)",
        );
        let loaded = team.load(&stock, &rows).await;
        let rule = "expected a value that no other row has: see line 2";
        assert_eq!(faults(&loaded), [format!("3: shelf: 1: {rule}")], "{engine:?}");
        assert_eq!(team.text("select count(*) from stock").await, "0", "{engine:?}");
    }
}

#[tokio::test]
async fn names_that_differ_in_case_only_are_one_where_the_table_says_so() {
    let team = Team::new(
        Engine::Sqlite,
        "create table users (id integer primary key, username text unique collate nocase, email text, role text, \
         password_hash text);
         insert into users values (1, 'ANA', 'ana@acme.example', 'admin', 'old');
         create unique index some on users (role) where role = 'owner'",
    );
    let rows = [
        user(2, "ana", "ana2@acme.example", "admin"),
        user(3, "Ben", "ben@acme.example", "user"),
        user(4, "ben", "ben2@acme.example", "user"),
    ];
    let loaded = team.try_load(&preset("users"), &rows, LoadMode::Good(None)).await.unwrap();
    assert_eq!(
        faults(&loaded),
        [
            "2: username: ana: expected a value that no other row of the table has",
            "4: username: ben: expected a value that no other row has: see line 3",
        ]
    );
    assert_eq!((loaded.written, counts(&loaded)), (true, [1, 0, 0, 2]));
}

#[tokio::test]
async fn a_fault_is_said_once_where_the_import_and_the_table_ask_the_same() {
    let team = Team::new(
        Engine::Sqlite,
        "create table users (id integer primary key, username text unique, email text unique collate nocase, \
         role text, password_hash text);
         insert into users values (1, 'ana', 'ana@acme.example', 'admin', 'old'), \
         (2, 'eva', 'Eva@acme.example', 'admin', 'old')",
    );
    let rows = [
        user(2, "ben", "ana@acme.example", "user"),
        user(3, "cem", "dan@acme.example", "user"),
        user(4, "dan", "dan@acme.example", "user"),
        user(5, "fay", "eva@acme.example", "user"),
    ];
    let loaded = team.try_load(&preset("users"), &rows, LoadMode::Good(None)).await.unwrap();
    let there = "expected a value that no other row of the table has";
    assert_eq!(
        faults(&loaded),
        [
            format!("2: email: ana@acme.example: {there}"),
            "4: email: dan@acme.example: expected a value that no other row has: see line 3"
                .to_owned(),
            format!("5: email: eva@acme.example: {there}"),
        ]
    );
    assert_eq!((loaded.written, counts(&loaded)), (true, [1, 0, 0, 3]));
}

#[tokio::test]
async fn what_cannot_be_foreseen_ends_with_the_name_of_the_constraint() {
    for engine in Engine::all() {
        let team = Team::new(engine, SCHEMA);
        let rows = [row(2, ["2026-02-02", "7", "2"]), row(3, ["2026-02-02", "8", "100"])];
        let error = team.try_load(&sales(), &rows, LoadMode::Good(None)).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Constraint { .. }), "{engine:?}: {error}");
        let said = error.to_string();
        for part in ["sales", "CHECK constraint", "n < 100", "nothing was written"] {
            assert!(said.contains(part), "{engine:?}: {part}: {said}");
        }
        assert!(!said.contains("tidegate_stage"), "{engine:?}: {said}");
        assert_eq!(team.text("select count(*) from sales").await, "1", "{engine:?}");
        assert_eq!(team.open().await.imports().await.unwrap(), [], "{engine:?}");
    }
}

#[tokio::test]
async fn a_column_that_computes_itself_is_not_written() {
    let import = import(
        "sums",
        json!({ "columns": [{ "name": "n", "type": "integer" }, { "name": "twice", "type": "integer" }] }),
    );
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table sums (n integer, twice integer generated always as (n * 2) virtual)",
        );
        let error = team.try_load(&import, &[row(2, ["1", "2"])], LoadMode::All).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Table { .. }), "{engine:?}: {error}");
        assert!(error.to_string().contains("computes the column twice itself"), "{error}");
    }
}

#[tokio::test]
async fn numbers_that_run_out_are_said() {
    let import = import("tiny", json!({ "columns": [{ "name": "n", "type": "integer" }] }));
    for version in duckdb::COMMANDS {
        let team = Team::new(
            Engine::DuckDb(version),
            "create table tiny (id tinyint primary key, n integer); insert into tiny values (127, 0)",
        );
        let error = team.try_load(&import, &[row(2, ["1"])], LoadMode::All).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Constraint { .. }), "{version}: {error}");
        assert!(!error.to_string().contains("INSERT"), "{version}: {error}");
    }
}
