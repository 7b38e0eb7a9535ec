//! Consistent copies: of what is in the write-ahead log, beside writers, without a trace.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use super::*;
use crate::harness::environment::isolated_command;

/// Makes everything that a DuckDB file may hold.
const EVERYTHING: &str = "
    create schema marts;
    create type mood as enum ('good', 'bad');
    create sequence ids start 5;
    create table t(id integer primary key default nextval('ids'), m mood, d decimal(10,2), seen_at timestamptz);
    insert into t(m, d, seen_at) values ('good', 1.5, '2026-02-07 10:00:00+01'), ('bad', null, null);
    create index by_d on t(d);
    create table marts.facts as select range as r, 'row ' || range as text from range(5000);
    create table computed(a integer, b integer generated always as (a + 1));
    insert into computed values (3);
    create view marts.v as select r from marts.facts where r < 10;
    create macro plus(x) as x + 1;
    create macro rows_of(x) as table select x as y;
    comment on table t is 'the table';
";

#[tokio::test]
async fn a_copy_holds_everything_and_its_source_is_untouched() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), EVERYTHING);
        let before = contents(&team);
        let target = team.scratch.path().join("analytics.duckdb");
        let format = team.open().await.snapshot(&target, Some("v1.2.0")).await.unwrap();
        assert_eq!(format, "duckdb v1.2.0", "{version}");
        assert_eq!(contents(&team), before, "{version}");
        let left: Vec<_> = std::fs::read_dir(team.scratch.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "{version}: {left:?}");
        let copy = team.try_open(target.to_str().unwrap()).await.unwrap();
        for (sql, expected) in [
            ("select count(*) from t", json!(2)),
            ("select id from t where m = 'bad'", json!(6)),
            ("select count(*) from marts.v", json!(10)),
            ("select b from computed", json!(4)),
            ("select plus(4)", json!(5)),
            ("select y from rows_of(7)", json!(7)),
            ("select count(*) from duckdb_indexes()", json!(1)),
            ("select comment from duckdb_tables() where table_name = 't'", json!("the table")),
            ("select start_value from duckdb_sequences()", json!(7)),
        ] {
            let rows = copy.query(sql, &[], 1).await.unwrap();
            assert_eq!(rows.rows[0][0], expected, "{version}: {sql}");
        }
        let again = team.open().await.snapshot(&target, None).await;
        assert!(matches!(again, Err(DatabaseError::Io { .. })), "{version}: {again:?}");
    }
}

#[tokio::test]
async fn tables_with_foreign_keys_are_copied_in_their_order() {
    for version in duckdb::COMMANDS {
        // In the order of names, each table comes before what it refers to.
        let team = Team::new(
            Engine::DuckDb(version),
            "create table z(id integer primary key); create table b(id integer primary key, z integer references z(id));
             create table a(b integer references b(id)); create table free as select 1 as one;
             insert into z values (1); insert into b values (2, 1); insert into a values (2);",
        );
        let target = team.scratch.path().join("copy.duckdb");
        team.open().await.snapshot(&target, None).await.unwrap();
        let copy = team.try_open(target.to_str().unwrap()).await.unwrap();
        let rows = copy.query(
            "select a.b, b.z, (select one from free) from a join b on b.id = a.b",
            &[],
            2,
        );
        assert_eq!(json!(rows.await.unwrap().rows), json!([[2, 1, 1]]), "{version}");
        let keys =
            "select count(*) from duckdb_constraints() where constraint_type = 'FOREIGN KEY'";
        assert_eq!(value(copy.as_ref(), keys).await, json!(2), "{version}");
    }
}

