//! Promise 3: a rollback is a new commit whose tree equals the good tree except for kept paths.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::harness::project::{CONFIG, GREEN, LEDGER, NO_IMAGES, Project, RED, ledger_of};

/// Pushes what the work tree holds as a bad commit, rolls it back, and checks everything that a
/// rollback must leave behind.
#[track_caller]
fn comes_back(project: &Project) {
    let bad = project.push("Bad", &[]);
    let local = project.dev.checkout_state();
    let head = project.rolls_back();
    assert_eq!(project.dev.checkout_state(), local, "the work tree or index was touched");
    assert_eq!(
        project.remote_git(&["rev-list", "--parents", "-1", &head]),
        format!("{head} {bad}")
    );
    no_empty_trees(project, &head);
    let fsck = project.remote_git(&["fsck", "--full", "--strict", "--no-dangling"]);
    assert_eq!(fsck, "");
}

#[track_caller]
fn no_empty_trees(project: &Project, revision: &str) {
    let empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
    assert!(!project.listing(revision).contains(empty), "an empty folder is left");
}

#[test]
fn the_message_is_that_of_the_issue() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    let head = project.rolls_back();
    let (good, short) = (&project.good, &project.good[..7]);
    let expected = format!(
        "⚠️ Auto-rollback: Tests failed, reverting to last successful build {short} [skip ci]\n\n\
         Reason: Required job \"tests\" failed on commit {}\n\
         Action: Automatically reverted to last known good state\n\
         Status: Streamlit deployment unaffected (using :stable tag)\n\n\
         Tidegate-Rollback-From: {bad}\nTidegate-Rollback-To: {good}\n\
         Tidegate-Kept: {LEDGER}\n",
        &bad[..7]
    );
    assert_eq!(project.message(&head), expected);
    let who = project.remote_git(&["log", "-1", "--format=%an %ae %cn", &head]);
    let bot = "github-actions[bot]";
    assert_eq!(who, format!("{bot} 41898282+{bot}@users.noreply.github.com {bot}"));
}

#[test]
fn the_author_is_the_configured_one() {
    let mut project = Project::on_disk();
    let config = format!("{NO_IMAGES}author: {{ name: Gate, email: gate@acme.example }}\n");
    project.good = project.push("Good", &[(CONFIG, &config)]);
    project.push("Note [skip ci]", &[(LEDGER, &ledger_of(&[&project.good]))]);
    project.push_bad();
    let head = project.rolls_back();
    let who = project.remote_git(&["log", "-1", "--format=%an <%ae> %cn <%ce>", &head]);
    assert_eq!(who, "Gate <gate@acme.example> Gate <gate@acme.example>");
}

#[test]
fn merges_in_the_range_come_out_right() {
    let project = Project::on_disk();
    project.dev.branch("feature");
    project.dev.commit("Feature", &[("feature.py", "1\n"), ("app.py", "feature\n")]);
    project.dev.checkout("main");
    project.dev.commit("Main", &[("other.py", "2\n")]);
    project.dev.merge("feature", "Merge feature");
    comes_back(&project);
}

#[test]
fn the_good_commit_may_have_come_in_by_a_merge() {
    let mut project = Project::on_disk();
    project.dev.branch("feature");
    project.good = project.dev.commit("Good feature", &[("feature.py", "1\n")]);
    project.dev.checkout("main");
    project.dev.commit("Main", &[("other.py", "2\n")]);
    project.dev.merge("feature", "Merge feature");
    project.push("Note [skip ci]", &[(LEDGER, &ledger_of(&[&project.good]))]);
    comes_back(&project);
}

#[test]
fn renames_and_copies_come_out_right() {
    let project = Project::on_disk_with(&[("a/one.py", "one\n"), ("app.py", "x\n")]);
    project.dev.git(&["mv", "a/one.py", "moved.py"]);
    project.dev.git(&["mv", "app.py", "App.py"]);
    comes_back(&project);
}

#[test]
fn submodules_come_out_right() {
    let mut project = Project::on_disk();
    let other = crate::harness::repo::Repo::init();
    let (one, two) = (other.commit("One", &[("x", "1")]), other.commit("Two", &[("x", "2")]));
    let modules = "[submodule \"lib\"]\n\tpath = lib\n\turl = https://acme.example/lib.git\n";
    project.dev.write(".gitmodules", modules);
    let put = |id: &str| {
        let info = format!("160000,{id},lib");
        project.dev.git(&["update-index", "--add", "--cacheinfo", &info]);
    };
    project.dev.git(&["add", ".gitmodules"]);
    put(&one);
    project.dev.git(&["commit", "-q", "-m", "Good with a submodule"]);
    let good = project.dev.head();
    project.dev.write(LEDGER, ledger_of(&[&good]));
    project.dev.git(&["add", LEDGER]);
    project.dev.git(&["commit", "-q", "-m", "Note [skip ci]"]);
    put(&two);
    project.dev.git(&["commit", "-q", "-m", "Bad submodule"]);
    project.dev.push("main");
    project.good = good;
    let head = project.rolls_back();
    assert!(project.listing(&head).contains(&format!("160000 commit {one}")));
}

