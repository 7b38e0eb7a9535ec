//! Tables that hold values in another form than imports write: their rows would not be known again.

use serde_json::json;
use tidegate::data::import::{Import, LoadMode};

use super::{Engine, Team, counts, import, preset, row};
use crate::harness::duckdb;

fn events() -> Import {
    import(
        "ev",
        json!({ "columns": [{ "name": "id", "type": "integer" }, { "name": "at", "type": "timestamp" }] }),
    )
}

/// Both ways of an import end with a message that has these parts, and the table keeps its rows.
async fn refused(team: &Team, import: &Import, rows: &[super::Row<'_>], parts: &[&str]) {
    let count = format!("select count(*) from {}", import.table);
    let before = team.text(&count).await;
    for mode in [LoadMode::All, LoadMode::Good(None), LoadMode::Plan] {
        let error = team.try_load(import, rows, mode).await.unwrap_err().to_string();
        for part in parts.iter().chain(&["docs/reference/import.md"]) {
            assert!(error.contains(part), "{:?}: {part}: {error}", team.engine);
        }
    }
    assert_eq!(team.text(&count).await, before, "{:?}", team.engine);
}

#[tokio::test]
async fn times_of_sqlite_with_zeros_at_their_end_are_refused_and_never_doubled() {
    let rows = [row(2, ["1", "2026-02-07 19:53:58"]), row(3, ["2", "2026-02-07 19:53:59.5"])];
    for (second, wrong) in [
        ("2026-02-07 19:53:59.500000", "2026-02-07 19:53:59.500000"),
        ("2026-02-07 19:53:59.", "2026-02-07 19:53:59."),
        ("2026-02-07 19:53:59.5.5", "2026-02-07 19:53:59.5.5"),
        ("2026-02-07 19:53:59.1234567891", "2026-02-07 19:53:59.1234567891"),
    ] {
        let team = Team::new(
            Engine::Sqlite,
            &format!(
                "create table ev (id integer, at datetime);
                 insert into ev values (1, '2026-02-07 19:53:58'), (2, '{second}')"
            ),
        );
        let form = "imports write \"2026-02-07 19:53:58\"";
        refused(&team, &events(), &rows, &["the column at of ev holds", wrong, form]).await;
    }
    // What the docs say to do helps, and keeps the fractions.
    for (first, cure) in [
        (
            "2026-02-07 19:53:58.000000",
            "update ev set at = rtrim(rtrim(at, '0'), '.') where at like '%.%'",
        ),
        (
            "2026-02-07T19:53:58+00:00",
            "update ev set at = rtrim(rtrim(strftime('%Y-%m-%d %H:%M:%f', at), '0'), '.')",
        ),
    ] {
        let team = Team::new(
            Engine::Sqlite,
            &format!(
                "create table ev (id integer, at datetime);
                 insert into ev values (1, '{first}'), (2, '2026-02-07 19:53:59.500000'); {cure}"
            ),
        );
        assert_eq!(counts(&team.load(&events(), &rows).await), [0, 0, 2, 0], "{first}");
    }
}

#[tokio::test]
async fn days_and_times_of_texts_in_another_form_are_refused_by_duckdb_too() {
    let sale = [row(2, ["2026-02-01", "8", "Cup", "1", "0.10", "0.10", "south"])];
    let table = "create table sales (date varchar, user_id integer, product_name varchar, quantity integer, \
                 unit_price double, total_amount double, region varchar)";
    let event = [row(2, ["1", "2026-02-07 19:53:58.5"])];
    for version in duckdb::COMMANDS {
        let engine = Engine::DuckDb(version);
        for form in ["2026-02-01 00:00:00", "02/02/2026", "2026-2-1", "soon"] {
            let team = Team::new(
                engine,
                &format!(
                    "{table}; insert into sales values ('2026-02-01', 8, 'Cup', 1, 0.1, 0.1, 'south'), \
                     (NULL, 8, 'Cup', 1, 0.1, 0.1, 'south'), ('{form}', 8, 'Cup', 1, 0.1, 0.1, 'south')"
                ),
            );
            let parts = ["the column date of sales holds", form, "imports write \"2026-02-07\""];
            refused(&team, &preset("sales"), &sale, &parts).await;
        }
        for form in ["2026-02-07T19:53:58Z", "2026-02-07 19:53:58.500000", "2026-02-07"] {
            let team = Team::new(
                engine,
                &format!(
                    "create table ev (id integer, \"at\" varchar); insert into ev values (1, '{form}')"
                ),
            );
            let parts = ["the column at of ev holds", form, "\"2026-02-07 19:53:58\""];
            refused(&team, &events(), &event, &parts).await;
        }
        // What the docs say to do helps.
        for (time, cure) in [
            ("2026-02-07 19:53:58.500000", "\"at\"::timestamp::varchar"),
            ("2026-02-07T21:53:58.500+02:00", "(\"at\"::timestamptz at time zone 'UTC')::varchar"),
        ] {
            let team = Team::new(
                engine,
                &format!(
                    "create table ev (id integer, \"at\" varchar);
                     insert into ev values (1, '{time}'); update ev set \"at\" = {cure};
                     {table}; insert into sales values ('2026-02-01 00:00:00', 8, 'Cup', 1, 0.1, 0.1, 'south');
                     update sales set date = date::date::varchar"
                ),
            );
            assert_eq!(counts(&team.load(&events(), &event).await), [0, 0, 1, 0], "{version}");
            assert_eq!(
                counts(&team.load(&preset("sales"), &sale).await),
                [0, 0, 1, 0],
                "{version}"
            );
        }
    }
}

#[tokio::test]
async fn numbers_of_sqlite_as_texts_are_refused_and_never_doubled() {
    let rows = [row(2, ["2026-02-01", "8", "Cup", "1", "0.10", "0.10", "south"])];
    let table = "create table sales (date, user_id, product_name, quantity, unit_price, total_amount, region)";
    let team = |values: &str| {
        Team::new(Engine::Sqlite, &format!("{table}; insert into sales values ({values})"))
    };
    let sales = preset("sales");
    let texts = team("'2026-02-01', '8', 'Cup', '1', '0.10', '0.10', 'south'");
    let parts = ["the column user_id of sales holds the text \"8\"", "imports write numbers"];
    refused(&texts, &sales, &rows, &parts).await;
    let amount = team("'2026-02-01', 8, 'Cup', 1, 0.1, '0.10', 'south'");
    let parts = ["the column total_amount of sales holds the text \"0.10\""];
    refused(&amount, &sales, &rows, &parts).await;
    let number = team("'2026-02-01', 8, 7, 1, 0.1, 0.1, 'south'");
    let parts = ["the column product_name of sales holds the number 7", "imports write texts"];
    refused(&number, &sales, &rows, &parts).await;
    // What is right is known again, and what the docs say to do helps.
    let right = team("'2026-02-01', 8, 'Cup', 1, 0.1, 0.1, 'south'");
    assert_eq!(counts(&right.load(&sales, &rows).await), [0, 0, 1, 0]);
    texts.write(
        "update sales set user_id = cast(user_id as numeric), quantity = cast(quantity as numeric), \
         unit_price = cast(unit_price as numeric), total_amount = cast(total_amount as numeric)",
    );
    assert_eq!(counts(&texts.load(&sales, &rows).await), [0, 0, 1, 0]);
    number.write("update sales set product_name = cast(product_name as text)");
    assert_eq!(counts(&number.load(&sales, &rows).await), [1, 0, 0, 0]);
}

#[tokio::test]
async fn empty_texts_where_imports_write_no_value_are_refused_and_never_doubled() {
    let notes = |key: serde_json::Value| {
        let columns = json!([
            { "name": "id", "type": "integer" },
            { "name": "note", "type": "text", "nullable": true },
        ]);
        import("notes", json!({ "columns": columns, "key": key }))
    };
    let rows = [row(2, ["1", "NULL"])];
    for engine in Engine::all() {
        let sql = "create table notes (id integer, note varchar); insert into notes values (1, '')";
        let team = Team::new(engine, sql);
        let parts = ["the column note of notes holds an empty text", "imports write no value"];
        refused(&team, &notes(serde_json::Value::Null), &rows, &parts).await;
        team.write("update notes set note = null where note = ''");
        let content = notes(serde_json::Value::Null);
        assert_eq!(counts(&team.load(&content, &rows).await), [0, 0, 1, 0], "{engine:?}");
        // Where another column tells the rows apart, nothing is doubled.
        let team = Team::new(engine, sql);
        assert_eq!(
            counts(&team.load(&notes(json!(["id"])), &rows).await),
            [0, 1, 0, 0],
            "{engine:?}"
        );
    }
}

#[tokio::test]
async fn true_and_false_as_texts_of_sqlite_are_refused() {
    let flags = import("flags", json!({ "columns": [{ "name": "on", "type": "boolean" }] }));
    for kind in ["boolean", "integer", ""] {
        let sql = format!("create table flags (\"on\" {kind}); insert into flags values ('true')");
        let team = Team::new(Engine::Sqlite, &sql);
        let parts = ["the column on of flags holds the text \"true\"", "imports write 1 and 0"];
        refused(&team, &flags, &[row(2, ["true"])], &parts).await;
        team.write("update flags set \"on\" = \"on\" in ('true', '1')");
        assert_eq!(counts(&team.load(&flags, &[row(2, ["true"])]).await), [0, 0, 1, 0], "{kind}");
    }
}
