//! What an earlier run has left undone is completed first, by every command that changes anything.

use super::{by_hand, ledger_names, protect, record, released, says, unprotect};
use crate::harness::project::{GREEN, Project};

/// Two releases; the entry of the second is not in the ledger.
fn without_entry() -> (Project, String, String) {
    let project = Project::on_http();
    let first = released(&project, "1");
    let second = project.push("Release 2", &[("app.py", "2")]);
    protect(&project, "main");
    project.gate(GREEN).run().code(9);
    assert!(!ledger_names(&project, "main", &second));
    (project, first, second)
}

#[test]
fn resume_completes_the_newest_record() {
    let (project, _, second) = without_entry();
    unprotect(&project);
    by_hand(&project, &["resume"]).run().code(0);
    assert!(ledger_names(&project, "main", &second));
}

#[test]
fn each_rollback_completes_the_newest_record() {
    for args in [&["rollback", "--stable-only", "--yes"][..], &["rollback", "--to", "1", "--yes"]] {
        let (project, first, second) = without_entry();
        unprotect(&project);
        by_hand(&project, args).run().code(0);
        assert!(ledger_names(&project, "main", &second), "{args:?}");
        assert_eq!(project.tree("refs/heads/stable"), project.tree(&first), "{args:?}");
    }
}

#[test]
fn undo_completes_the_newest_record() {
    let project = Project::on_http();
    released(&project, "1");
    project.push_bad();
    by_hand(&project, &["rollback", "--yes"]).run().code(0);
    project.pull();
    let second = project.push("Release 2", &[("app.py", "2")]);
    protect(&project, "main");
    project.gate(GREEN).run().code(9);
    unprotect(&project);
    // What the merge comes to is another matter.
    by_hand(&project, &["rollback", "--undo", "--yes"]).run();
    assert!(ledger_names(&project, "main", &second));
}

#[test]
fn what_cannot_be_completed_stops_no_rollback() {
    let (project, first, second) = without_entry();
    let run = by_hand(&project, &["rollback", "--stable-only", "--yes"]).run().code(0);
    says(&run, "warning");
    says(&run, "ledger");
    assert!(!ledger_names(&project, "main", &second));
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
    assert_eq!(record(&project, 3)["restores"], 1);
}

#[test]
fn apply_completes_the_newest_record_and_sees_then_whether_the_plan_is_stale() {
    let (project, _, second) = without_entry();
    unprotect(&project);
    project.push_bad();
    let plan = ["plan", "--assume", "tests=failure", "--out", "plan.json"];
    by_hand(&project, &plan).run().code(0);
    let run = by_hand(&project, &["apply", "plan.json"]).run().code(7);
    says(&run, "stale");
    assert!(ledger_names(&project, "main", &second));
    by_hand(&project, &plan).run().code(0);
    by_hand(&project, &["apply", "plan.json"]).run().code(3);
    assert_eq!(project.show("refs/heads/main", "app.py"), "2");
}
