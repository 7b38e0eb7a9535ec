//! Other processes beside a load.

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
    use std::io::{BufRead as _, BufReader, Write as _};

    let mut child = std::process::Command::new(duckdb::command(version))
        .args(["-init", "/dev/null", "-batch", "-json"])
        .args(flags)
        .arg(file)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.as_mut().unwrap();
    input.write_all(b"select 'open' as state;\n").unwrap();
    input.flush().unwrap();
    let mut line = String::new();
    let mut output = BufReader::new(child.stdout.as_mut().unwrap());
    output.read_line(&mut line).unwrap();
    assert!(line.contains("open"), "{line}");
    child
}
