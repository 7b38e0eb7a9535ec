//! A release that was left is not gone back to without a word.

use super::{by_hand, record, released, says};
use crate::harness::project::Project;

#[test]
fn users_do_not_get_a_quarantined_release_without_an_override() {
    let project = Project::on_disk();
    released(&project, "1");
    let second = released(&project, "2");
    let back = ["rollback", "--stable-only", "--yes", "--reason", "login is broken"];
    by_hand(&project, &back).run().code(0);
    let before = project.refs();
    let again = ["rollback", "--stable-only", "--to", "2", "--yes"];
    let run = by_hand(&project, &again).run().code(4);
    says(&run, "login is broken");
    says(&run, "--override");
    assert_eq!(project.refs(), before);
    let overridden = [&again[..], &["--override", "the login was mended"]].concat();
    by_hand(&project, &overridden).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&second));
    assert_eq!(record(&project, 4)["override"], "the login was mended");
}

#[test]
fn main_does_not_get_a_quarantined_release_without_an_override() {
    let project = Project::on_disk();
    released(&project, "1");
    released(&project, "2");
    let back = ["rollback", "--to", "1", "--yes", "--reason", "wrong prices"];
    by_hand(&project, &back).run().code(0);
    let before = project.refs();
    let again = ["rollback", "--to", "2", "--yes"];
    let run = by_hand(&project, &again).run().code(4);
    says(&run, "wrong prices");
    assert_eq!(project.refs(), before);
    let overridden = [&again[..], &["--override", "the prices were right"]].concat();
    by_hand(&project, &overridden).run().code(0);
    assert_eq!(project.show("refs/heads/main", "app.py"), "2");
    assert!(project.message("refs/heads/main").contains("the prices were right"));
}
