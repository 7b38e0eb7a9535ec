//! Every kind of clone that a workflow or a person may run the gate in.

use crate::harness::project::{GREEN, LEDGER, Project, RED, actions, gate_in, ledger_of};
use crate::harness::repo::Repo;

/// A project with a few files that change in a few commits, so that a partial clone lacks some.
fn with_history() -> Project {
    let mut project = Project::on_http();
    let files: Vec<(String, String)> =
        (0..8).map(|n| (format!("src/part{n}/file.py"), format!("good {n}\n"))).collect();
    let refer: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    project.good = project.push("Good", &refer);
    project.push("Note [skip ci]", &[(LEDGER, &ledger_of(&[&project.good]))]);
    for number in 0..4 {
        project.dev.remove(&format!("src/part{number}/file.py"));
        let text = format!("bad {number}\n");
        project.push("Bad", &[("app.py", &text), ("src/part7/file.py", &text), ("new/x", &text)]);
    }
    project
}

#[track_caller]
fn rolls_back_in(project: &Project, clone: &Repo) {
    let before = clone.checkout_state();
    let run = gate_in(clone.path(), RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], project.good.as_str(), "{}", run.stdout);
    project.assert_rolled_back_to(&project.good);
    assert_eq!(clone.checkout_state(), before, "the clone's own refs and work tree are untouched");
    project.remote_git(&["fsck", "--full", "--strict", "--no-dangling"]);
}

#[test]
fn a_full_clone() {
    let project = with_history();
    rolls_back_in(&project, &Repo::clone_of(project.url()));
}

#[test]
fn a_bare_clone() {
    let project = with_history();
    let clone = Repo::clone_with(project.url(), &["--bare"]);
    gate_in(clone.path(), RED).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_linked_work_tree_and_a_subfolder() {
    let project = with_history();
    let clone = Repo::clone_of(project.url());
    let folder = tempfile::tempdir().unwrap();
    let linked = folder.path().join("linked");
    clone.git(&["worktree", "add", "-q", "--detach", &linked.display().to_string(), "HEAD"]);
    gate_in(&linked.join("src/part7"), RED).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_shallow_clone_is_deepened() {
    for options in [&["--depth=1"][..], &["--depth=2", "--no-single-branch"]] {
        let project = with_history();
        rolls_back_in(&project, &Repo::clone_with(project.url(), options));
    }
}

#[test]
fn a_shallow_clone_whose_remote_cannot_deepen_is_refused_with_how_to_mend() {
    let project = Project::on_disk();
    project.push_bad();
    let clone = Repo::clone_with(project.url(), &["--depth=1"]);
    let before = project.refs();
    let run = gate_in(clone.path(), RED).run();
    if run.status == Some(3) {
        project.assert_rolled_back_to(&project.good);
    } else {
        let run = run.code(10);
        assert_eq!(project.refs(), before);
        assert!(run.stderr.contains("fetch-depth: 0"), "{}", run.stderr);
        assert!(run.stderr.contains("git fetch --unshallow"), "{}", run.stderr);
    }
}

#[test]
fn a_checkout_as_actions_makes_it() {
    let project = with_history();
    let bad = project.dev.head();
    // actions/checkout: an empty repository, one fetched commit, a branch at it.
    let clone = Repo::init();
    clone.add_remote("origin", project.url());
    let spec = format!("+{bad}:refs/remotes/origin/main");
    clone.git(&[
        "-c",
        "protocol.version=2",
        "fetch",
        "-q",
        "--no-tags",
        "--depth=1",
        "origin",
        &spec,
    ]);
    clone.git(&["checkout", "-q", "--force", "-B", "main", "refs/remotes/origin/main"]);
    gate_in(clone.path(), RED).envs(actions(&bad)).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_detached_checkout_decides_about_its_own_commit() {
    let project = with_history();
    let clone = Repo::clone_of(project.url());
    clone.checkout(&project.dev.rev_parse("HEAD~1"));
    let run = gate_in(clone.path(), RED).run().success();
    assert_eq!(run.json()["verdict"], "superseded");
    clone.checkout(&project.dev.head());
    gate_in(clone.path(), RED).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_checkout_that_has_not_the_tested_commit_yet() {
    let project = with_history();
    let clone = Repo::clone_of(project.url());
    let newer = project.push("Newest and bad", &[("app.py", "worst\n")]);
    gate_in(clone.path(), RED).envs(actions(&newer)).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_clone_that_lacks_blobs() {
    let project = with_history();
    let clone = Repo::clone_with(project.url(), &["--filter=blob:none"]);
    let missing = clone.git(&["rev-list", "--objects", "--all", "--missing=print"]);
    assert!(missing.lines().any(|line| line.starts_with('?')), "the clone is not partial");
    rolls_back_in(&project, &clone);
}

#[test]
fn a_partial_clone_that_has_not_the_tested_commit_yet() {
    for filter in ["--filter=blob:none", "--filter=tree:0"] {
        let project = with_history();
        let clone = Repo::clone_with(project.url(), &[filter]);
        let newer = project.push("Newest", &[("app.py", "worst\n"), ("src/part6/file.py", "x\n")]);
        let run = gate_in(clone.path(), RED).envs(actions(&newer)).run().code(3);
        assert_eq!(run.json()["rolled_back"]["to"], project.good.as_str());
        project.assert_rolled_back_to(&project.good);
    }
}

#[test]
fn a_clone_that_lacks_blobs_and_the_work_tree() {
    let project = with_history();
    let clone = Repo::clone_with(project.url(), &["--filter=blob:none", "--no-checkout"]);
    gate_in(clone.path(), RED).run().code(3);
    project.assert_rolled_back_to(&project.good);
    project.remote_git(&["fsck", "--full", "--strict", "--no-dangling"]);
}

#[test]
fn a_clone_that_lacks_trees() {
    let project = with_history();
    rolls_back_in(&project, &Repo::clone_with(project.url(), &["--filter=tree:0"]));
}

#[test]
fn a_clone_that_lacks_large_blobs() {
    let project = with_history();
    rolls_back_in(&project, &Repo::clone_with(project.url(), &["--filter=blob:limit=4"]));
}

#[test]
fn a_shallow_clone_that_lacks_blobs() {
    let project = with_history();
    rolls_back_in(&project, &Repo::clone_with(project.url(), &["--filter=blob:none", "--depth=1"]));
}

#[test]
fn a_sparse_checkout() {
    let project = with_history();
    let clone = Repo::clone_with(project.url(), &["--filter=blob:none", "--sparse"]);
    rolls_back_in(&project, &clone);
}

#[test]
fn a_promotion_in_partial_and_shallow_clones() {
    for options in [&["--depth=1"][..], &["--filter=blob:none"], &["--filter=tree:0"]] {
        let project = with_history();
        let head = project.dev.head();
        let clone = Repo::clone_with(project.url(), options);
        gate_in(clone.path(), GREEN).run().success();
        assert_eq!(project.branch("stable"), head, "{options:?}");
        assert!(project.show("main", LEDGER).contains(&head), "{options:?}");
        project.remote_git(&["fsck", "--full", "--strict", "--no-dangling"]);
    }
}
