//! How far an import from an API has come, beside rows that are not written.

use serde_json::{Value, json};

use super::{Desk, desks};
use crate::harness::duckdb;
use crate::harness::fault_proxy::{FaultProxy, Request, Rule};
use crate::harness::tidegate::Tidegate;

const IMPORT: &str = "data:
  imports:
    readings:
      key: [id]
      api: { watermark: WATERMARK }
      columns:
        - { name: id, type: integer }
        - { name: day, type: date }
        - { name: at, type: timestamp }
        - { name: sensor, type: text, unique: true, nullable: true }
      rules:
        - { name: known, sql: \"sensor IS NULL OR sensor <> 'broken'\" }
";

fn reading(id: u32, day: &str, sensor: Option<&str>) -> Value {
    json!({ "id": id, "day": day, "at": format!("{day}T08:00:00.25Z"), "sensor": sensor })
}

/// Imports what the server answers; returns what was said.
fn import(desk: &Desk, watermark: &str, rows: &[Value], args: &[&str], code: i32) -> Value {
    let server = FaultProxy::start("127.0.0.1:1");
    server.add(Rule::when(|_: &Request| true).answer(200, &[], &json!(rows).to_string()));
    ask(desk, watermark, &server, args, code)
}

/// Imports from this server; returns what was said.
fn ask(desk: &Desk, watermark: &str, server: &FaultProxy, args: &[&str], code: i32) -> Value {
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(".github/tidegate.yml", &IMPORT.replace("WATERMARK", watermark));
    let run = Tidegate::new()
        .args(["data", "import", "readings", "--json"])
        .args(args)
        .env("READINGS_API_URL", format!("http://{}/readings", server.host()))
        .env("DATABASE_PATH", desk.database)
        .env("PATH", duckdb::path())
        .current_dir(desk.folder.path())
        .run();
    run.code(code).json()
}

fn kept(desk: &Desk) -> Vec<String> {
    desk.sql("SELECT watermark FROM tidegate_imports WHERE name = 'readings'")
}

#[test]
fn rows_that_only_the_database_refuses_do_not_move_it() {
    for (watermark, first, later, last) in [
        ("day", "2026-02-01", "2026-02-03", "2026-02-09"),
        ("at", "2026-02-01 08:00:00.25", "2026-02-03 08:00:00.25", "2026-02-09 08:00:00.25"),
        ("id", "1", "3", "10"),
    ] {
        for desk in desks() {
            let begun = [reading(1, "2026-02-01", Some("north"))];
            let done = import(&desk, watermark, &begun, &[], 0);
            assert_eq!((&done["watermark"], kept(&desk)), (&json!(first), vec![first.to_owned()]));
            // The newest breaks a rule, or has what another row of the table, or of the batch, has.
            for sensor in ["broken", "north", "south"] {
                let rows = [
                    reading(3, "2026-02-03", Some("south")),
                    reading(1, "2026-02-01", Some("north")),
                    reading(10, "2026-02-09", Some(sensor)),
                ];
                import(&desk, watermark, &rows, &[], 14);
                let done = import(&desk, watermark, &rows, &["--accept-good-rows"], 0);
                assert_eq!((&done["bad"], &done["watermark"]), (&json!(1), &json!(later)));
                assert_eq!(kept(&desk), [later], "{}: {sensor}", desk.database);
            }
            // Nothing but refused rows moves nothing.
            let rows = [reading(11, "2026-02-11", Some("broken"))];
            let done = import(&desk, watermark, &rows, &["--accept-good-rows"], 0);
            assert_eq!((&done["watermark"], kept(&desk)), (&Value::Null, vec![later.to_owned()]));
            // A row that the table has counts as much as one that is new.
            let rows = [reading(10, "2026-02-09", Some("east"))];
            for inserted in [1, 0] {
                let done = import(&desk, watermark, &rows, &[], 0);
                assert_eq!(
                    (&done["inserted"], &done["watermark"]),
                    (&json!(inserted), &json!(last))
                );
            }
            assert_eq!(kept(&desk), [last], "{}", desk.database);
        }
    }
}

#[test]
fn a_row_of_the_future_is_written_and_does_not_move_it() {
    for (watermark, at) in [("day", "2026-02-03"), ("at", "2026-02-03 08:00:00.25")] {
        for desk in desks() {
            let rows = [reading(1, "2999-12-31", None), reading(2, "2026-02-03", None)];
            let done = import(&desk, watermark, &rows, &[], 0);
            assert_eq!((&done["inserted"], &done["watermark"]), (&json!(2), &json!(at)));
            assert_eq!(kept(&desk), [at], "{}", desk.database);
            let done = import(&desk, watermark, &rows[..1], &[], 0);
            assert_eq!((&done["unchanged"], &done["watermark"]), (&json!(1), &Value::Null));
            assert_eq!(kept(&desk), [at], "{}", desk.database);
        }
    }
}

#[test]
fn the_type_of_the_column_in_the_table_does_not_change_it() {
    for (watermark, at) in [("day", "2026-02-03"), ("at", "2026-02-03 08:00:00.25"), ("id", "1")] {
        let [_, desk] = desks();
        desk.sql("CREATE TABLE readings (id INTEGER PRIMARY KEY, day TIMESTAMP, \"at\" VARCHAR, sensor VARCHAR)");
        let rows = [reading(1, "2026-02-03", None), reading(2, "2026-02-09", Some("broken"))];
        let done = import(&desk, watermark, &rows, &["--accept-good-rows"], 0);
        assert_eq!((&done["bad"], &done["watermark"]), (&json!(1), &json!(at)));
    }
}

/// A row of tomorrow that an API sends already does not hide the rest of today.
#[test]
fn today_is_asked_for_again_after_a_row_of_tomorrow() {
    let day = |days: i64| {
        let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        today.saturating_add(jiff::Span::new().days(days)).to_string()
    };
    for desk in desks() {
        let begun = day(0);
        let rows = [reading(1, &day(0), None), reading(2, &day(1), None)];
        let server = FaultProxy::start("127.0.0.1:1");
        server.add(Rule::when(|_: &Request| true).answer(200, &[], &json!(rows).to_string()));
        for _ in 0..2 {
            ask(&desk, "day", &server, &[], 0);
        }
        let ended = day(0);
        let second = &server.seen()[1].path;
        // It may be midnight between the two.
        let days = [(&begun, &begun), (&begun, &ended), (&ended, &ended)];
        let asked = days.map(|(start, end)| format!("/readings?start_date={start}&end_date={end}"));
        assert!(asked.contains(second), "{second}");
    }
}
