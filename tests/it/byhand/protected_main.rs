//! `rollback --to` where stable can go back and main cannot.

use super::{by_hand, hook, protect, record, released, says, unprotect};
use crate::harness::project::Project;

#[test]
fn users_are_taken_back_although_main_is_protected() {
    let project = Project::on_http();
    let first = released(&project, "1");
    released(&project, "2");
    let main = project.branch("main");
    protect(&project, "main");
    let run = by_hand(&project, &["rollback", "--to", "1", "--yes"]).run().code(9);
    assert_eq!(record(&project, 3)["restores"], 1);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
    assert_eq!(project.branch("main"), main);
    says(&run, "record 3");
    says(&run, "stands");
    says(&run, "done: branch stable");
    says(&run, "main");
    // Nothing is left to do for users.
    by_hand(&project, &["repair"]).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
    // The same command brings main back once that is allowed.
    unprotect(&project);
    by_hand(&project, &["rollback", "--to", "1", "--yes"]).run().code(0);
    assert_eq!(project.show("refs/heads/main", "app.py"), "1");
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
}

#[test]
fn what_is_pending_for_users_is_named_beside_what_was_refused() {
    let project = Project::on_http();
    released(&project, "1");
    released(&project, "2");
    hook(&project, "update", "case $1 in refs/heads/main|refs/heads/stable) exit 1;; esac\n");
    let run = by_hand(&project, &["rollback", "--to", "1", "--yes"]).run().code(9);
    says(&run, "record 3 stands");
    says(&run, "pending: branch stable");
    says(&run, "refused to move main");
    says(&run, "tidegate repair");
}

#[test]
fn users_are_taken_back_although_main_moves_meanwhile() {
    let project = Project::on_http();
    let first = released(&project, "1");
    released(&project, "2");
    project.dev.branch("other");
    let other = project.dev.commit("Somebody is faster", &[("other.py", "x")]);
    project.dev.push("other");
    project.dev.checkout("main");
    let move_main = format!(
        "while read old new ref; do [ \"$ref\" != refs/heads/tidegate ] || git update-ref refs/heads/main {other}; done\n"
    );
    hook(&project, "post-receive", &move_main);
    let run = by_hand(&project, &["rollback", "--to", "1", "--yes"]).run().code(7);
    assert_eq!(project.branch("main"), other);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
    says(&run, "record 3");
    says(&run, "stands");
    says(&run, "main has moved");
}
