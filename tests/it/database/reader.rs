//! Files that the app can open.

use super::*;

#[tokio::test]
async fn the_pin_of_the_app_decides_the_format() {
    for version in duckdb::COMMANDS {
        let team = Team::new(
            Engine::DuckDb(version),
            "create table t as select range as a from range(10)",
        );
        for (name, text, format) in [
            ("requirements.txt", "streamlit\nduckdb==1.2.2\n", "duckdb v1.2.0"),
            ("requirements.txt", "duckdb>=1.1,<2\n", "duckdb v1.1.0"),
            ("pyproject.toml", "[project]\ndependencies = ['duckdb~=1.3.1']\n", "duckdb v1.3.0"),
            ("uv.lock", "[[package]]\nname = 'duckdb'\nversion = '1.4.4'\n", "duckdb v1.4.0"),
        ] {
            let file = team.root().join(name);
            std::fs::write(&file, text).unwrap();
            let prepared = team.prepare().await;
            std::fs::remove_file(file).unwrap();
            let snapshot = prepared.snapshot.unwrap();
            assert_eq!(snapshot.storage_format, format, "{version} {text}");
            if format == "duckdb v1.2.0" {
                for reader in duckdb::READERS {
                    let read =
                        duckdb::read(reader, Path::new(&snapshot.file), "select sum(a) from t");
                    assert_eq!(read.as_deref(), Ok("[(45,)]"), "{version} {reader}");
                }
            }
            if format == "duckdb v1.3.0" {
                let read = duckdb::read("1.2.2", Path::new(&snapshot.file), "select 1");
                assert!(read.is_err(), "{version}: 1.2.2 opens {format}");
            }
        }
    }
}

#[tokio::test]
async fn a_configured_reader_outranks_the_pin() {
    let team = Team::new(Engine::DuckDb("1.5.6"), "create table t(a integer)");
    std::fs::write(team.root().join("requirements.txt"), "duckdb==1.2.2").unwrap();
    let team = team.with("reader_version", json!("1.5.0"));
    assert_eq!(team.prepare().await.snapshot.unwrap().storage_format, "duckdb v1.5.0");
    let team = team.with("reader_version", json!("0.9.2"));
    let prepared = team.prepare().await;
    assert_eq!(prepared.snapshot, None);
    let why = said(&prepared.checks[0].outcome);
    assert!(why.contains("data.reader_version asks for DuckDB 0.9.2"), "{why}");
    assert_eq!(prepared.in_the_way().count(), 1);
}

/// The Python package 2.0.0 stands in for a command of that version, which is not published yet.
fn new_engine(team: &Team, obeys: bool) {
    use std::os::unix::fs::PermissionsExt as _;

    let script = team.root().join("duckdb2");
    let edit = if obeys { "" } else { ".replace(\"(STORAGE_VERSION 'v1.2.0')\", '')" };
    let code = format!(
        "#!{}\nimport duckdb, json, sys\n\
         if '--version' in sys.argv: print('v2.0.0 (Test)'); sys.exit()\n\
         file = sys.argv[-1] if sys.argv[-1].startswith('/') else ':memory:'\n\
         c = duckdb.connect(file, read_only='-readonly' in sys.argv)\n\
         for s in c.extract_statements(sys.stdin.read(){edit}):\n\
         \x20   r = c.execute(s)\n\
         \x20   if r.description and r.description[0][0] == 'tidegate_answer':\n\
         \x20       print(json.dumps([dict(tidegate_answer=r.fetchone()[0])], separators=(',', ':')))\n",
        duckdb::python("2.0.0").display()
    );
    std::fs::write(&script, code).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_new_engine_writes_what_the_old_reader_opens() {
    let team =
        Team::new(Engine::DuckDb("1.5.6"), "create table t as select range as a from range(10)");
    new_engine(&team, true);
    let team = team.limited("command", "./duckdb2");
    let prepared = team.prepare().await;
    assert_eq!(prepared.snapshot.unwrap().storage_format, "duckdb v2.0.0");
    assert!(prepared.warnings[0].contains("set `data.reader_version`"), "{:?}", prepared.warnings);
    let team = team.with("reader_version", json!("1.2.2"));
    let snapshot = team.prepare().await.snapshot.unwrap();
    assert_eq!(snapshot.storage_format, "duckdb v1.2.0");
    let read = duckdb::read("1.2.2", Path::new(&snapshot.file), "select sum(a) from t");
    assert_eq!(read.as_deref(), Ok("[(45,)]"));
}

#[tokio::test]
async fn a_file_that_the_reader_cannot_open_is_not_published() {
    let team = Team::new(Engine::DuckDb("1.5.6"), "create table t(a integer)");
    new_engine(&team, false);
    let team = team.limited("command", "./duckdb2").with("reader_version", json!("1.2.2"));
    let prepared = team.prepare().await;
    assert_eq!(prepared.snapshot, None);
    assert_eq!(
        said(&prepared.checks[0].outcome),
        "failed: data.reader_version asks for DuckDB 1.2.2, and the file would need v2.0.0 or newer: \
         use a newer duckdb command here, or a newer version in the app"
    );
}
