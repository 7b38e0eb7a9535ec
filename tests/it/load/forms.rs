//! Tables that hold values in another form than imports write: their rows would not be known again.

use serde_json::json;
use tidegate::data::import::{Import, LoadMode};

use super::{Engine, Team, counts, import, row};

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
