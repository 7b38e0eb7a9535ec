//! Queries, and text in them that wants more.

use super::*;

#[tokio::test]
async fn values_of_every_kind_come_back_alike() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer)");
        let database = team.open().await;
        let sql = "select 1 as n, 0.5 as f, 'it''s \u{1b}[31m \"ü\"' as s, null as missing";
        let rows = database.query(sql, &[], 5).await.unwrap();
        assert_eq!(rows.columns, ["n", "f", "s", "missing"], "{engine:?}");
        assert_eq!(
            json!(rows.rows),
            json!([[1, 0.5, "it's \u{1b}[31m \"ü\"", null]]),
            "{engine:?}"
        );
        let none = database.query("select 1 where 1 = 2", &[], 5).await.unwrap();
        assert!(none.rows.is_empty(), "{engine:?}");
        let many = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100) select i from n order by i desc; -- done";
        let rows = database.query(many, &[], 2).await.unwrap();
        assert_eq!(json!(rows.rows), json!([[100], [99]]), "{engine:?}");
    }
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "create table t(a integer)");
        let sql = "select true as b, 'nan'::double as n, 12.5::decimal(8,2) as d, sum(1) as h, now() is not null as x";
        let rows = team.open().await.query(sql, &[], 2).await.unwrap();
        assert_eq!(json!(rows.rows), json!([[true, "NaN", 12.5, 1, true]]), "{version}");
    }
}

#[tokio::test]
async fn parameters_stay_values() {
    let hostile = "'; drop table t; --\n.shell touch pwned\n\"$1 ?1";
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer); insert into t values (7)");
        let database = team.open().await;
        let parameters = [json!(hostile), json!(-3), json!(null)];
        let sql = "select $1 as a, $2 as b, $3 as c, (select max(a) from t) as d";
        let rows = database.query(sql, &parameters, 2).await.unwrap();
        assert_eq!(json!(rows.rows), json!([[hostile, -3, null, 7]]), "{engine:?}");
        let list = database.query("select $1 as a", &[json!([1])], 1).await;
        assert!(matches!(list, Err(DatabaseError::Text { .. })), "{engine:?}");
        assert!(!team.root().join("pwned").exists());
    }
}

#[tokio::test]
async fn a_query_changes_nothing_and_reaches_nothing_else() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer); insert into t values (7)");
        let other = team.root().join("other.csv");
        std::fs::write(&other, "a\n1\n").unwrap();
        let before = contents(&team);
        let database = team.open().await;
        let written = team.root().join("written");
        for sql in [
            "delete from t".to_owned(),
            "select 1; delete from t".to_owned(),
            "select 1) q; delete from t; select * from (select 1".to_owned(),
            "select 1\n;\n.shell touch written\n".to_owned(),
            ".shell touch written".to_owned(),
            format!("attach '{}' as w", written.display()),
            format!("copy t to '{}'", written.display()),
            format!("select * from read_csv('{}')", other.display()),
            format!("select * from '{}'", other.display()),
            "set enable_external_access=true".to_owned(),
            "select getenv('HOME')".to_owned(),
            "pragma journal_mode = delete".to_owned(),
        ] {
            // Some are no SQL of the one engine; none may succeed in either.
            let refused = database.query(&sql, &[], 1).await;
            let only_said =
                matches!((&refused, engine), (Ok(_), Engine::Sqlite)) && sql.starts_with("pragma");
            assert!(refused.is_err() || only_said, "{engine:?} {sql}: {refused:?}");
        }
        assert_eq!(contents(&team), before, "{engine:?}");
        assert!(!written.exists(), "{engine:?}");
        assert_eq!(value(database.as_ref(), "select count(*) from t").await, json!(1));
    }
}

#[tokio::test]
async fn what_the_engine_says_comes_with_its_place() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer)");
        let error = team.open().await.query("select nosuch from t", &[], 1).await.unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, DatabaseError::Sql { .. }), "{engine:?} {said}");
        assert!(said.starts_with(engine.file()) && said.contains("nosuch"), "{engine:?} {said}");
        if engine != Engine::Sqlite {
            assert!(said.contains("LINE "), "{engine:?} {said}");
        }
        // SQLite would take it for a text.
        let quoted = team.open().await.query("select \"nosuch\" from t", &[], 1).await;
        assert!(quoted.is_err(), "{engine:?} {quoted:?}");
    }
}

#[tokio::test]
async fn statements_run_all_or_not_at_all() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer not null)");
        let database = team.open().await;
        let half = "insert into t values (1); insert into t values (null);";
        assert!(database.execute(half).await.is_err(), "{engine:?}");
        for sql in ["insert into t values (1); commit", "insert into t values (1);\n.shell id"] {
            let refused = database.execute(sql).await;
            assert!(matches!(refused, Err(DatabaseError::Text { .. })), "{engine:?} {refused:?}");
        }
        assert_eq!(value(database.as_ref(), "select count(*) from t").await, json!(0));
        database
            .execute("insert into t values (1);\ninsert into t values (2); -- end")
            .await
            .unwrap();
        assert_eq!(value(database.as_ref(), "select sum(a) from t").await, json!(3));
    }
}
