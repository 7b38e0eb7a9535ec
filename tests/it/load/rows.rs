//! Which rows are written.

use super::*;

#[tokio::test]
async fn a_table_is_made_and_the_same_rows_change_nothing() {
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let loaded = team.load(&preset("sales"), &sales()).await;
        assert!(loaded.written, "{engine:?}");
        assert_eq!(counts(&loaded), [3, 0, 0, 0], "{engine:?}");
        let query = "select cast(date as varchar), user_id, product_name, quantity, region from sales order by user_id, date";
        assert_eq!(
            team.texts(query).await,
            [
                "2026-02-01|7|Tea, \"green\"|2|north",
                "2026-02-02|7|\\N|10|west",
                "2026-02-01|8|Two\nlines|1|south"
            ],
            "{engine:?}"
        );
        let again = team.load(&preset("sales"), &sales()).await;
        assert!(again.written, "{engine:?}");
        assert_eq!(counts(&again), [0, 0, 3, 0], "{engine:?}");
        assert_eq!(team.text("select count(*) from sales").await, "3", "{engine:?}");
        // Nothing is left beside it but the database.
        let mut left: Vec<String> = std::fs::read_dir(team.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            // SQLite leaves two files of its own to whoever reads.
            .filter(|name| {
                !name.starts_with("spool") && !name.ends_with("-shm") && !name.ends_with("-wal")
            })
            .collect();
        left.sort();
        assert_eq!(left, [engine.file()], "{engine:?}");
    }
}

#[tokio::test]
async fn every_type_comes_back_as_it_was() {
    let import = import(
        "things",
        json!({ "key": ["id"], "columns": [
            { "name": "id", "type": "integer" },
            { "name": "a number", "type": "number", "nullable": true },
            { "name": "amount", "type": "amount", "nullable": true },
            { "name": "flag", "type": "boolean", "nullable": true },
            { "name": "day", "type": "date", "nullable": true },
            { "name": "at", "type": "timestamp", "nullable": true },
            { "name": "mail", "type": "email", "nullable": true },
            { "name": "text", "type": "text", "nullable": true },
        ] }),
    );
    let rows = [
        row(
            2,
            [
                "9223372036854775807",
                "0.1",
                "12.30",
                "true",
                "2026-02-07",
                "2026-02-07 19:53:58.25",
                "a@b.example",
                "",
            ],
        ),
        row(3, ["-5", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL", "NULL"]),
    ];
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        assert_eq!(counts(&team.load(&import, &rows).await), [2, 0, 0, 0], "{engine:?}");
        assert_eq!(counts(&team.load(&import, &rows).await), [0, 0, 2, 0], "{engine:?}");
        let (amount, flag) = match engine {
            Engine::DuckDb(_) => ("12.30", "true"),
            Engine::Sqlite => ("12.3", "1"),
        };
        let query = "select cast(id as varchar), \"a number\", cast(amount as varchar), flag, cast(day as varchar), \
                     cast(\"at\" as varchar), mail, '<' || text || '>' from things order by id desc";
        assert_eq!(
            team.texts(query).await,
            [
                format!(
                    "9223372036854775807|0.1|{amount}|{flag}|2026-02-07|2026-02-07 19:53:58.25|a@b.example|<>"
                ),
                "-5|null|null|null|null|null|null|null".to_owned(),
            ],
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn a_key_decides_between_new_and_changed() {
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let users = preset("users");
        let first = [
            user(2, "ana", "ana@acme.example", "admin"),
            user(3, "ben", "ben@acme.example", "viewer"),
            user(4, "eva", "eva@acme.example", "user"),
        ];
        assert_eq!(counts(&team.load(&users, &first).await), [3, 0, 0, 0], "{engine:?}");
        // A hash is only written for a new row: that of ana was set, her row is there.
        let second = [
            row(2, ["ana", "ana@acme.example", "admin", "another hash"]),
            row(3, ["ben", "ben@acme.example", "manager", "NULL"]),
            row(4, ["joe", "joe@acme.example", "user", "joe's hash"]),
        ];
        let plan = team.try_load(&users, &second, LoadMode::Plan).await.unwrap();
        assert_eq!((plan.written, counts(&plan)), (false, [1, 1, 1, 0]), "{engine:?}");
        let query = "select username, role, password_hash from users order by username";
        let before = ["ana|admin|hash", "ben|viewer|hash", "eva|user|hash"];
        assert_eq!(team.texts(query).await, before, "{engine:?}");
        let loaded = team.load(&users, &second).await;
        assert_eq!((loaded.written, counts(&loaded)), (true, [1, 1, 1, 0]), "{engine:?}");
        let after = ["ana|admin|hash", "ben|manager|hash", "eva|user|hash", "joe|user|joe's hash"];
        assert_eq!(team.texts(query).await, after, "{engine:?}");
    }
}

#[tokio::test]
async fn a_conflict_is_kept_or_refused_where_that_is_declared() {
    let columns = json!([
        { "name": "sku", "type": "text" }, { "name": "price", "type": "amount", "nullable": true }
    ]);
    let of = |conflict: &str| {
        import("prices", json!({ "key": ["sku"], "on_conflict": conflict, "columns": columns }))
    };
    let rows = [row(2, ["a", "2"]), row(3, ["b", "NULL"]), row(4, ["c", "1"])];
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table prices (sku text, price decimal(18,2)); insert into prices values ('a', 1), ('b', NULL)",
        );
        let query = "select sku, cast(price as integer) from prices order by sku";
        let refused = team.load(&of("reject"), &rows).await;
        assert_eq!((refused.written, counts(&refused)), (false, [1, 0, 1, 1]), "{engine:?}");
        assert_eq!(
            faults(&refused),
            ["2: sku: a: expected the values that the table has for this key"],
            "{engine:?}"
        );
        assert_eq!(team.texts(query).await, ["a|1", "b|null"], "{engine:?}");
        let kept = team.load(&of("keep"), &rows).await;
        assert_eq!((kept.written, counts(&kept)), (true, [1, 0, 2, 0]), "{engine:?}");
        assert_eq!(team.texts(query).await, ["a|1", "b|null", "c|1"], "{engine:?}");
        let updated = team.load(&of("update"), &rows).await;
        assert_eq!((updated.written, counts(&updated)), (true, [0, 1, 2, 0]), "{engine:?}");
        assert_eq!(team.texts(query).await, ["a|2", "b|null", "c|1"], "{engine:?}");
    }
}

#[tokio::test]
async fn a_row_without_a_value_is_known_again_by_its_content() {
    let import = import(
        "visits",
        json!({ "columns": [
            { "name": "page", "type": "text" }, { "name": "user", "type": "integer", "nullable": true }
        ] }),
    );
    let rows = [row(2, ["/", "NULL"]), row(3, ["/", "0"]), row(4, ["", "NULL"])];
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        assert_eq!(counts(&team.load(&import, &rows).await), [3, 0, 0, 0], "{engine:?}");
        let twice = [rows[0].clone(), row(3, ["/", "NULL"]), row(4, ["/new", "NULL"])];
        let good = LoadMode::Good(None);
        let loaded = team.try_load(&import, &twice, good).await.unwrap();
        assert_eq!((loaded.written, counts(&loaded)), (true, [1, 0, 1, 1]), "{engine:?}");
        assert_eq!(team.text("select count(*) from visits").await, "4", "{engine:?}");
    }
}

