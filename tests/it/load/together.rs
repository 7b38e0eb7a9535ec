//! Other processes beside a load.

use tidegate::apply::data::swap::load_and_swap;

use super::*;

#[tokio::test]
async fn readers_of_sqlite_go_on() {
    let team = Team::new(Engine::Sqlite, "");
    team.load(&preset("sales"), &sales()).await;
    let reader = rusqlite::Connection::open(team.file()).unwrap();
    reader.execute_batch("begin").unwrap();
    let count = |reader: &rusqlite::Connection| -> i64 {
        reader.query_row("select count(*) from sales", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count(&reader), 3);
    let more = [row(2, ["2026-02-03", "7", "Tea", "2", "3.50", "7.00", "north"])];
    assert!(team.load(&preset("sales"), &more).await.written);
    // It sees one state until it begins anew.
    assert_eq!(count(&reader), 3);
    reader.execute_batch("commit").unwrap();
    assert_eq!(count(&reader), 4);
}

#[tokio::test]
async fn who_holds_the_file_is_named() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t (a integer)");
        let held = Held::new(&team);
        let sales = preset("sales");
        let spool = team.spool(&sales, &super::sales());
        let mut database = team.open().await;
        database.set_patience(Duration::from_millis(300));
        let error = database.load(&team.of(&sales, &spool)).await.unwrap_err();
        let DatabaseError::InUse { holder, .. } = &error else { panic!("{engine:?}: {error}") };
        assert!(holder.contains(&held.name()), "{engine:?}: {error}");
        drop(held);
        assert!(database.load(&team.of(&sales, &spool)).await.unwrap().written, "{engine:?}");
    }
}

/// A process, or a connection, that writes to the file.
enum Held {
    Process(std::process::Child),
    Connection(rusqlite::Connection),
}

impl Held {
    fn new(team: &Team) -> Self {
        match team.engine {
            Engine::Sqlite => {
                let connection = rusqlite::Connection::open(team.file()).unwrap();
                connection.execute_batch("begin immediate").unwrap();
                Self::Connection(connection)
            }
            Engine::DuckDb(version) => Self::Process(holding(version, &team.file(), &[])),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Process(child) => format!("process {} (", child.id()),
            Self::Connection(connection) => {
                assert!(!connection.is_autocommit());
                "another process".to_owned()
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Self::Process(child) = self {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

/// Starts a command that has opened the file, and holds it until it is killed.
fn holding(version: &str, file: &Path, flags: &[&str]) -> std::process::Child {
    let mut child = std::process::Command::new(duckdb::command(version))
        .args(["-init", "/dev/null", "-batch", "-json"])
        .args(flags)
        .arg(file)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let line = asked(&mut child, "select 'open' as state");
    assert!(line.contains("open"), "{line}");
    child
}

#[tokio::test]
async fn a_reader_of_duckdb_keeps_its_file_while_another_takes_its_place() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "");
        team.load(&preset("sales"), &sales()).await;
        let mut reader = holding(version, &team.file(), &["-readonly"]);
        let import = preset("sales");
        let more = [row(2, ["2026-02-03", "7", "Tea", "2", "3.50", "7.00", "north"])];
        let spool = team.spool(&import, &more);
        let load = Load { rows: 1, ..team.of(&import, &spool) };
        let mut database = team.open().await;
        database.set_patience(Duration::from_millis(300));
        let error = database.load(&load).await.unwrap_err();
        let named = format!("app.duckdb is in use by process {} (", reader.id());
        assert!(error.to_string().contains(&named), "{version}: {error}");
        let patience = Duration::from_millis(300);
        let file = team.file();
        let swap = || load_and_swap(database.as_ref(), &file, "app.duckdb", patience, &load);
        let loaded = swap().await.unwrap();
        assert_eq!((loaded.written, counts(&loaded)), (true, [1, 0, 0, 0]), "{version}");
        assert_eq!(team.text("select count(*) from sales").await, "4", "{version}");
        assert_eq!(asked(&mut reader, "select count(*) as n from sales"), "[{\"n\":3}]");
        end(reader);
        // A writer is waited for, and named as one.
        let writer = holding(version, &team.file(), &[]);
        let error = swap().await.unwrap_err();
        let named = format!("app.duckdb is in use by process {} (duckdb), which", writer.id());
        assert!(error.to_string().contains(&named), "{version}: {error}");
        end(writer);
        assert_eq!(counts(&swap().await.unwrap()), [0, 0, 1, 0], "{version}");
        assert_eq!(beside(&team), ["app.duckdb"], "{version}");
    }
}

#[tokio::test]
async fn a_file_with_rows_in_its_log_is_not_swapped_before_they_are_taken_in() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "create table notes (n integer)");
        let mut writer = holding(version, &team.file(), &[]);
        asked(&mut writer, "insert into notes values (1); select 1 as n");
        end(writer);
        let log = team.file().with_extension("duckdb.wal");
        assert!(log.metadata().unwrap().len() > 0, "{version}: nothing is in the log");
        let import = preset("sales");
        let spool = team.spool(&import, &sales());
        let load = Load { rows: 3, ..team.of(&import, &spool) };
        let database = team.open().await;
        let patience = Duration::from_secs(20);
        let file = team.file();
        let swap = || load_and_swap(database.as_ref(), &file, "app.duckdb", patience, &load);
        let held = (std::fs::read(&file).unwrap(), std::fs::read(&log).unwrap());
        let said = swap().await.unwrap_err().to_string();
        assert!(said.contains("rows wait in its log (.wal)"), "{version}: {said}");
        assert!(said.contains("open it once with the duckdb command"), "{version}: {said}");
        let after = (std::fs::read(&file).unwrap(), std::fs::read(&log).unwrap());
        assert!(held == after, "{version}: something was changed");
        assert_eq!(beside(&team), ["app.duckdb", "app.duckdb.wal"], "{version}");
        // What it says to do helps.
        duckdb::run(version, &file, "select 1");
        assert_eq!(counts(&swap().await.unwrap()), [3, 0, 0, 0], "{version}");
        assert_eq!(team.text("select n from notes").await, "1", "{version}");
        assert_eq!(beside(&team), ["app.duckdb"], "{version}");
    }
}

