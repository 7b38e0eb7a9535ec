//! What people are told.

use super::{by_hand, released, says};
use crate::harness::project::{LEDGER, Project, RED};

#[test]
fn a_bad_live_release_leads_to_the_one_before() {
    let project = Project::on_disk();
    released(&project, "1");
    released(&project, "2");
    let before = project.refs();
    let run = by_hand(&project, &["rollback", "--yes"]).run().code(11);
    says(&run, "release 1");
    says(&run, "`tidegate rollback --to 1`");
    assert_eq!(project.refs(), before);
}

#[test]
fn what_tidegate_committed_is_not_among_the_dropped_changes() {
    let project = Project::on_disk();
    released(&project, "1");
    let second = released(&project, "2");
    let bad = project.push_bad();
    project.gate(RED).run().code(3);
    project.pull();
    let run = by_hand(&project, &["rollback", "--to", "1", "--yes"]).run().code(0);
    says(&run, &second[..7]);
    says(&run, &bad[..7]);
    says(&run, "The changes of 2 commits go");
    let listed = |line: &&str| line.contains("[skip ci]");
    assert_eq!(run.stderr.lines().find(listed), None, "{}", run.stderr);
}

#[test]
fn status_does_not_call_users_unaffected_who_were_taken_back() {
    let project = Project::on_disk();
    released(&project, "1");
    released(&project, "2");
    by_hand(&project, &["rollback", "--to", "1", "--yes"]).run().code(0);
    let run = by_hand(&project, &["status"]).run().code(0);
    assert!(run.stdout.contains("users were taken back"), "{}", run.stdout);
    assert!(run.stdout.contains("main was rolled back"), "{}", run.stdout);
    assert!(!run.stdout.contains("unaffected"), "{}", run.stdout);
    assert!(run.stdout.contains("users get release 3"), "{}", run.stdout);
}

#[test]
fn an_entry_by_hand_is_for_commits_that_may_come_back() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    project.rolls_back();
    project.pull();
    by_hand(&project, &["status"]).run().code(0);
    let append =
        |commit: &str| by_hand(&project, &["ledger", "append", "--commit", commit, "--json"]).run();
    says(&append(&bad).code(4), "gets no entry");
    says(&append(&project.good).code(2), "already");
    let plain = project.push("Plain", &[("a.py", "1")]);
    assert_eq!(append(&plain).code(0).json()["commit"], plain.as_str());
    project.push("An entry", &[]);
    let side = project.dev.git(&["commit-tree", "-m", "aside", "HEAD^{tree}"]);
    says(&append(side.trim()).code(4), "is not on main");
}

#[test]
fn whoever_reads_the_explanation_is_not_sent_to_it() {
    let project = Project::on_disk();
    let gone =
        "**Commit**: 611b29b4e2c9d1f0a3b5c7d9e1f2a4b6c8d0e2f4\n**Status**: ✅ Tests Passed\n";
    project.dev.commit("Forget", &[(LEDGER, &format!("## CI/CD Test Execution Log\n\n{gone}"))]);
    let run = by_hand(&project, &["last-good"]).run().code(11);
    says(&run, "`tidegate last-good --explain`");
    let run = by_hand(&project, &["last-good", "--explain"]).run().code(11);
    assert!(!run.stderr.contains("--explain"), "{}", run.stderr);
}
