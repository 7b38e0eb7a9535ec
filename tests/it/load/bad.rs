//! Rows that only the database finds bad.

use super::*;

#[tokio::test]
async fn bad_rows_write_nothing_and_are_named() {
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let users = preset("users");
        let first = [
            user(2, "ana", "ana@acme.example", "admin"),
            user(3, "ben", "ben@acme.example", "user"),
        ];
        team.load(&users, &first).await;
        let rows = [
            user(2, "eva", "eva@acme.example", "user"),
            user(3, "eva", "eva2@acme.example", "user"),
            user(4, "tom", "eva@acme.example", "user"),
            user(5, "joe", "ana@acme.example", "user"),
            row(6, ["kim", "kim@acme.example", "user", "NULL"]),
            user(7, "ben", "ben@new.example", "user"),
        ];
        let expected = [
            "3: username: eva: expected no other row with this key: see line 2",
            "4: email: eva@acme.example: expected a value that no other row has: see line 2",
            "5: email: ana@acme.example: expected a value that no other row of the table has",
            "6: initial_password: -: expected a password for a new row",
        ];
        let refused = team.load(&users, &rows).await;
        assert_eq!(faults(&refused), expected, "{engine:?}");
        assert_eq!((refused.written, counts(&refused)), (false, [1, 1, 0, 4]), "{engine:?}");
        let query = "select username, email from users order by username";
        let before = ["ana|ana@acme.example", "ben|ben@acme.example"];
        assert_eq!(team.texts(query).await, before, "{engine:?}");
        // With few enough bad rows, the good ones are written.
        for (most, written) in [("3", false), ("60%", false), ("67%", true)] {
            let mode = LoadMode::Good(MaxBad::parse(most));
            let loaded = team.try_load(&users, &rows, mode).await.unwrap();
            assert_eq!((loaded.written, counts(&loaded)), (written, [1, 1, 0, 4]), "{engine:?}");
            if !written {
                assert_eq!(team.texts(query).await, before, "{engine:?}");
            }
        }
        let after = ["ana|ana@acme.example", "ben|ben@new.example", "eva|eva@acme.example"];
        assert_eq!(team.texts(query).await, after, "{engine:?}");
    }
}

#[tokio::test]
async fn rows_that_were_bad_before_stop_the_load() {
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let sales = preset("sales");
        let spool = team.spool(&sales, &super::sales());
        for (mode, written) in [
            (LoadMode::All, false),
            (LoadMode::Good(Some(MaxBad::Rows(0))), false),
            (LoadMode::Good(Some(MaxBad::Rows(1))), true),
        ] {
            let load = Load { mode, rows: 4, bad: 1, ..team.of(&sales, &spool) };
            let loaded = team.open().await.load(&load).await.unwrap();
            assert_eq!((loaded.written, counts(&loaded)), (written, [3, 0, 0, 0]), "{engine:?}");
            assert_eq!(team.file().exists(), written, "{engine:?}");
        }
    }
}