#[tokio::test]
async fn what_is_still_in_the_log_is_copied() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "create table t(a integer)");
        team.write(
            "pragma disable_checkpoint_on_shutdown; set wal_autocheckpoint='1GB';
             insert into t select range from range(500);",
        );
        let before = contents(&team);
        assert_eq!(before.len(), 2, "{version}: there is no log: {:?}", before[0].0);
        let target = team.scratch.path().join("copy.duckdb");
        team.open().await.snapshot(&target, None).await.unwrap();
        assert_eq!(contents(&team), before, "{version}");
        let copy = team.try_open(target.to_str().unwrap()).await.unwrap();
        assert_eq!(value(copy.as_ref(), "select count(*) from t").await, json!(500), "{version}");
    }
    let team = Team::new(Engine::Sqlite, "pragma journal_mode = wal; create table t(a integer);");
    let writer = rusqlite::Connection::open(team.file()).unwrap();
    writer.execute_batch("pragma wal_autocheckpoint = 0; insert into t values (1), (2);").unwrap();
    let target = team.scratch.path().join("copy.db");
    assert_eq!(team.open().await.snapshot(&target, None).await.unwrap(), "sqlite 3");
    let copy = team.try_open(target.to_str().unwrap()).await.unwrap();
    assert_eq!(value(copy.as_ref(), "select count(*) from t").await, json!(2));
    let left: Vec<_> = std::fs::read_dir(team.scratch.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[tokio::test]
async fn small_contents_give_the_same_bytes_again() {
    for engine in Engine::all() {
        let team = Team::new(
            engine,
            "create table t(a integer, b varchar); insert into t values (1, 'x'), (2, 'y');",
        );
        let (one, two) = (team.scratch.path().join("one"), team.scratch.path().join("two"));
        let database = team.open().await;
        database.snapshot(&one, None).await.unwrap();
        database.snapshot(&two, None).await.unwrap();
        assert_eq!(std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap(), "{engine:?}");
    }
}

#[tokio::test]
async fn a_copy_beside_a_writer_is_one_state() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    let team = Team::new(
        Engine::Sqlite,
        "pragma journal_mode = wal; create table t(a integer, filler text); create table sums(total integer); insert into sums values (0);",
    );
    let (stop, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (file, stopped, counted) = (team.file(), Arc::clone(&stop), Arc::clone(&rounds));
    let writing = std::thread::spawn(move || {
        let writer = rusqlite::Connection::open(&file).unwrap();
        while !stopped.load(Ordering::Relaxed) {
            writer
                .execute_batch(
                    "begin; insert into t values (1, hex(randomblob(2000))); update sums set total = total + 1; commit;",
                )
                .unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut copies = Vec::new();
    for number in 0..10 {
        let seen = rounds.load(Ordering::Relaxed);
        while rounds.load(Ordering::Relaxed) < seen + 20 {
            assert!(!writing.is_finished(), "the writer ended");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let target = team.scratch.path().join(format!("{number}.db"));
        team.open().await.snapshot(&target, None).await.unwrap();
        copies.push(target);
    }
    stop.store(true, Ordering::Relaxed);
    writing.join().unwrap();
    let mut last = 0;
    for copy in copies {
        let copy = rusqlite::Connection::open(copy).unwrap();
        let (rows, total): (i64, i64) = copy
            .query_row("select (select count(*) from t), total from sums", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!(rows, total);
        assert!(rows > last, "{rows} after {last}");
        last = rows;
    }
}

/// A process that has a DuckDB file open for writing.
struct Holder(Child);

impl Holder {
    fn of(team: &Team, version: &str) -> Self {
        let mut child = isolated_command(duckdb::command(version), team.root())
            .args(["-init", "/dev/null", "-batch", "-csv", "-noheader"])
            .arg(team.file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        writeln!(child.stdin.as_mut().unwrap(), "insert into t values (3); select 'held';")
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.as_mut().unwrap());
        while !line.contains("held") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the holder ended");
        }
        Self(child)
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_file_in_use_names_its_holder() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "create table t(a integer)");
        let team = team.limited("timeout", "2s");
        let holder = Holder::of(&team, version);
        let target = team.scratch.path().join("copy.duckdb");
        let error = team.open().await.snapshot(&target, None).await.unwrap_err();
        let pid = format!("process {} ({}", holder.0.id(), duckdb::command(version).display());
        assert!(matches!(error, DatabaseError::InUse { .. }), "{version}: {error}");
        assert!(error.to_string().contains(&pid), "{version}: {error}");
        assert!(!target.exists());
        let prepared = team.prepare().await;
        let step = prepared.steps.last().unwrap();
        assert_eq!(step.name, "snapshot of data/analytics.duckdb");
        assert!(
            said(&step.outcome)
                .starts_with("inconclusive: data/analytics.duckdb is in use by process")
        );
        assert_eq!(prepared.snapshot, None);
    }
}

#[tokio::test]
async fn a_file_that_is_released_is_copied() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "create table t(a integer)");
        let mut holder = Holder::of(&team, version);
        let target = team.scratch.path().join("copy.duckdb");
        let database = team.open().await;
        let mut copying = std::pin::pin!(database.snapshot(&target, None));
        let step = tokio::time::sleep(std::time::Duration::from_millis(600));
        tokio::select! {
            copied = &mut copying => panic!("{version}: {copied:?} while the file was held"),
            () = step => {}
        }
        // It ends at the end of its input, and writes what it has.
        drop(holder.0.stdin.take());
        assert!(holder.0.wait().unwrap().success());
        copying.await.unwrap();
        let copy = team.try_open(target.to_str().unwrap()).await.unwrap();
        assert_eq!(value(copy.as_ref(), "select a from t").await, json!(3), "{version}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer)");
        std::fs::write(
            team.file(),
            "this is no database, and longer than a header would be".repeat(100),
        )
        .unwrap();
        let target = team.scratch.path().join("copy");
        let error = team.open().await.snapshot(&target, None).await.unwrap_err();
        assert!(matches!(error, DatabaseError::Open { .. }), "{engine:?}: {error}");
        std::fs::remove_file(team.file()).unwrap();
        let error = team.open().await.snapshot(&target, None).await.unwrap_err();
        assert!(error.to_string().contains("there is no such file"), "{engine:?}: {error}");
        let error = team.open().await.execute("create table x(a integer)").await.unwrap_err();
        assert!(matches!(error, DatabaseError::Open { .. }), "{engine:?}: {error}");
        assert!(!team.file().exists() && !target.exists(), "{engine:?}");
    }
}
