//! Anybody can write the trailers of a rollback; the history has to agree with them.

use super::{by_hand, released, says};
use crate::harness::project::{CONFIG, LEDGER, NO_IMAGES, Project};

#[track_caller]
fn assert_not_believed(project: &Project) {
    let before = project.refs();
    for undo in [&["rollback", "--undo", "--yes"][..], &["rollback", "--undo", "--push", "--yes"]] {
        let run = by_hand(project, undo).run().code(2);
        says(&run, "no rollback");
    }
    assert_eq!(project.refs(), before);
    let status = by_hand(project, &["status", "--json"]).run().code(0).json();
    assert_eq!(status["rollbacks"].as_array().map(Vec::len), Some(0), "{status}");
}

fn trailers(from: &str, to: &str) -> String {
    format!("Go back\n\nTidegate-Rollback-From: {from}\nTidegate-Rollback-To: {to}\n")
}

#[test]
fn an_orphan_is_not_brought_back() {
    let project = Project::on_disk();
    project.dev.git(&["checkout", "-q", "--orphan", "strange"]);
    let orphan = project.dev.commit("Strange", &[("evil.py", "evil")]);
    project.dev.push("strange");
    project.dev.checkout("main");
    project.push(&trailers(&orphan, &project.good), &[]);
    assert_not_believed(&project);
    // Nor is an orphan what came back.
    project.push(&trailers(&project.good, &orphan), &[]);
    assert_not_believed(&project);
}

#[test]
fn a_commit_that_restores_nothing_is_no_rollback() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    project.push(&trailers(&bad, &project.good), &[("app.py", "something else")]);
    assert_not_believed(&project);
}

#[test]
fn a_rollback_with_kept_paths_is_one() {
    let project = Project::on_disk();
    let config = format!("{NO_IMAGES}rollback: {{ keep: [\"data/**\"] }}\n");
    project.push("Keep", &[(CONFIG, &config), ("data/a, b", "old")]);
    released(&project, "1");
    let bad = project.push("Bad", &[("app.py", "bad"), ("data/a, b", "new")]);
    by_hand(&project, &["rollback", "--yes"]).run().code(0);
    assert_eq!(project.show("refs/heads/main", "data/a, b"), "new");
    // As people write it, with another name for what is kept.
    project.pull();
    project.push("Another ledger entry", &[(LEDGER, "# Nothing\n")]);
    let status = by_hand(&project, &["status", "--json"]).run().code(0).json();
    assert!(status["rollbacks"][0]["commit"].is_string(), "{status}");
    by_hand(&project, &["rollback", "--undo", "--yes"]).run().code(0);
    let branch = format!("refs/heads/undo-{}", &bad[..7]);
    assert_eq!(project.show(&branch, "app.py"), "bad");
}
