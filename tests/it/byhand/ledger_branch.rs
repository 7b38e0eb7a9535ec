//! Which ledger counts: that of its branch, and at the remote where the remote is asked.

use super::by_hand;
use crate::harness::project::{CONFIG, LEDGER, NO_IMAGES, Project, ledger_of};

/// A ledger on a branch of its own, which knows more than that of main.
fn apart() -> (Project, String) {
    let project = Project::on_disk();
    let config = format!("{NO_IMAGES}ledger: {{ branch: records }}\n");
    let second = project.push("Second", &[(CONFIG, &config), ("app.py", "second")]);
    project.dev.branch("records");
    project.dev.commit("Record it [skip ci]", &[(LEDGER, &ledger_of(&[&second]))]);
    project.dev.push("records");
    project.dev.checkout("main");
    project.dev.git(&["branch", "-q", "-D", "records"]);
    project.push_bad();
    project.dev.git(&["fetch", "-q", "origin"]);
    (project, second)
}

#[test]
fn last_good_and_ledger_show_read_the_branch_of_the_ledger() {
    let (project, second) = apart();
    assert_eq!(by_hand(&project, &["last-good"]).run().code(0).line(), second);
    let shown = by_hand(&project, &["ledger", "show", "--json"]).run().code(0).json();
    let entries = shown["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1, "{shown}");
    assert_eq!(entries[0]["commit"], second.as_str());
    assert_eq!(entries[0]["counts"], true);
    assert!(entries[0]["line"].as_u64().is_some_and(|line| line > 1), "{shown}");
}

#[test]
fn a_rollback_by_hand_reads_the_branch_of_the_ledger() {
    let (project, _) = apart();
    by_hand(&project, &["rollback", "--yes"]).run().code(0);
    assert_eq!(project.show("refs/heads/main", "app.py"), "second");
}

#[test]
fn a_rollback_by_hand_does_not_believe_the_file_of_the_work_tree() {
    let project = Project::on_disk();
    let second = project.push("Second", &[("app.py", "second")]);
    project.push_bad();
    project.dev.write(LEDGER, ledger_of(&[&project.good, &second]));
    by_hand(&project, &["rollback", "--yes"]).run().code(0);
    assert_eq!(project.show("refs/heads/main", "app.py"), "print('good')");
}
