//! A database whose bytes differ and whose content does not is the version that is served already.

use serde_json::{Value, json};

use super::command::Team;
use super::shelf::{Kind, LAYER};
use crate::harness::duckdb;

/// Rows whose strings DuckDB compresses by a random sample of them, so that each copy has other bytes.
const COMPRESSED: &str = "create table days as select range as day, 'customer number ' || (range * 7919 % 1000003) || ' of town ' || (range % 977) as name from range(50000)";

#[test]
fn an_unchanged_database_is_no_new_version_although_its_bytes_differ() {
    let newest = duckdb::COMMANDS[duckdb::COMMANDS.len() - 1];
    let team = Team::on(Kind::Folder);
    let database = team.root.join("data/days.duckdb");
    duckdb::run(newest, &database, COMPRESSED);
    team.configure("");
    let file = team.root.join(".github/tidegate.yml");
    let config = std::fs::read_to_string(&file).unwrap();
    let command = duckdb::command(newest).display().to_string();
    let config = config
        .replace(&team.database().file_name().unwrap().to_string_lossy()[..], "days.duckdb")
        .replace("  checks:\n", &format!("  duckdb: {{ command: {command} }}\n  checks:\n"));
    std::fs::write(&file, config).unwrap();
    let sync = |more: &[&str], outcome: &str, uploaded: bool| {
        let shown = team.sync(more, 0);
        assert_eq!(shown["outcome"], outcome, "{shown}");
        assert_eq!(shown["uploaded"], uploaded, "{shown}");
        shown["version"].clone()
    };
    let first = sync(&[], "published", true);
    let pointer: Value = serde_json::from_slice(&team.shelf.bytes("latest.json").unwrap()).unwrap();
    let content = pointer["content"].as_str().unwrap();
    assert!(content.starts_with(&format!("v1/duckdb-{newest}/")), "{content}");
    let (paths, text) = (team.shelf.paths(), team.shelf.bytes("latest.json"));
    for (options, outcome) in
        [(&[][..], "unchanged"), (&["--plan"], "unchanged"), (&["--candidate"], "candidate")]
    {
        assert_eq!(sync(options, outcome, false), first, "{options:?}");
        assert_eq!(team.shelf.paths(), paths, "{options:?}: nothing is added");
        assert_eq!(team.shelf.bytes("latest.json"), text, "{options:?}");
    }
    let said = team.run(&["sync", "--layer", LAYER]).code(0);
    assert!(said.stdout.contains("unchanged"), "{}", said.stdout);

    // Where what is served is gone, it is published again, under the name of its own bytes.
    let path = pointer["path"].as_str().unwrap().to_owned();
    let container = team.shelf.container();
    crate::harness::stores::run(container.delete(&path)).unwrap();
    let second = sync(&[], "published", true);
    assert_ne!(second, first);

    let forced = sync(&["--force"], "published", true);
    assert_ne!(forced, second);
    assert_eq!(sync(&[], "unchanged", false), forced);

    duckdb::run(newest, &database, "update days set name = 'another' where day = 17");
    let changed = sync(&[], "published", true);
    assert_ne!(changed, forced);
}

#[test]
fn rows_that_are_written_anew_are_no_new_version() {
    let team = Team::on(Kind::Folder);
    let first = team.sync(&[], 0);
    assert_eq!(first["outcome"], "published");
    let paths = team.shelf.paths();
    let backwards = |days: &str| {
        let database = rusqlite::Connection::open(team.database()).unwrap();
        let insert = format!("delete from days; insert into days values {days}");
        database.execute_batch(&insert).unwrap();
    };
    backwards("(2), (1), (0)");
    let again = team.sync(&[], 0);
    assert_eq!((&again["outcome"], &again["version"]), (&json!("unchanged"), &first["version"]));
    assert_eq!(team.shelf.paths(), paths);
    // A pointer of before contents were computed says nothing about them.
    let mut pointer: Value =
        serde_json::from_slice(&team.shelf.bytes("latest.json").unwrap()).unwrap();
    assert!(pointer.as_object_mut().unwrap().remove("content").is_some());
    let file = team.shelf.folder.path().join("lake").join(LAYER).join("latest.json");
    std::fs::write(file, pointer.to_string()).unwrap();
    let published = team.sync(&[], 0);
    assert_eq!(published["outcome"], "published");
    assert_ne!(published["version"], first["version"]);
    backwards("(1), (0), (2)");
    let again = team.sync(&[], 0);
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(again["version"], published["version"]);
}