#[tokio::test]
async fn a_load_that_is_killed_leaves_nothing_half() {
    for version in duckdb::COMMANDS {
        let team = Team::new(
            Engine::DuckDb(version),
            "create table sales (date date, user_id bigint, product_name varchar, quantity bigint, \
             unit_price decimal(18,2), total_amount decimal(18,2), region varchar)",
        );
        // The command is killed when it has written all rows, before it commits.
        let script = team.folder.path().join("killed");
        let command = duckdb::command(version);
        let code = format!(
            "#!/bin/sh\ncase \"$*\" in *--version*|*-readonly*) exec {0} \"$@\";; esac\n\
             sed 's/^COMMIT;$/SELECT 1;\\n.shell kill -9 $PPID/' | {0} \"$@\"\nkill -9 $$\n",
            command.display()
        );
        std::fs::write(&script, code).unwrap();
        let mut permissions = script.metadata().unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
        std::fs::set_permissions(&script, permissions).unwrap();
        let mut config = DataConfig::default();
        config.duckdb.command = Some(script.display().to_string());
        let file = team.engine.file();
        let database = open(&config, team.folder.path(), file, &|_| None).await.unwrap();
        let import = preset("sales");
        let spool = team.spool(&import, &sales());
        for is_distinct in [false, true] {
            let load = Load { rows: 3, is_distinct, ..team.of(&import, &spool) };
            let error = database.load(&load).await.unwrap_err();
            assert!(matches!(error, DatabaseError::Ended { .. }), "{version}: {error}");
            assert_eq!(team.text("select count(*) from sales").await, "0", "{version}");
            assert_eq!(team.open().await.imports().await.unwrap(), [], "{version}");
        }
        let loaded = team.load(&import, &sales()).await;
        assert_eq!((loaded.written, counts(&loaded)), (true, [3, 0, 0, 0]), "{version}");
    }
}

/// The files beside the database, with itself.
fn beside(team: &Team) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(team.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("spool"))
        .collect();
    names.sort();
    names
}

/// Asks a command that holds a file; returns the first line of its answer.
fn asked(child: &mut std::process::Child, sql: &str) -> String {
    use std::io::{Read as _, Write as _};

    let input = child.stdin.as_mut().unwrap();
    input.write_all(format!("{sql};\n").as_bytes()).unwrap();
    input.flush().unwrap();
    let output = child.stdout.as_mut().unwrap();
    let mut line = Vec::new();
    let mut byte = [0];
    while output.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    String::from_utf8(line).unwrap()
}

fn end(mut child: std::process::Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}
