//! Tables that are there already.

use super::*;

#[tokio::test]
async fn the_tables_of_the_field_are_used_as_they_are() {
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table sales (id integer primary key, date date not null, user_id integer, \
             product_name varchar not null, quantity integer, unit_price decimal(10,2), \
             total_amount decimal(10,2), region varchar, created_at timestamp default current_timestamp);
             insert into sales (id, date, user_id, product_name, quantity, unit_price, total_amount, region) \
             values (41, '2026-02-01', 8, 'Cup', 1, 0.10, 0.10, 'south')",
        );
        let rows = [
            row(2, ["2026-02-01", "8", "Cup", "1", "0.10", "0.10", "south"]),
            row(3, ["2026-02-02", "9", "Tea", "2", "1.50", "3.00", "north"]),
            row(4, ["2026-02-03", "9", "Tea", "2", "1.50", "3.00", "north"]),
        ];
        let loaded = team.load(&preset("sales"), &rows).await;
        assert_eq!((loaded.written, counts(&loaded)), (true, [2, 0, 1, 0]), "{engine:?}");
        assert_eq!(
            team.texts("select id, cast(date as varchar), quantity, created_at is null from sales order by id")
                .await
                .into_iter()
                .map(|row| row.replace("false", "0"))
                .collect::<Vec<_>>(),
            ["41|2026-02-01|1|0", "42|2026-02-02|2|0", "43|2026-02-03|2|0"],
            "{engine:?}"
        );
        let again = team.load(&preset("sales"), &rows).await;
        assert_eq!(counts(&again), [0, 0, 3, 0], "{engine:?}");
    }
}

#[tokio::test]
async fn an_existing_table_of_users_keeps_hashes_and_ids() {
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table users (id integer primary key, username varchar not null unique, email varchar unique, \
             role varchar, password_hash varchar not null, is_active boolean default true);
             insert into users (id, username, email, role, password_hash) \
             values (7, 'ana', 'Ana@Acme.example', 'admin', 'old'), (9, 'ben', 'ben@acme.example', 'user', 'old')",
        );
        let rows = [
            user(2, "ana", "ana@acme.example", "admin"),
            user(3, "ben", "ben@acme.example", "manager"),
            user(4, "eva", "eva@acme.example", "user"),
        ];
        let loaded = team.load(&preset("users"), &rows).await;
        assert_eq!((loaded.written, counts(&loaded)), (true, [1, 1, 1, 0]), "{engine:?}");
        assert_eq!(
            team.texts("select id, username, email, role, password_hash from users order by id")
                .await,
            [
                "7|ana|Ana@Acme.example|admin|old",
                "9|ben|ben@acme.example|manager|old",
                "10|eva|eva@acme.example|user|hash"
            ],
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn a_table_that_does_not_fit_is_named_before_anything_is_written() {
    let import = import(
        "prices",
        json!({ "columns": [{ "name": "sku", "type": "text" }, { "name": "price", "type": "amount" }] }),
    );
    let rows = [row(2, ["a", "2"])];
    for engine in Engine::all() {
        for (sql, said) in [
            (
                "create table prices (sku text)",
                "has no column price, which the import prices writes",
            ),
            (
                "create table prices (sku integer, price decimal(18,2))",
                "the column sku as INTEGER, which does not take the import's text",
            ),
            (
                "create table prices (sku text, price decimal(18,2), shop text not null, kind integer not null default 1)",
                "takes no row without shop",
            ),
            ("create view prices as select 'a' as sku, 1.0 as price", "prices is a view"),
        ] {
            let team = Team::new(engine, sql);
            let error = team.try_load(&import, &rows, LoadMode::All).await.unwrap_err();
            assert!(error.to_string().contains(said), "{engine:?}: {error}");
            assert!(matches!(error, DatabaseError::Table { .. }), "{engine:?}: {error}");
            assert_eq!(team.open().await.imports().await.unwrap(), [], "{engine:?}");
        }
    }
}

#[tokio::test]
async fn names_are_names_whatever_they_hold() {
    let import = import(
        "odd",
        json!({ "table": "select -- it", "columns": [
            { "name": "group", "type": "integer" }, { "name": "a.b c", "type": "text", "unique": true }
        ], "key": ["group"] }),
    );
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        for expected in [[1, 0, 0, 0], [0, 0, 1, 0]] {
            let loaded = team.load(&import, &[row(2, ["1", "'); drop table x; --"])]).await;
            assert_eq!(counts(&loaded), expected, "{engine:?}");
        }
        let query = "select \"group\", \"a.b c\" from \"select -- it\"";
        assert_eq!(team.texts(query).await, ["1|'); drop table x; --"], "{engine:?}");
    }
}

#[tokio::test]
async fn a_value_that_the_table_cannot_hold_is_a_bad_row() {
    let import = import(
        "sizes",
        json!({ "columns": [
            { "name": "n", "type": "integer" }, { "name": "amount", "type": "amount" },
            { "name": "size", "type": "text", "nullable": true }
        ] }),
    );
    let rows = [
        row(2, ["1", "1.25", "small"]),
        row(3, ["3000000000", "1.20", "small"]),
        row(4, ["2", "1.20", "huge"]),
        row(5, ["3", "1.20", "NULL"]),
        row(6, ["4", "1.20", "small"]),
    ];
    for version in duckdb::COMMANDS {
        let team = Team::new(
            Engine::DuckDb(version),
            "create type size as enum ('small', 'large');
             create table sizes (n integer, amount decimal(10,1), size size not null)",
        );
        let loaded = team.try_load(&import, &rows, LoadMode::Good(None)).await.unwrap();
        assert_eq!(
            faults(&loaded),
            [
                "2: amount: 1.25: expected a value that the table holds as DECIMAL(10,1)",
                "3: n: 3000000000: expected a value that the table holds as INTEGER",
                "4: size: huge: expected a value that the table holds as ENUM('small', 'large')",
                "4: size: -: expected a value, which the table asks for",
                "5: size: -: expected a value, which the table asks for",
            ],
            "{version}"
        );
        assert_eq!((loaded.written, counts(&loaded)), (true, [1, 0, 0, 4]), "{version}");
        assert_eq!(team.text("select n from sizes").await, "4", "{version}");
    }
}

