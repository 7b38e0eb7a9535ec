//! A ledger that main does not take leaves the release standing.

use super::RULESET;
use crate::harness::project::{CONFIG, GREEN, LEDGER, NO_IMAGES, Project};

/// Releases the head although main takes no push; the ledger's entry follows when it does.
#[track_caller]
fn stands_although_refused(refuse_on: impl FnOnce(&Project), said: &str) {
    let project = Project::on_http();
    let commit = project.push("Better", &[("app.py", "print('better')\n")]);
    refuse_on(&project);
    let main = project.branch("main");
    let run = project.gate(GREEN).run().code(9);
    let report = run.json();
    assert_eq!(report["verdict"], "promote");
    let pending = report["completion"]["pending"].as_array().unwrap().clone();
    assert_eq!(pending.len(), 1, "{pending:?}");
    assert!(pending[0]["reason"].as_str().unwrap().contains(said), "{pending:?}");
    assert_eq!(project.branch("main"), main);
    assert_eq!(project.branch("stable"), commit);
    std::fs::remove_file(project.bare().join("hooks/pre-receive")).unwrap();
    project.gate(GREEN).run().code(0);
    assert!(project.show("refs/heads/main", LEDGER).contains(&commit));
}

#[test]
fn a_ledger_refused_by_branch_protection_leaves_the_release_standing() {
    let protect = |project: &Project| project.server().protect("app", &["refs/heads/main"]);
    stands_although_refused(protect, "GH006");
}

#[test]
fn a_ledger_refused_by_a_ruleset_leaves_the_release_standing() {
    let protect = |project: &Project| project.server().install_hook("app", "pre-receive", RULESET);
    stands_although_refused(protect, "GH013");
}

#[test]
fn a_ledger_on_a_branch_of_its_own_needs_no_push_to_main() {
    let project = Project::on_http();
    let config = format!("{NO_IMAGES}ledger: {{ branch: ledger }}\n");
    let commit = project.push("Better", &[(CONFIG, &config)]);
    project.server().protect("app", &["refs/heads/main"]);
    let main = project.branch("main");
    project.gate(GREEN).run().code(0);
    assert_eq!(project.branch("main"), main);
    assert!(project.show("refs/heads/ledger", LEDGER).contains(&commit));
}
