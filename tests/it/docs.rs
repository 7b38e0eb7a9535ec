//! Generated references are up to date.
//!
//! After a change of the command line, the configuration or the exit codes, write them anew with
//! `TIDEGATE_UPDATE_DOCS=1 cargo test --test it docs::` and commit them with the change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tidegate::exit::Exit;

mod command_line;
mod configuration;
mod doctor;
mod json;
mod troubleshooting;
mod verdicts;

const NOTE: &str =
    "<!-- Generated: `TIDEGATE_UPDATE_DOCS=1 cargo test --test it docs::`. Do not edit. -->\n";

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name)
}

/// Fails when the file is not `expected`, or writes it when that is asked for.
fn up_to_date(name: &str, expected: &str) {
    let path = reference(name);
    if std::env::var_os("TIDEGATE_UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let line = found.lines().zip(expected.lines()).take_while(|(found, new)| found == new).count();
    assert!(
        found == expected,
        "docs/reference/{name} is stale from line {} on; \
         write it with TIDEGATE_UPDATE_DOCS=1 cargo test --test it docs::",
        line + 1
    );
}

/// Returns text that fits a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

#[test]
fn command_line_reference_is_up_to_date() {
    up_to_date("cli.md", &command_line::markdown());
}

#[test]
fn configuration_reference_is_up_to_date() {
    up_to_date("configuration.md", &configuration::markdown());
}

#[test]
fn schema_is_up_to_date() {
    let schema = serde_json::to_string_pretty(&configuration::schema()).unwrap();
    up_to_date("tidegate.schema.json", &format!("{schema}\n"));
}

#[test]
fn exit_codes_are_up_to_date() {
    let mut text = format!(
        "{NOTE}# Exit codes\n\n\
         Every command ends with one of these. A number never gets a new meaning.\n\
         With `--json` an error is also printed as JSON (schema `tidegate/error/1`): `code` is the \
         number, `exit` the name.\n\n\
         | code | name | what happened | what a workflow does |\n\
         | ---: | --- | --- | --- |\n"
    );
    for exit in Exit::ALL {
        let (code, name) = (exit.code(), exit.name());
        let (meaning, advice) = (cell(exit.meaning()), cell(exit.advice()));
        let _ = writeln!(text, "| {code} | `{name}` | {meaning} | {advice} |");
    }
    text += "\nCodes from 128 on are the shell's: 128 plus the number of the signal that ended \
             the process.\nThe next run completes what a killed one had begun.\n";
    up_to_date("exit-codes.md", &text);
}