#[tokio::test]
async fn times_go_into_every_type_of_time() {
    let import = import(
        "times",
        json!({ "columns": [
            { "name": "moment", "type": "timestamp" }, { "name": "day", "type": "date" }
        ] }),
    );
    let rows = [row(2, ["2026-02-07 19:53:58", "2026-02-07"])];
    for version in duckdb::COMMANDS {
        for kind in ["timestamptz", "timestamp_ns", "timestamp_ms", "timestamp_s", "timestamp"] {
            let day = if kind == "timestamptz" { "date" } else { kind };
            let sql = format!("create table times (moment {kind}, day {day})");
            let team = Team::new(Engine::DuckDb(version), &sql);
            for expected in [[1, 0, 0, 0], [0, 0, 1, 0]] {
                let loaded = team.load(&import, &rows).await;
                assert_eq!(counts(&loaded), expected, "{version}: {kind}");
            }
            let query = "select epoch(moment)::bigint, strftime(day, '%d') from times";
            assert_eq!(team.text(query).await, "1770494038|07", "{version}: {kind}");
        }
    }
}

#[tokio::test]
async fn an_amount_that_the_table_would_change_is_a_bad_row() {
    let import = import(
        "sums",
        json!({ "columns": [{ "name": "sum", "type": "amount" }, { "name": "n", "type": "integer" }] }),
    );
    let rows = [
        row(2, ["9999999999999999.99", "1"]),
        row(3, ["9999999999999999.98", "1"]),
        row(4, ["1000000000000.10", "9007199254740993"]),
        row(5, ["-1000000000000.10", "9007199254740992"]),
    ];
    for (engine, table) in [
        (Engine::Sqlite, ""),
        (Engine::Sqlite, "create table sums (sum decimal(18,2), n real)"),
        (Engine::DuckDb("1.5.6"), "create table sums (sum double, n double)"),
    ] {
        let team = Team::new(engine, table);
        let loaded = team.try_load(&import, &rows, LoadMode::Good(None)).await.unwrap();
        let mut bad: Vec<u64> = loaded.faults.iter().map(|(row, _)| *row).collect();
        bad.dedup();
        let expected: &[u64] = if table.is_empty() { &[2, 3] } else { &[2, 3, 4] };
        assert_eq!(bad, expected, "{engine:?}: {:?}", faults(&loaded));
        let left = if table.is_empty() { 2 } else { 1 };
        assert_eq!(counts(&loaded), [left, 0, 0, 4 - left], "{engine:?}");
        let said = faults(&loaded)[0].clone();
        assert!(said.starts_with("2: sum: 9999999999999999.99: expected "), "{said}");
    }
}

#[tokio::test]
async fn sqlite_has_one_schema() {
    let import =
        import("n", json!({ "table": "shop.n", "columns": [{ "name": "n", "type": "integer" }] }));
    let team = Team::new(Engine::Sqlite, "");
    let error = team.try_load(&import, &[row(2, ["1"])], LoadMode::All).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Table { .. }), "{error}");
    assert!(error.to_string().ends_with("there is no table shop.n: write n"), "{error}");
}

#[tokio::test]
async fn days_of_sqlite_in_another_form_are_refused_and_never_doubled() {
    let import = preset("sales");
    let rows = [row(2, ["2026-02-01", "8", "Cup", "1", "0.10", "0.10", "south"])];
    for form in ["2026-02-01 00:00:00", "2026-02-01T00:00:00Z", "20260201"] {
        let team = Team::new(
            Engine::Sqlite,
            &format!(
                "create table sales (date timestamp, user_id integer, product_name text, quantity integer, \
                 unit_price real, total_amount real, region text);
                 insert into sales values ('2026-01-31', 8, 'Cup', 1, 0.1, 0.1, 'south'), \
                 ('{form}', 8, 'Cup', 1, 0.1, 0.1, 'south')"
            ),
        );
        for mode in [LoadMode::All, LoadMode::Plan] {
            let error = team.try_load(&import, &rows, mode).await.unwrap_err().to_string();
            assert!(error.contains("the column date of sales holds"), "{form}: {error}");
            assert!(error.contains(&form[..4]) && error.contains("2026-02-07"), "{form}: {error}");
        }
        assert_eq!(team.text("select count(*) from sales").await, "2", "{form}");
    }
    // What the docs say to do helps.
    let team = Team::new(
        Engine::Sqlite,
        "create table sales (date timestamp, user_id integer, product_name text, quantity integer, \
         unit_price real, total_amount real, region text);
         insert into sales values ('2026-02-01 00:00:00', 8, 'Cup', 1, 0.1, 0.1, 'south');
         update sales set date = date(date)",
    );
    assert_eq!(counts(&team.load(&import, &rows).await), [0, 0, 1, 0]);
}
