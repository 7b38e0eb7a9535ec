//! `rollback --to` where stable can go back and main cannot.

use super::{by_hand, hook, protect, record, released, says};
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
    says(&run, "branch stable");
    says(&run, "main");
    // Nothing is left to do for users.
    by_hand(&project, &["repair"]).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&first));
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
