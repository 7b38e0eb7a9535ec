//! The page about verdicts explains every rule and every reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::reference;

fn policy() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy")
}

/// Returns the names that `serde` gives the variants of `Reason` (`rename_all = "snake_case"`).
fn reasons() -> BTreeSet<String> {
    let source = fs::read_to_string(policy().join("reason.rs")).unwrap();
    let (_, body) = source.split_once("pub enum Reason {\n").expect("the enum of reasons");
    let (body, _) = body.split_once("\n}\n").expect("the end of the enum");
    assert!(source.contains(r#"#[serde(tag = "reason", rename_all = "snake_case")]"#));
    assert!(!body.contains("#[serde"), "a name of its own is not understood here");
    let variants = body.lines().filter_map(|line| line.strip_prefix("    "));
    let names = variants.filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    names.map(|line| snake_case(line.trim_end_matches([' ', '{', ',']))).collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// Returns the names that the paragraphs beginning with `Reason` put between backticks.
fn explained(page: &str) -> BTreeSet<String> {
    page.split("\n\n")
        .filter(|paragraph| paragraph.starts_with("Reason"))
        .flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2).map(str::to_owned))
        .collect()
}

#[test]
fn the_page_about_verdicts_explains_every_reason_and_no_other() {
    let page = fs::read_to_string(reference("verdicts.md")).unwrap();
    let reasons = reasons();
    assert!(reasons.contains("job_failed") && reasons.contains("not_on_branch"), "{reasons:?}");
    assert_eq!(explained(&page), reasons, "docs/reference/verdicts.md, src/policy/reason.rs");
}

#[test]
fn the_reference_of_json_lists_every_reason() {
    let page = fs::read_to_string(reference("json.md")).unwrap();
    let (_, part) = page.split_once("### Reason\n").expect("the part about reasons");
    let missing: Vec<String> =
        reasons().into_iter().filter(|name| !part.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/reference/json.md lacks {missing:?}");
}

#[test]
fn the_page_about_verdicts_has_every_rule() {
    let page = fs::read_to_string(reference("verdicts.md")).unwrap();
    let mut rules = 0;
    for entry in fs::read_dir(policy()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap();
        let is_source = path.extension().is_some_and(|extension| extension == "rs");
        if !is_source || ["reason.rs", "tests.rs"].contains(&name) {
            continue;
        }
        let link = format!("(../../src/policy/{name})");
        assert!(page.contains(&link), "docs/reference/verdicts.md says nothing of {name}");
        rules += 1;
    }
    assert!(rules >= 12, "{rules} rules were looked at");
}
