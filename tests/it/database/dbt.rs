//! A real dbt project as a step.

use super::*;

const RAW: &str = "create table raw_prices as
    select date '2026-02-01' + (i // 3)::integer as day, 'shop ' || (i % 3) as shop, i * 1.5 as price
    from range(30) r(i);";

/// Puts the project beside the database, and dbt on the step's `PATH`.
fn project(team: Team) -> Team {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/database/dbt_project");
    let target = team.root().join("transform");
    std::fs::create_dir_all(target.join("models")).unwrap();
    for file in [
        "dbt_project.yml",
        "profiles.yml",
        "models/stg_prices.sql",
        "models/fct_prices.sql",
        "models/schema.yml",
    ] {
        std::fs::copy(source.join(file), target.join(file)).unwrap();
    }
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", duckdb::dbt_folder().display());
    team.with(
        "before",
        json!([{"run": "dbt --no-use-colors build", "dir": "transform", "timeout": "5m", "env": {
            "PATH": path, "DBT_PROFILES_DIR": ".", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        }}]),
    )
    .with(
        "checks",
        json!([{"name": "days", "kind": "rows", "table": "fct_prices", "min": 10, "max": 10}]),
    )
}

#[tokio::test]
async fn dbt_makes_what_is_checked() {
    let team = project(Team::new(Engine::DuckDb("1.5.6"), RAW));
    let prepared = team.prepare().await;
    assert_eq!(prepared.in_the_way().count(), 0, "{:?} {:?}", prepared.steps, prepared.checks);
    assert_eq!(prepared.figures["days"], 10.0);
    assert!(prepared.snapshot.is_some());
}

#[tokio::test]
async fn what_fails_in_dbt_is_named() {
    let team = project(Team::new(Engine::DuckDb("1.5.6"), RAW));
    team.write("insert into raw_prices values ('2026-02-01', null, 1)");
    let prepared = team.prepare().await;
    let why = said(&prepared.steps[0].outcome);
    assert!(
        why.starts_with(
            "failed: ended with 1: dbt: 1 of 3 nodes failed: test.tiny.not_null_stg_prices_shop"
        ),
        "{why}"
    );
    assert_eq!((prepared.snapshot, prepared.checks.len()), (None, 0));
    std::fs::write(
        team.root().join("transform/models/fct_prices.sql"),
        "select nosuch from raw_prices",
    )
    .unwrap();
    let why = said(&team.prepare().await.steps[0].outcome);
    assert!(why.contains("model.tiny.fct_prices (") && why.contains("nosuch"), "{why}");
    // Results of an earlier run are not this run's.
    let team = team.with("before", json!([{"run": "echo other; exit 1", "dir": "transform"}]));
    assert_eq!(said(&team.prepare().await.steps[0].outcome), "failed: ended with 1: other");
}
