//! The pages about a database in production: a folder without a repository, DuckDB, backups in another.

use std::fs;

use tempfile::TempDir;

use super::{blocks, to_run, types};
use crate::documentation::shell::Shell;
use crate::harness::duckdb;

const WATCH: &str = "docs/how-to/back-up-and-watch.md";

/// A server with a database, and the configuration of the page.
fn server(store: &TempDir) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut blocks = blocks::of(WATCH).into_iter();
    let block = blocks.find(|block| block.language == "yaml").expect("a configuration");
    let named = "file:///srv/backups";
    assert!(block.text.contains(named), "{}", block.text);
    let place = format!("file://{}/backups", store.path().canonicalize().unwrap().display());
    let config = block.text.replace(named, &place);
    fs::create_dir(folder.path().join(".github")).unwrap();
    fs::write(folder.path().join(".github/tidegate.yml"), config).unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    duckdb::run(
        duckdb::COMMANDS[duckdb::COMMANDS.len() - 1],
        &folder.path().join("data/sales.duckdb"),
        "create table sales as select current_date as date, i as id from range(10) t(i)",
    );
    folder
}

#[track_caller]
fn plays(document: &str) -> String {
    let store = TempDir::new().unwrap();
    let (folder, shell) = (server(&store), Shell::new().says_yes().with_duckdb());
    shell.types(folder.path(), "tidegate data backup");
    let mut printed = String::new();
    for block in to_run(document) {
        let lines = block.text.clone();
        printed += &types(&shell, folder.path(), &block, &lines, &printed);
    }
    printed
}

#[test]
fn back_up_and_watch() {
    let printed = plays(WATCH);
    assert!(printed.contains("is kept as"), "{printed}");
    assert!(printed.contains("every finished backup can be restored"), "{printed}");
    assert!(printed.contains("data/sales.duckdb: healthy"), "{printed}");
}

#[test]
fn operate_a_production_database() {
    let printed = plays("docs/how-to/operations.md");
    assert!(printed.contains("drill/sales.duckdb: healthy"), "{printed}");
}
