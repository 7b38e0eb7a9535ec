//! What a page shows as output is what the command prints, but for ids and times.

use tempfile::TempDir;

use super::blocks;
use super::how_to::Stage;
use super::shell::Shell;
use crate::harness::duckdb;
use crate::harness::repo::Repo;

/// Commands and what they print below them: `$ tidegate ...`, then lines up to the next command.
fn shown(document: &str) -> Vec<(String, Vec<String>)> {
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for block in blocks::of(document).iter().filter(|block| block.language == "text") {
        let mut in_command = false;
        for line in block.text.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                found.push((command.to_owned(), Vec::new()));
                in_command = true;
            } else if in_command && let Some((_, lines)) = found.last_mut() {
                lines.push(line.to_owned());
            }
        }
    }
    found
}

/// Takes out what differs from machine to machine and from day to day.
fn masked(line: &str) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").unwrap();
    let id = regex::Regex::new(r"\b[0-9a-f]{7}\b").unwrap();
    let version = regex::Regex::new(r"\b[0-9a-f]{12}\b").unwrap();
    let backup = regex::Regex::new(r"_\d{8}_\d{6}\.").unwrap();
    let ago = regex::Regex::new(r"just now|\d+ (second|minute)s? ago").unwrap();
    let spaces = regex::Regex::new(r"  +").unwrap();
    let text = time.replace_all(line, "TIME");
    let text = version.replace_all(&text, "VERSION");
    let text = backup.replace_all(&text, "_TIME.");
    let text = id.replace_all(&text, "COMMIT");
    let text = ago.replace_all(&text, "AGO");
    spaces.replace_all(text.trim(), " ").into_owned()
}

#[test]
fn what_the_page_about_stops_shows_is_what_the_commands_print() {
    let mut stage = Stage::new();
    let failed = stage.pushes("Find the highest level faster", "print(1 / 0)\n");
    stage.fails(&failed);
    let waits = stage.candidate("Say which day the table is of");
    stage.comes_home();
    let mut seen = 0;
    for (command, expected) in shown("docs/how-to/stop-and-free-promotions.md") {
        seen += 1;
        if seen == 4 {
            stage.types("tidegate hold 'audit of the prices' --id audit");
            stage.types("tidegate hold 'fair in Berlin'");
        }
        if command == "tidegate quarantine" {
            let digest = format!("sha256:{}", "a".repeat(64));
            stage.types(&format!("tidegate quarantine {digest} 'contains a key'"));
        }
        let command = command.replace("19fcdad", &waits[..7]).replace("c91418b", &failed[..7]);
        let printed = stage.prints(&command);
        let printed: Vec<String> = printed.lines().map(masked).collect();
        let expected: Vec<String> = expected.iter().map(|line| masked(line)).collect();
        assert_eq!(printed, expected, "{command}");
    }
    assert!(seen >= 6, "{seen} commands were looked at");
}

#[test]
fn what_the_page_about_a_folder_shows_is_what_the_commands_print() {
    let document = "docs/how-to/data-local.md";
    let store = TempDir::new().unwrap();
    let place = store.path().canonicalize().unwrap().display().to_string();
    let (repo, shell) = (Repo::init(), Shell::new().with_duckdb());
    let yaml = blocks::of(document).into_iter().find(|block| block.language == "yaml").unwrap();
    repo.commit("Begin", &[(".github/tidegate.yml", &yaml.text.replace("/srv/lakehouse", &place))]);
    let file = "data/bronze/region=south/year=2026/run_1/prices.parquet";
    repo.write(file, "");
    let sql = format!(
        "create table prices as select i as price from range(500) t(i); copy prices to '{}' (format parquet)",
        repo.path().join(file).display()
    );
    let newest = duckdb::COMMANDS[duckdb::COMMANDS.len() - 1];
    duckdb::run(newest, &repo.path().join("data/analytics.duckdb"), &sql);
    let mut seen = 0;
    for (command, expected) in shown(document) {
        seen += 1;
        let (status, out, err) = shell.tries(repo.path(), &command);
        assert_eq!(status, Some(0), "{command}: {err}");
        let printed = (out + &err).replace(&place, "/srv/lakehouse");
        let printed: Vec<String> = printed.lines().map(masked).collect();
        let mut expected: Vec<String> = expected.iter().map(|line| masked(line)).collect();
        // The empty line before the next command.
        if expected.last().is_some_and(String::is_empty) {
            expected.pop();
        }
        assert_eq!(printed, expected, "{command}");
    }
    assert_eq!(seen, 4, "commands were looked at");
}
