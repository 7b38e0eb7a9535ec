//! Commands and aggregates before the snapshot.

use std::sync::Mutex;

use super::*;
use crate::harness::tidegate::Tidegate;

const ORDERS: &str = "
    create table orders(id integer, customer integer, day date, amount double precision);
    insert into orders values (1, 1, '2026-02-01', 10), (2, 1, '2026-02-06', 20), (3, 2, '2026-01-02', 5);
    create table visits(customer integer);
    insert into visits values (1), (2), (3), (4);
";

/// The aggregates and checks of the example in the how-to, for the engine.
fn example(team: Team) -> Team {
    let text = include_str!("../../../docs/how-to/data-checks.md");
    let (_, after) = text.split_once("```yaml\n").unwrap();
    let (text, _) = after.split_once("\n```").unwrap();
    let text = match team.engine {
        Engine::DuckDb(_) => text.to_owned(),
        Engine::Sqlite => text.replace("max(day) - interval 30 day", "date(max(day), '-30 days')"),
    };
    let config: Value = serde_yaml::from_str(&text).unwrap();
    let (aggregates, checks) = (&config["data"]["aggregates"], &config["data"]["checks"]);
    assert!(aggregates.is_array() && checks.is_array());
    team.with("aggregates", aggregates.clone()).with("checks", checks.clone())
}

#[tokio::test]
async fn aggregates_give_the_same_twice() {
    for engine in Engine::all() {
        let team = example(Team::new(engine, ORDERS));
        let all = "select name, value from kpi_summary order by name";
        let mut seen = Vec::new();
        for _ in 0..2 {
            let prepared = team.prepare().await;
            assert_eq!(
                prepared.in_the_way().count(),
                0,
                "{engine:?}: {:?} {:?}",
                prepared.steps,
                prepared.checks
            );
            assert_eq!(prepared.checks.len(), 7);
            let copy = team.try_open(&prepared.snapshot.unwrap().file).await.unwrap();
            seen.push(copy.query(all, &[], 10).await.unwrap().rows);
        }
        let expected = json!([
            ["active_users", 2.0],
            ["conversion_rate", 0.5],
            ["orders", 3.0],
            ["orders_30_days", 2.0],
            ["revenue", 35.0],
            ["revenue_30_days", 30.0]
        ]);
        assert_eq!(json!(seen), json!([expected, expected]), "{engine:?}");
    }
}

#[tokio::test]
async fn an_aggregate_that_fails_leaves_nothing_and_stops_the_rest() {
    for engine in Engine::all() {
        let team = Team::new(engine, ORDERS).with(
            "aggregates",
            json!([
                {"name": "half", "sql": "delete from orders; insert into nosuch values (1);"},
                {"name": "later", "sql": "delete from visits"},
            ]),
        );
        let prepared = team.prepare().await;
        assert_eq!(prepared.steps.len(), 1, "{engine:?}");
        let why = said(&prepared.steps[0].outcome);
        assert!(
            why.starts_with("failed: data/analytics") && why.contains("nosuch"),
            "{engine:?}: {why}"
        );
        assert_eq!((prepared.snapshot, prepared.checks.len()), (None, 0));
        assert_eq!(team.value("select count(*) from orders").await, json!(3), "{engine:?}");
        assert_eq!(team.value("select count(*) from visits").await, json!(4), "{engine:?}");
    }
}

#[tokio::test]
async fn steps_run_in_order_and_their_lines_are_told() {
    let team = Team::new(Engine::Sqlite, "create table t(a integer)").with(
        "before",
        json!([
            {"run": "echo one; echo \"s3cret-of-the-store \u{1b}[31mred\"; echo $GREETING > said", "dir": "data", "env": {"GREETING": "hello"}},
            {"run": "cat data/said; test -z \"$AZURE_ACCOUNT_KEY$TIDEGATE_TOKEN\""},
        ]),
    );
    let lines = Mutex::new(Vec::new());
    let say = |line: &str| lines.lock().unwrap().push(line.to_owned());
    let prepared = team.prepared(false, None, &say).await.unwrap();
    assert_eq!(prepared.in_the_way().count(), 0, "{:?}", prepared.steps);
    assert_eq!((prepared.steps.len(), prepared.snapshot), (2, None));
    let lines = lines.into_inner().unwrap().join("\n");
    assert!(lines.contains("\none\n*** red\n") && lines.ends_with("\nhello"), "{lines}");
}

#[tokio::test]
async fn a_step_that_fails_is_told_from_one_that_cannot_run() {
    for (step, expected) in [
        (
            json!({"run": "echo s3cret-of-the-store; echo wrong >&2; exit 3"}),
            "failed: ended with 3: ***\nwrong",
        ),
        (json!({"run": "no-such-command-here"}), "inconclusive: ended with 127"),
        (json!({"run": "kill -9 $$"}), "inconclusive: was ended (signal: 9"),
        (
            json!({"run": "echo begun; sleep 1000", "timeout": "1s"}),
            "inconclusive: did not end within 1s and was stopped: begun",
        ),
        (json!({"run": "true", "dir": "nosuch"}), "inconclusive: there is no folder nosuch"),
    ] {
        let team = Team::new(Engine::Sqlite, "create table t(a integer)")
            .with("before", json!([step, {"run": "touch later"}]));
        let prepared = team.prepare().await;
        assert_eq!(prepared.steps.len(), 1);
        let why = said(&prepared.steps[0].outcome);
        assert!(why.starts_with(expected), "{step}: {why}");
        assert_eq!(prepared.snapshot, None);
        assert!(!team.root().join("later").exists());
    }
}

/// Nobody watches in a job of a workflow: its log has the lines all the same.
#[test]
fn the_log_of_a_job_has_what_the_steps_say() {
    let folder = tempfile::TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join(".github")).unwrap();
    let config = "version: 1\ndata:\n  store: file:///nowhere\n  layers: { bronze: { path: data/bronze } }\n  before:\n    - run: \"echo 1 of 3 START; echo '::set-output name=verdict::promote'; printf '\\\\033[31mred\\\\n'\"\n";
    std::fs::write(folder.path().join(".github/tidegate.yml"), config).unwrap();
    let run = |arguments: &[&str]| {
        let arguments = [&["sync", "--steps-only"], arguments].concat();
        Tidegate::new().args(&arguments).current_dir(folder.path()).run().success()
    };
    for arguments in [&[][..], &["--json"]] {
        let said = run(arguments).stderr;
        assert!(said.contains("\n1 of 3 START\n") && said.contains("\nred\n"), "{said:?}");
        assert!(said.contains("set-output") && !said.contains("\n::set-output"), "{said:?}");
    }
    assert_eq!(run(&["--quiet"]).stderr, "");
}
