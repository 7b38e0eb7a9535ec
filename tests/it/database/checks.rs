//! The checks, on the snapshot.

use super::*;

const TABLES: &str = "
    create table fct_prices(day date, price double precision, shop varchar, seen_at timestamp);
    insert into fct_prices values
        ('2026-02-06', 1.5, 'a', '2026-02-07 11:00:00'),
        ('2026-02-05', null, 'b', '2026-02-01 11:00:00'),
        ('2026-02-05', 2.5, 'b', null);
    create table empty(a integer, day date);
";

/// Runs the checks and returns what each came to, by name.
async fn outcomes(team: &Team, served: Option<&Pointer>) -> Vec<(String, String)> {
    let before = contents(team);
    let prepared = team.prepared(true, served, &|_| {}).await.unwrap();
    assert_eq!(contents(team), before, "the source was changed");
    let shown = prepared.checks.iter().map(|check| (check.name.clone(), said(&check.outcome)));
    shown.collect()
}

fn pointer(figures: Value, columns: Value) -> Pointer {
    serde_json::from_value(json!({
        "format": 1, "version": format!("sha256:{}", "0".repeat(64)), "sha256": "0".repeat(64), "size": 1,
        "created": "2026-02-06T00:00:00Z", "storage_format": "sqlite 3", "path": "versions/0.db",
        "figures": figures, "columns": columns, "moved": "2026-02-06T00:00:00Z",
    }))
    .unwrap()
}

#[tokio::test]
async fn every_kind_passes_fails_and_is_inconclusive() {
    for engine in Engine::all() {
        let table = "fct_prices";
        let cases = [
            (json!({"kind": "rows", "table": table, "min": 3, "max": 3}), "passed"),
            (json!({"kind": "rows", "table": "main.fct_prices", "min": 4}), "failed: 3 is below 4"),
            (json!({"kind": "rows", "table": "nosuch", "min": 1}), "inconclusive"),
            (
                json!({"kind": "rows", "table": "x\"; drop table fct_prices; --", "min": 1}),
                "inconclusive",
            ),
            (json!({"kind": "nulls", "table": table, "column": "price", "max": 1}), "passed"),
            (
                json!({"kind": "nulls", "table": table, "column": "price", "max": 0}),
                "failed: 1 is above 0",
            ),
            (
                json!({"kind": "nulls", "table": table, "column": "nosuch", "max": 0}),
                "inconclusive",
            ),
            (json!({"kind": "distinct", "table": table, "column": "shop", "min": 2}), "passed"),
            (
                json!({"kind": "distinct", "table": table, "column": "shop", "min": 3}),
                "failed: 2 is below 3",
            ),
            (
                json!({"kind": "distinct", "table": table, "column": "a\"b", "min": 3}),
                "inconclusive",
            ),
            (
                json!({"kind": "freshness", "table": table, "column": "day", "max_age": "36h"}),
                "passed",
            ),
            (
                json!({"kind": "freshness", "table": table, "column": "seen_at", "max_age": "2h"}),
                "passed",
            ),
            (
                json!({"kind": "freshness", "table": table, "column": "day", "max_age": "1d"}),
                "failed: the newest value 2026-02-06 is 36 h old",
            ),
            (
                json!({"kind": "freshness", "table": table, "column": "shop", "max_age": "1d"}),
                "inconclusive: the newest value \"b\"",
            ),
            (
                json!({"kind": "freshness", "table": "empty", "column": "day", "max_age": "1d"}),
                "inconclusive: the column has no value",
            ),
            (json!({"kind": "schema", "table": table}), "passed"),
            (
                json!({"kind": "schema", "table": "nosuch"}),
                "inconclusive: there is no table nosuch",
            ),
            (json!({"sql": "select count(*) = 3 from fct_prices"}), "passed"),
            (json!({"sql": "select count(*) = 4 from fct_prices;"}), "failed: the query gave"),
            (json!({"sql": "select max(price) from empty_one"}), "inconclusive"),
            (
                json!({"sql": "select max(a) from empty", "min": 1}),
                "inconclusive: the query gave NULL",
            ),
            (json!({"sql": "select avg(price) from fct_prices", "min": 2, "max": 2}), "passed"),
            (json!({"sql": "delete from fct_prices"}), "inconclusive"),
        ];
        let (mut checks, mut expected) = (Vec::new(), Vec::new());
        for (number, (mut check, outcome)) in cases.into_iter().enumerate() {
            check["name"] = json!(format!("{number}"));
            checks.push(check);
            expected.push(outcome);
        }
        let team = Team::new(engine, TABLES).with("checks", json!(checks));
        for ((name, outcome), expected) in outcomes(&team, None).await.into_iter().zip(expected) {
            let number: usize = name.parse().unwrap();
            assert!(outcome.starts_with(expected), "{engine:?} {}: {outcome}", checks[number]);
        }
    }
}

#[tokio::test]
async fn times_with_a_zone_are_compared_in_utc() {
    for version in duckdb::COMMANDS {
        let team = Team::new(
            Engine::DuckDb(version),
            "create table t(z timestamptz, n timestamp_ns, d date);
             insert into t values ('2026-02-07 13:30:00+02', '2026-02-07 11:30:00.123456789', 'infinity');",
        );
        let check = |column: &str| json!({"name": column, "kind": "freshness", "table": "t", "column": column, "max_age": "40m"});
        let team = team.with("checks", json!([check("z"), check("n"), check("d")]));
        let found = outcomes(&team, None).await;
        assert_eq!(found[0].1, "passed", "{version}");
        assert_eq!(found[1].1, "passed", "{version}");
        assert!(found[2].1.starts_with("inconclusive: the newest value \"infinity\""), "{version}");
    }
}

#[tokio::test]
async fn numbers_and_columns_are_compared_with_the_served_version() {
    for engine in Engine::all() {
        let team = Team::new(engine, TABLES).with(
            "checks",
            json!([
                {"name": "rows", "kind": "rows", "table": "fct_prices", "max_drop": "10%"},
                {"name": "schema", "kind": "schema", "table": "fct_prices"},
                {"name": "advisory", "kind": "rows", "table": "fct_prices", "min": 100, "required": false},
            ]),
        );
        let first = team.prepare().await;
        assert_eq!(first.in_the_way().count(), 0, "{engine:?}: {:?}", first.checks);
        assert_eq!(first.figures["rows"], 3.0);
        assert_eq!(first.warnings.len(), 2, "{:?}", first.warnings);
        let columns = json!(first.columns);
        let same = pointer(json!({"rows": 3}), columns.clone());
        assert_eq!(outcomes(&team, Some(&same)).await[0].1, "passed", "{engine:?}");
        let more = pointer(json!({"rows": 10}), columns);
        team.write("alter table fct_prices drop column seen_at; alter table fct_prices add column extra varchar;");
        let found = outcomes(&team, Some(&more)).await;
        assert_eq!(
            found[0].1,
            "failed: 3, after 10 in the served version, a drop of more than 10%"
        );
        assert_eq!(found[1].1, "failed: seen_at is missing", "{engine:?}");
    }
}
