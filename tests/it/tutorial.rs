//! What the documents tell people to type does what they say.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use tidegate::cli;
use tidegate::config::Config;

use super::harness::environment::isolated_command;

/// A fenced block of a document.
struct Block {
    language: String,
    line: usize,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and every document that people wrote.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md")];
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, content) in (1..).zip(text.lines()) {
        match (content.trim_start().strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block { language: language.to_owned(), line, text: String::new() });
            }
            (None, Some(block)) => {
                block.text.push_str(content);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

fn shell_of(document: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(document)).unwrap();
    blocks(&text).into_iter().filter(|b| b.language == "sh").map(|b| b.text).collect()
}

/// A shell with the built `tidegate` first on PATH.
struct Shell {
    home: TempDir,
}

impl Shell {
    fn new() -> Self {
        Self { home: TempDir::new().unwrap() }
    }

    /// Types lines in a folder below the home folder; each has to succeed.
    fn types(&self, folder: &str, lines: &str) -> String {
        let built = Path::new(env!("CARGO_BIN_EXE_tidegate")).parent().unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = [built.to_owned()].into_iter().chain(std::env::split_paths(&path));
        let output = isolated_command("sh", self.home.path())
            .env("PATH", std::env::join_paths(path).unwrap())
            .args(["-e", "-c", lines])
            .current_dir(self.home.path().join(folder))
            .output()
            .expect("this test needs a shell");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{lines}\n--- stdout\n{out}\n--- stderr\n{err}");
        out
    }
}

#[test]
fn the_tutorial_does_what_it_says() {
    let shell = Shell::new();
    let out = shell.types("", &shell_of("docs/tutorial.md").concat());
    assert!(out.contains("is live as release 1"), "{out}");
    assert!(out.contains("exit code 3"), "{out}");
    assert!(out.contains("everything agrees"), "{out}");

    let app = "tidegate-tutorial/app";
    let git = |line: &str| shell.types(app, line).trim().to_owned();
    let (good, bad) = (git("git rev-parse :/^Add"), git("git rev-parse :/^Divide"));
    assert_eq!(git("git show origin/main:app.py"), "print(\"1 + 1 =\", 1 + 1)");
    assert_eq!(git("git rev-parse origin/stable"), good);
    assert_eq!(
        git("git diff --name-only :/^Add origin/main"),
        "docs/ML_EXPERIMENT_RESULTS.md",
        "the good tree and the ledger"
    );
    git(&format!("git merge-base --is-ancestor {bad} origin/main"));
    let undo = format!("origin/undo-{}", &bad[..7]);
    assert_eq!(git(&format!("git show {undo}:app.py")), "print(\"1 / 0 =\", 1 / 0)");

    // The drill of the how-to, in the same clone.
    let drill = shell_of("docs/how-to/rollback-drill.md");
    assert!(shell.types(app, &drill[0]).starts_with("hold "));
    let before = git("git ls-remote origin");
    let out = shell.types(app, &drill[1]);
    assert!(out.contains("rollback ") && out.contains("restore the tree of"), "{out}");
    shell.types(app, &drill[2]);
    assert_eq!(git("git ls-remote origin"), before);
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
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for block in blocks(&text).iter().filter(|block| block.language == "sh") {
            let lines = block.text.lines().map(str::trim);
            for line in lines.filter(|line| line.starts_with("tidegate ")) {
                let place = format!("{}, line {}: {line}", document.display(), block.line);
                let parsed = cli::parse_from(words(line));
                assert!(parsed.is_ok(), "{place}: {}", parsed.unwrap_err());
                seen += 1;
            }
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

#[test]
fn configuration_in_documents_is_understood() {
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        // An indented block is a part of a workflow, and so is one that begins with its permissions.
        let workflow =
            |text: &str| text.starts_with([' ', '-']) || text.starts_with("permissions:");
        let whole = |block: &&Block| block.language == "yaml" && !workflow(&block.text);
        for block in blocks(&text).iter().filter(whole) {
            let place = format!("{}, line {}", document.display(), block.line);
            let config = Config::parse(block.text.as_bytes(), &place);
            assert!(config.is_ok(), "{}", config.unwrap_err());
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen} configurations were looked at");
}