#[tokio::test]
async fn a_rule_in_sql_is_one_condition() {
    let of = |sql: &str| {
        import(
            "prices",
            json!({ "columns": [
                { "name": "sku", "type": "text" }, { "name": "price", "type": "amount", "nullable": true }
            ], "rules": [{ "name": "dear", "sql": sql }] }),
        )
    };
    let rows = [row(2, ["a", "2"]), row(3, ["b", "12"]), row(4, ["c", "NULL"])];
    for engine in Engine::all() {
        let team = Team::new(engine, "create table prices (sku text, price decimal(18,2))");
        let loaded = team.load(&of("price > 10 -- ten"), &rows).await;
        let rule = "dear: -: expected price > 10 -- ten";
        assert_eq!(faults(&loaded), [format!("2: {rule}"), format!("4: {rule}")], "{engine:?}");
        assert!(!loaded.written, "{engine:?}");
        for sql in
            ["", "true; drop table prices", "true) or (true", "true /*", "'", "true\n.shell echo"]
        {
            let error = team.try_load(&of(sql), &rows, LoadMode::All).await.unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, DatabaseError::Table { .. }), "{engine:?}: {sql}: {said}");
            assert!(said.contains("the rule \"dear\" of the import prices"), "{said}");
        }
        for sql in ["no_such_column > 1", "true, true", "true as a"] {
            let error = team.try_load(&of(sql), &rows, LoadMode::All).await.unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, DatabaseError::Table { .. }), "{engine:?}: {sql}: {said}");
            assert!(said.contains("the rule \"dear\" of the import prices"), "{engine:?}: {said}");
            assert!(!said.contains("tidegate_"), "{engine:?}: {said}");
            assert_eq!(said.lines().count(), 1, "{engine:?}: {said}");
        }
        assert_eq!(team.text("select count(*) from prices").await, "0", "{engine:?}");
    }
}

#[tokio::test]
async fn all_bad_rows_are_listed() {
    let import = import("n", json!({ "columns": [{ "name": "n", "type": "integer" }] }));
    let texts: Vec<String> = (0..3000).map(|number| (number / 2).to_string()).collect();
    let rows: Vec<Row<'_>> =
        (2..).zip(&texts).map(|(number, text)| row(number, [text.as_str()])).collect();
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let spool = team.spool(&import, &rows);
        let rejects = team.folder.path().join("rejects");
        let load = Load { rows: 3000, rejects: Some(&rejects), ..team.of(&import, &spool) };
        let loaded = team.open().await.load(&load).await.unwrap();
        assert_eq!((loaded.written, counts(&loaded)), (false, [1500, 0, 0, 1500]), "{engine:?}");
        assert_eq!(loaded.faults.len(), 1000, "{engine:?}");
        let listed = std::fs::read_to_string(rejects).unwrap();
        let lines: Vec<&str> = listed.lines().collect();
        assert_eq!(lines.len(), 1501, "{engine:?}");
        assert_eq!(lines[0], "tidegate_row,column,value,rule,other", "{engine:?}");
        let last = "3001,n,1499,expected no other row with the same values,3000";
        assert_eq!(lines[1500], last, "{engine:?}");
    }
}

#[tokio::test]
async fn a_rule_that_fails_with_a_value_is_named() {
    let import = import(
        "prices",
        json!({ "columns": [{ "name": "sku", "type": "text" }],
            "rules": [{ "name": "odd", "sql": "sku <> 'b'" }, { "name": "json", "sql": "json_extract(sku, '$.a') = 1" }] }),
    );
    for engine in Engine::all() {
        let team = Team::new(engine, "");
        let error = team.try_load(&import, &[row(2, ["{no"])], LoadMode::All).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Table { .. }), "{engine:?}: {error}");
        assert!(error.to_string().contains("the rule \"json\""), "{engine:?}: {error}");
        assert!(!team.file().exists(), "{engine:?}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_is_said_as_such() {
    use tidegate::exit::{Exit, Failure};

    let import = import("n", json!({ "columns": [{ "name": "n", "type": "integer" }] }));
    for engine in Engine::all() {
        let team = Team::new(engine, "create table n (n integer)");
        let spool = team.spool(&import, &[row(2, ["1"]), row(3, ["1"])]);
        let full = Path::new("/dev/full");
        let load = Load { rows: 2, rejects: Some(full), ..team.of(&import, &spool) };
        let error = team.open().await.load(&load).await.unwrap_err();
        let failure = Failure::of(&error.into());
        assert_eq!(failure.exit, Exit::Incomplete, "{engine:?}: {failure:?}");
        let hints = failure.hints.join(" ");
        assert!(hints.contains("free some space"), "{engine:?}: {failure:?}");
        assert_eq!(team.text("select count(*) from n").await, "0", "{engine:?}");
    }
}