#[test]
fn a_removed_submodule_comes_back() {
    let mut project = Project::on_disk();
    let info = format!("160000,{},lib", "1".repeat(40));
    project.dev.git(&["update-index", "--add", "--cacheinfo", &info]);
    project.dev.git(&["commit", "-q", "-m", "Good with a submodule"]);
    project.good = project.dev.head();
    project.dev.write(LEDGER, ledger_of(&[&project.good]));
    project.dev.git(&["add", LEDGER]);
    project.dev.git(&["commit", "-q", "-m", "Note [skip ci]"]);
    project.dev.git(&["rm", "-q", "--cached", "lib"]);
    project.dev.write("lib/file", "a folder now\n");
    comes_back(&project);
}

#[test]
fn executable_bits_come_out_right() {
    let project = Project::on_disk_with(&[("run.sh", "#!/bin/sh\n"), ("app.py", "x\n")]);
    let script = project.dev.path().join("run.sh");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o755)).unwrap();
    comes_back(&project);
}

#[test]
fn links_come_out_right() {
    let project = Project::on_disk_with(&[("app.py", "x\n"), ("b.py", "y\n")]);
    project.dev.remove("app.py");
    symlink("b.py", project.dev.path().join("app.py")).unwrap();
    symlink("/etc/passwd", project.dev.path().join("outside")).unwrap();
    comes_back(&project);
}

#[test]
fn paths_that_are_not_utf8_come_out_right() {
    let project = Project::on_disk();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9\n.py");
    std::fs::write(project.dev.path().join(name), "bad\n").unwrap();
    std::fs::create_dir(project.dev.path().join(std::ffi::OsStr::from_bytes(b"\xff"))).unwrap();
    let inside = std::ffi::OsStr::from_bytes(b"\xff/x");
    std::fs::write(project.dev.path().join(inside), "bad\n").unwrap();
    comes_back(&project);
}

#[test]
fn a_file_that_became_a_folder_and_back_come_out_right() {
    let project = Project::on_disk_with(&[("file", "1\n"), ("folder/a", "2\n")]);
    project.dev.remove("file");
    project.dev.remove("folder/a");
    std::fs::remove_dir(project.dev.path().join("folder")).unwrap();
    project.dev.write("file/now/a/folder", "3\n");
    project.dev.write("folder", "4\n");
    comes_back(&project);
}

#[test]
fn whole_folders_that_came_or_went_leave_no_empty_trees() {
    let project = Project::on_disk_with(&[("old/deep/er/a", "1\n"), ("app.py", "2\n")]);
    project.dev.git(&["rm", "-q", "-r", "old"]);
    project.dev.write("new/deep/er/b", "3\n");
    comes_back(&project);
}

#[test]
fn a_bad_commit_that_deleted_everything_is_rolled_back() {
    let project = Project::on_disk();
    project.dev.git(&["rm", "-q", "-r", "."]);
    project.dev.write("only", "this\n");
    project.push("Bad", &[]);
    // The ledger went as well, so nothing says what is good: a hold, not a guess.
    project.holds(project.gate(RED), "no_good_commit");
}

#[test]
fn an_empty_range_changes_nothing() {
    let project = Project::on_disk();
    let head = project.dev.head();
    // Red at the good commit itself, with only its ledger entry above it.
    project.holds(project.gate(RED), "passed_before");
    project.holds(project.gate(RED).args(["--commit", &project.good]), "passed_before");
    assert_eq!(project.branch("main"), head);
}

#[test]
fn a_long_range_is_one_commit() {
    let project = Project::on_disk();
    for number in 0..20 {
        project.dev.commit("More", &[("app.py", &number.to_string())]);
    }
    let before = project.dev.log("HEAD").len();
    comes_back(&project);
    assert_eq!(project.remote_git(&["rev-list", "--count", "main"]), (before + 2).to_string());
}

#[test]
fn stable_only_moves_forward() {
    let project = Project::on_disk();
    let first = project.push("First", &[("app.py", "1\n")]);
    project.gate(GREEN).run().success();
    assert_eq!(project.branch("stable"), first);
    project.pull();
    project.push_bad();
    project.gate(RED).run().code(3);
    assert_eq!(project.branch("stable"), first, "a rollback of main leaves stable alone");
    project.pull();
    let fixed = project.push("Fixed", &[("app.py", "fixed\n")]);
    project.gate(GREEN).run().success();
    assert_eq!(project.branch("stable"), fixed);
    assert_eq!(project.remote_git(&["merge-base", &first, "stable"]), first);
}

#[test]
fn where_stable_cannot_move_forward_it_gets_a_merge() {
    let project = Project::on_disk();
    project.dev.branch("hotfix");
    let other = project.dev.commit("On stable only", &[("hotfix.py", "1\n")]);
    project.dev.push("hotfix:refs/heads/stable");
    project.dev.checkout("main");
    let released = project.push("Release", &[("app.py", "2\n")]);
    project.gate(GREEN).run().success();
    let stable = project.branch("stable");
    let parents = project.remote_git(&["log", "-1", "--format=%P", &stable]);
    assert_eq!(parents, format!("{other} {released}"));
    assert_eq!(project.tree(&stable), project.tree(&released));
}