#[tokio::test]
async fn the_database_remembers_its_imports() {
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        assert_eq!(team.open().await.imports().await.unwrap(), [], "{engine:?}");
        let visits = import(
            "visits",
            json!({ "columns": [
                { "name": "n", "type": "integer" }, { "name": "user", "type": "integer" }
            ], "api": { "watermark": "n" } }),
        );
        let mut seen = Vec::new();
        for watermark in [Some("9"), None, Some("10"), Some("9")] {
            let source = "https://api.example/it's";
            let rows = [row(2, [watermark.unwrap_or("9"), "1"])];
            let spool = team.spool(&visits, &rows);
            let rows = rows.len() as u64;
            let load = Load { watermark, source, rows, ..team.of(&visits, &spool) };
            assert!(team.open().await.load(&load).await.unwrap().written, "{engine:?}");
            let [state] = <[_; 1]>::try_from(team.open().await.imports().await.unwrap()).unwrap();
            assert_eq!((state.name.as_str(), state.table.as_str()), ("visits", "visits"));
            assert_eq!(state.imported_at.to_string(), team.now, "{engine:?}");
            assert_eq!((state.rows, state.source.as_str()), (1, source), "{engine:?}");
            seen.push(state.watermark.unwrap());
        }
        // It never moves back, and numbers are compared as numbers.
        assert_eq!(seen, ["9", "9", "10", "10"], "{engine:?}");
    }
}

#[tokio::test]
async fn an_import_that_changes_no_row_is_no_new_version() {
    for engine in Engine::all() {
        let mut team = Team::new(engine, "create table notes (n integer)");
        let without = team.open().await.content().await.unwrap();
        let import = import("notes", json!({ "columns": [{ "name": "n", "type": "integer" }] }));
        team.load(&import, &[]).await;
        assert_eq!(team.open().await.imports().await.unwrap().len(), 1, "{engine:?}");
        assert_eq!(team.open().await.content().await.unwrap(), without, "{engine:?}");
        team.load(&import, &[row(2, ["1"])]).await;
        let content = team.open().await.content().await.unwrap();
        assert_ne!(content, without, "{engine:?}");
        team.now = "2026-02-08T12:00:00Z";
        team.load(&import, &[row(7, ["1"])]).await;
        let [state] = <[_; 1]>::try_from(team.open().await.imports().await.unwrap()).unwrap();
        assert_eq!(state.imported_at.to_string(), team.now, "{engine:?}");
        assert_eq!(team.open().await.content().await.unwrap(), content, "{engine:?}");
    }
}
