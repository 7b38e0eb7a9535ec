//! Time, memory, and engines that are not there.

use super::*;

/// Takes longer than anyone waits.
const ENDLESS: &str =
    "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";

#[tokio::test]
async fn an_operation_ends_after_its_time() {
    for engine in Engine::all() {
        let team = Team::new(engine, "create table t(a integer)").limited("timeout", "1s");
        let database = team.open().await;
        let error = database.query(ENDLESS, &[], 1).await.unwrap_err();
        assert!(matches!(error, DatabaseError::TimedOut { seconds: 1, .. }), "{engine:?}: {error}");
        let error = database.execute(&format!("create table x as {ENDLESS}")).await.unwrap_err();
        assert!(matches!(error, DatabaseError::TimedOut { .. }), "{engine:?}: {error}");
        // Nobody holds the file any more.
        let team = team.limited("timeout", "1m");
        team.open().await.execute("insert into t values (1)").await.unwrap();
        assert_eq!(team.value("select count(*) from t").await, json!(1), "{engine:?}");
    }
}

#[tokio::test]
async fn the_command_is_killed_with_what_it_started() {
    let team = Team::new(Engine::DuckDb("1.5.6"), "create table t(a integer)");
    let script = team.root().join("slow");
    let pids = team.root().join("pids");
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo v1.5.6; exit; }}\nsleep 1000 &\necho $! > {}\nwait\n",
            pids.display()
        ),
    )
    .unwrap();
    executable(&script);
    let team = team.limited("command", "./slow").limited("timeout", "2s");
    let error = team.open().await.query("select 1", &[], 1).await.unwrap_err();
    assert!(matches!(error, DatabaseError::TimedOut { .. }), "{error}");
    let pid = std::fs::read_to_string(pids).unwrap();
    let status = format!("/proc/{}/stat", pid.trim());
    for _ in 0..500 {
        match std::fs::read_to_string(&status) {
            Ok(text) if !text.contains(") Z") && !text.contains(") X") => {}
            Ok(_) | Err(_) => return,
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("process {pid} still runs");
}

pub fn executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;

    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn memory_is_bounded() {
    for version in duckdb::COMMANDS {
        let team = Team::new(Engine::DuckDb(version), "create table t(a integer)");
        let team = team.limited("memory_limit", "20MB");
        let sql = "select length(string_agg(md5(i::varchar), '')) from range(5000000) r(i)";
        let error = team.open().await.query(sql, &[], 1).await.unwrap_err();
        assert!(error.to_string().contains("Out of Memory"), "{version}: {error}");
    }
}

#[tokio::test]
async fn an_answer_is_bounded() {
    let team = Team::new(Engine::DuckDb("1.5.6"), "create table t(a integer)");
    let sql = "select repeat('x', 100000000) as long";
    let error = team.open().await.query(sql, &[], 1).await.unwrap_err();
    assert!(error.to_string().contains("larger than 64 MB"), "{error}");
}

#[tokio::test]
async fn a_missing_command_says_what_to_install() {
    let team = Team::new(Engine::DuckDb("1.5.6"), "create table t(a integer)");
    let mut config = team.config();
    config.duckdb.command = None;
    let opened = |config: DataConfig, path: &'static str| {
        let root = team.root().to_owned();
        async move {
            let path = move |name: &str| (name == "PATH").then(|| path.to_owned());
            open(&config, &root, "data/analytics.duckdb", &path).await.err().unwrap().to_string()
        }
    };
    let said = opened(config.clone(), "/nowhere").await;
    assert!(
        said.contains("pip install duckdb-cli") && said.contains("data.duckdb.command"),
        "{said}"
    );
    config.duckdb.command = Some("tools/duckdb".to_owned());
    let said = opened(config.clone(), "/nowhere").await;
    assert!(said.contains("there is no file tools/duckdb"), "{said}");
    config.duckdb.command = Some("cat".to_owned());
    let said = opened(config, "/usr/bin:/bin").await;
    assert!(said.contains("is no duckdb command"), "{said}");
}

#[tokio::test]
async fn the_command_gets_no_secrets_and_reads_no_file_of_the_user() {
    let team = Team::new(Engine::DuckDb("1.5.6"), "create table t(a integer)");
    let script = team.root().join("spy");
    let seen = team.root().join("seen");
    let command = duckdb::command("1.5.6");
    std::fs::write(
        &script,
        format!(
            "#!/bin/sh\nenv > {}\necho \"$@\" >> {0}\nexec {} \"$@\"\n",
            seen.display(),
            command.display()
        ),
    )
    .unwrap();
    executable(&script);
    let team = team.limited("command", "./spy");
    assert_eq!(team.value("select 'a secret value'").await, json!("a secret value"));
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("-init /dev/null") && !seen.contains("a secret value"), "{seen}");
    for name in tidegate::adapters::shell::HIDDEN {
        assert!(!seen.contains(&format!("\n{name}=")), "{name}");
    }
}
