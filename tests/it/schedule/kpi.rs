//! Summary tables of a database that is not published.

use std::fs;

use rusqlite::Connection;

use super::{BEFORE, DUE, Team};

const CONFIGURATION: &str = "data:
  database: app.db
  aggregates:
    - name: kpi
      sql: |
        create table if not exists kpi(name text primary key, value real);
        insert or replace into kpi select 'revenue', sum(total_amount) from sales;
schedule:
  tasks:
    sales: { off: true }
    health: { off: true }
    backup: { off: true }
    prune: { off: true }
    kpi: { run: aggregates, cron: \"0 2 * * *\" }
";

#[test]
fn a_database_without_a_store_gets_its_summary_tables() {
    let team = Team::new("", "");
    fs::write(team.path(".github/tidegate.yml"), CONFIGURATION).unwrap();
    let file = team.path("app.db");
    let sales = "create table sales(total_amount real); insert into sales values";
    let made = Connection::open(&file).unwrap();
    made.execute_batch(&format!("{sales} (20), (2.5)")).unwrap();
    team.once(BEFORE).success();
    assert_eq!(team.once(DUE).success().line(), "kpi: done");
    let revenue = |database: &Connection| {
        database.query_row("select value from kpi", [], |row| row.get::<_, f64>(0)).unwrap()
    };
    assert!((revenue(&made) - 22.5).abs() < 1e-9);
    // Another one where the environment says so.
    let other = team.path("other.db");
    let made = Connection::open(&other).unwrap();
    made.execute_batch(&format!("{sales} (7)")).unwrap();
    let named = team.tidegate(&["--run", "kpi"]).env("DATABASE_PATH", "other.db");
    named.run().success();
    assert!((revenue(&made) - 7.0).abs() < 1e-9);
}
