//! `docs/troubleshooting.md` has every symptom, and `docs/how-to/migrate.md` every habit.

use std::fs;
use std::path::Path;

fn read(document: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap()
}

/// What people ask, and the heading that answers.
const SYMPTOMS: [(&str, &str); 6] = [
    ("rollback did not run", "## A rollback did not run"),
    ("several rollbacks in a row", "## Several rollbacks in a row"),
    ("promotion refused", "## A promotion was refused"),
    ("still showing old code", "## Users still see old code"),
    ("tag fine but cannot be pulled", "## The tag looks fine, but cannot be pulled"),
    (
        "pushed to main and was rejected because the ledger moved",
        "## A push to main was rejected, because the ledger moved",
    ),
];

#[test]
fn every_symptom_has_a_section_that_says_how_to_see_it_and_what_to_do() {
    let text = read("docs/troubleshooting.md");
    for (symptom, heading) in SYMPTOMS {
        let section = text.split(&format!("{heading}\n")).nth(1);
        let section = section.unwrap_or_else(|| panic!("{symptom}: no {heading}"));
        let section = section.split("\n## ").next().unwrap();
        assert!(section.contains("**See it.**"), "{heading}");
        assert!(
            section.contains("what to do |") || section.contains("**What to do.**"),
            "{heading}"
        );
        assert!(section.contains("```"), "{heading} shows nothing");
    }
}

#[test]
fn findings_that_it_names_are_findings() {
    let findings = read("docs/how-to/doctor.md");
    let text = read("docs/troubleshooting.md");
    let rows = text.lines().filter(|line| line.starts_with('|'));
    let said = rows.filter_map(|row| row.split("`doctor` says ").nth(1)?.split(" |").next());
    let named: Vec<&str> = said.flat_map(|list| list.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() >= 4, "{named:?}");
    for name in named {
        assert!(findings.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn both_are_linked_where_people_begin() {
    for (document, folder) in [("README.md", "docs/"), ("docs/README.md", "")] {
        let text = read(document);
        for page in ["how-to/migrate.md", "troubleshooting.md"] {
            assert!(text.contains(&format!("]({folder}{page})")), "{document}: {page}");
        }
    }
}

/// Each thing that `init` explains about hand-written pipelines stands in the table of the guide.
#[test]
fn the_migration_guide_has_every_old_step() {
    let text = read("docs/how-to/migrate.md");
    let table: String = text.lines().filter(|line| line.starts_with('|')).collect();
    for step in [
        "Tests Passed",
        "failure()",
        "git revert HEAD",
        "git reset --hard",
        "git push --force",
        "git checkout <commit> -- .",
        "docker pull",
        "docker tag",
        "docker push",
        "crane copy",
        "skopeo copy",
        "imagetools create",
        "HEAD:stable",
        "cat >> docs/ML_EXPERIMENT_RESULTS.md",
        "[skip ci]",
        "git push origin main",
        "gh issue create",
        "cancel-in-progress: true",
    ] {
        assert!(table.contains(step), "{step}");
    }
}
