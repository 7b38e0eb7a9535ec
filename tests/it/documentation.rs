//! What the documents tell people to type does what they say.

use std::fs;

use sha2::{Digest as _, Sha256};
use tidegate::cli;

use blocks::documents;
use shell::Shell;

mod blocks;
mod data;
mod how_to;
mod shell;
mod shown;

fn shell_of(document: &str) -> Vec<String> {
    let blocks = blocks::of(document).into_iter();
    let lines = blocks.filter(|block| block.language == "sh" && block.not_run.is_none());
    lines.map(|block| block.text).collect()
}

/// The digest of manifest bytes, as registries write it.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

#[test]
fn the_tutorial_does_what_it_says() {
    let shell = Shell::new();
    let out = shell.types(shell.home(), &shell_of("docs/tutorial.md").concat());
    assert!(out.contains("is live as release 1"), "{out}");
    assert!(out.contains("exit code 3"), "{out}");
    assert!(out.contains("everything agrees"), "{out}");

    let app = shell.home().join("tidegate-tutorial/app");
    let git = |line: &str| shell.types(&app, line).trim().to_owned();
    let (good, bad) = (git("git rev-parse :/^Add"), git("git rev-parse :/^Divide"));
    assert_eq!(git("git show origin/main:app.py"), "print(\"1 + 1 =\", 1 + 1)");
    assert_eq!(git("git rev-parse origin/stable"), good);
    assert_eq!(
        git("git diff --name-only :/^Add origin/main"),
        "docs/ML_EXPERIMENT_RESULTS.md",
        "the good tree and the ledger"
    );
    git(&format!("git merge-base --is-ancestor {bad} origin/main"));
    assert!(out.contains("?? .github/workflows/"), "init has written no workflow: {out}");
    let undo = format!("origin/undo-{}", &bad[..7]);
    assert_eq!(git(&format!("git show {undo}:app.py")), "print(\"1 / 0 =\", 1 / 0)");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.contains(' ') {
                continue;
            }
            let linked = document.parent().unwrap().join(path);
            assert!(linked.exists(), "{}: {target}", document.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} links were looked at");
}

#[test]
fn commands_in_documents_are_commands() {
    let mut seen = 0;
    for block in blocks::all().iter().filter(|block| block.language == "sh") {
        for line in block.text.lines().map(str::trim).filter(|l| l.starts_with("tidegate ")) {
            // Not an error, and not a command either.
            if line == "tidegate --version" {
                continue;
            }
            let parsed = cli::parse_from(words(line));
            assert!(parsed.is_ok(), "{}: {line}: {}", block.place(), parsed.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} commands were looked at");
}

/// Splits a line into words like a shell, up to a comment or an operator.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![];
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars() {
        match (c, quote) {
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            ('#' | '|' | '&' | ';' | '>', None) => break,
            (' ', None) => words.extend((!word.is_empty()).then(|| std::mem::take(&mut word))),
            (c, _) => word.push(c),
        }
    }
    words.extend((!word.is_empty()).then_some(word));
    words
}
