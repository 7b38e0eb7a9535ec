//! Promise 5: every ref update is a compare-and-swap on the observed value, and a lost answer is
//! followed by reading the ref again.

use std::process::{Command, Stdio};

use crate::harness::fault_proxy::Fault;
use crate::harness::git_server::LoggedRequest;
use crate::harness::project::{GREEN, LEDGER, Project, RED, entry, gate_in, ledger_of, reasons};
use crate::harness::repo::Repo;

/// A ready command that pushes one more commit to `main` from another clone.
fn pushes(project: &Project, message: &str, files: &[(&str, &str)]) -> (Repo, Command, String) {
    let other = Repo::clone_of(&project.bare().display().to_string());
    let commit = other.commit(message, files);
    let command = other.command(&["push", "-q", "origin", "main"]);
    (other, command, commit)
}

/// The `number`th request (from 1) that carries a push.
fn nth_push(number: usize) -> impl Fn(&LoggedRequest) -> bool + Send + 'static {
    nth(number, LoggedRequest::is_push)
}

fn nth(
    number: usize,
    matches: fn(&LoggedRequest) -> bool,
) -> impl Fn(&LoggedRequest) -> bool + Send + 'static {
    let seen = std::sync::atomic::AtomicUsize::new(0);
    move |request| {
        matches(request) && seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == number
    }
}

/// A rollback pushes the state branch first, then main.
const MAIN_PUSH: usize = 2;

fn runs(mut command: Command) -> impl FnOnce() + Send + 'static {
    move || assert!(command.status().expect("start git").success())
}

#[test]
fn a_ledger_commit_that_came_in_between_is_built_upon() {
    for at_advertisement in [true, false] {
        let project = Project::on_http();
        project.push_bad();
        let text = project.show("main", LEDGER) + "\n" + &entry(&"d".repeat(40));
        let (_other, push, noted) = pushes(&project, "Note [skip ci]", &[(LEDGER, &text)]);
        if at_advertisement {
            project
                .server()
                .before(nth(MAIN_PUSH, LoggedRequest::is_push_advertisement), runs(push));
        } else {
            project.server().before(nth_push(MAIN_PUSH), runs(push));
        }
        let head = project.rolls_back();
        assert_eq!(project.remote_git(&["rev-parse", &format!("{head}^")]), noted);
        assert!(project.show(&head, LEDGER).contains(&"d".repeat(40)), "the newer entry is kept");
    }
}

#[test]
fn a_commit_with_a_run_that_came_in_between_decides() {
    for at_advertisement in [true, false] {
        let project = Project::on_http();
        project.push_bad();
        let (_other, push, newer) = pushes(&project, "Fix", &[("app.py", "fixed\n")]);
        if at_advertisement {
            project
                .server()
                .before(nth(MAIN_PUSH, LoggedRequest::is_push_advertisement), runs(push));
        } else {
            project.server().before(nth_push(MAIN_PUSH), runs(push));
        }
        let run = project.gate(RED).run().success();
        assert_eq!(run.json()["verdict"], "superseded");
        assert_eq!(project.branch("main"), newer);
        // The newer commit passes, and nothing that the older gate left behind stops it.
        project.pull();
        project.gate(GREEN).run().success();
        assert_eq!(project.branch("stable"), newer);
    }
}

#[test]
fn a_commit_between_observing_and_the_first_write_decides() {
    let project = Project::on_http();
    project.push_bad();
    let (_other, push, newer) = pushes(&project, "Fix", &[("app.py", "fixed\n")]);
    project.server().before(nth(1, LoggedRequest::is_push_advertisement), runs(push));
    let run = project.gate(RED).run().success();
    assert_eq!(run.json()["verdict"], "superseded");
    assert_eq!(project.branch("main"), newer);
}

#[test]
fn races_that_were_lost_do_not_count_as_rollbacks() {
    let project = Project::on_http();
    for number in 0..3 {
        project.push("Bad", &[("app.py", &format!("bad {number}\n"))]);
        let files = [("app.py", format!("newer {number}\n"))];
        let (_other, push, _) = pushes(&project, "Newer", &[(files[0].0, &files[0].1)]);
        project.server().before(nth_push(MAIN_PUSH), runs(push));
        project.gate(RED).run().success();
        project.pull();
    }
    project.gate(RED).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn another_rollback_that_came_in_between_is_enough() {
    let project = Project::on_http();
    project.push_bad();
    let clone = Repo::clone_of(project.url());
    let path = clone.path().to_owned();
    project.server().before(nth_push(MAIN_PUSH), move || {
        // The other gate finds the quarantine of this one, and finishes.
        gate_in(&path, RED).run().code(3);
    });
    // Made within the same second, both commits are the same one: then this gate made it too.
    let run = project.gate(RED).run();
    match run.status {
        Some(3) => assert_eq!(run.json()["rolled_back"]["commit"], project.branch("main").as_str()),
        _ => assert_eq!(
            reasons(&run.success()).last().map(String::as_str),
            Some("rolled_back_already")
        ),
    }
    let head = project.assert_rolled_back_to(&project.good);
    assert_eq!(
        project.remote_git(&["rev-list", "--count", &format!("{}..{head}", project.dev.head())]),
        "1"
    );
}

#[test]
fn two_gates_at_once_have_one_winner() {
    for on_http in [true, false] {
        let project = if on_http { Project::on_http() } else { Project::on_disk() };
        let bad = project.push_bad();
        let clones: Vec<Repo> = (0..3).map(|_| Repo::clone_of(project.url())).collect();
        let runs: Vec<_> = std::thread::scope(|scope| {
            let gates: Vec<_> = clones
                .iter()
                .map(|clone| {
                    let path = clone.path().to_owned();
                    scope.spawn(move || gate_in(&path, RED).run())
                })
                .collect();
            gates.into_iter().map(|gate| gate.join().unwrap()).collect()
        });
        let codes: Vec<_> = runs.iter().map(|run| run.status).collect();
        assert!(codes.iter().all(|code| matches!(code, Some(0 | 3))), "{runs:#?}");
        assert!(codes.contains(&Some(3)), "{runs:#?}");
        let head = project.assert_rolled_back_to(&project.good);
        let above = project.remote_git(&["rev-list", "--count", &format!("{bad}..{head}")]);
        assert_eq!(above, "1", "one rollback");
    }
}

#[test]
fn two_promotions_at_once_make_one_record() {
    let project = Project::on_http();
    let fine = project.push("Fine", &[("app.py", "fine\n")]);
    let clones: Vec<Repo> = (0..2).map(|_| Repo::clone_of(project.url())).collect();
    std::thread::scope(|scope| {
        for clone in &clones {
            let path = clone.path().to_owned();
            scope.spawn(move || drop(gate_in(&path, GREEN).run().success()));
        }
    });
    assert_eq!(project.branch("stable"), fine);
    let index: serde_json::Value =
        serde_json::from_str(&project.show("tidegate", "index.json")).unwrap();
    assert_eq!(index["newest"], 1);
    assert_eq!(project.show("main", LEDGER).matches(&fine).count(), 1, "one ledger entry");
}

#[test]
fn a_lost_answer_to_a_push_that_was_applied_is_done() {
    for push in 1..=MAIN_PUSH {
        let project = Project::on_http();
        project.push_bad();
        let proxy = project.spoil_push(push, Fault::DropAnswer);
        project.rolls_back();
        assert_eq!(proxy.count("POST", "git-receive-pack"), 2, "nothing is pushed twice");
    }
}

#[test]
fn a_push_that_was_cut_before_it_was_applied_changes_nothing() {
    let project = Project::on_http();
    project.push_bad();
    let proxy = project.spoil_push(1, Fault::Close);
    let run = project.refuses(project.gate(RED), 8);
    assert!(run.stderr.contains(proxy.host()), "{}", run.stderr);
    let main = project.branch("main");
    let _proxy = project.spoil_push(MAIN_PUSH, Fault::Close);
    project.gate(RED).run().code(8);
    assert_eq!(project.branch("main"), main);
    // The next run completes it.
    project.rolls_back();
}

#[test]
fn a_promotion_survives_lost_answers() {
    // The pushes of a promotion: state, stable, ledger.
    for push in 1..=3 {
        let project = Project::on_http();
        let fine = project.push("Fine", &[("app.py", "fine\n")]);
        let _proxy = project.spoil_push(push, Fault::DropAnswer);
        project.gate(GREEN).run().success();
        assert_eq!(project.branch("stable"), fine);
        assert_eq!(project.show("main", LEDGER).matches(&fine).count(), 1);
    }
}

#[test]
fn a_left_over_lock_of_a_branch_is_named() {
    for on_http in [true, false] {
        let project = if on_http { Project::on_http() } else { Project::on_disk() };
        project.push_bad();
        let lock = project.bare().join("refs/heads/main.lock");
        std::fs::write(&lock, "").unwrap();
        let main = project.branch("main");
        let run = project.gate(RED).run();
        assert!(matches!(run.status, Some(1 | 8 | 9 | 12)), "{run:?}");
        assert!(run.stderr.contains("lock"), "{}", run.stderr);
        assert_eq!(project.branch("main"), main);
        std::fs::remove_file(&lock).unwrap();
        project.rolls_back();
    }
}

#[test]
fn a_left_over_lock_of_head_does_not_mislead() {
    for on_http in [true, false] {
        let project = if on_http { Project::on_http() } else { Project::on_disk() };
        project.push_bad();
        std::fs::write(project.bare().join("HEAD.lock"), "").unwrap();
        let main = project.branch("main");
        let run = project.gate(RED).run();
        // git may move the branch in spite of it; whatever it said, the ref decides.
        if project.branch("main") == main {
            assert!(!matches!(run.status, Some(0 | 3)), "{run:?}");
            assert!(run.stderr.contains("lock"), "{}", run.stderr);
        } else {
            run.code(3);
            project.assert_rolled_back_to(&project.good);
        }
    }
}

#[test]
fn a_protected_branch_is_denied_with_its_text() {
    let project = Project::on_http();
    project.push_bad();
    project.server().protect("app", &["refs/heads/main"]);
    let before = project.refs_but_state();
    let run = project.gate(RED).run().code(9);
    assert!(run.stderr.contains("GH006: Protected branch update failed"), "{}", run.stderr);
    assert_eq!(project.refs_but_state(), before);
    project.server().protect("app", &[]);
    project.rolls_back();
}

#[test]
fn a_protected_state_branch_is_denied_and_nothing_changes() {
    let project = Project::on_http();
    project.push_bad();
    project.server().protect("app", &["refs/heads/tidegate"]);
    let run = project.refuses(project.gate(RED), 9);
    assert!(run.stderr.contains("refs/heads/tidegate"), "{}", run.stderr);
}

#[test]
fn a_protected_stable_leaves_the_release_standing_and_pending() {
    let project = Project::on_http();
    let fine = project.push("Fine", &[("app.py", "fine\n")]);
    project.server().protect("app", &["refs/heads/stable"]);
    let run = project.gate(GREEN).run().code(9);
    assert_eq!(run.json()["verdict"], "promote");
    assert!(run.stdout.contains("GH006"), "{}", run.stdout);
    assert!(!project.refs().contains_key("refs/heads/stable"));
    project.server().protect("app", &[]);
    project.gate(GREEN).run().success();
    assert_eq!(project.branch("stable"), fine);
}

#[test]
fn a_workflow_change_that_the_token_may_not_make_is_denied_with_its_text() {
    let project = Project::on_http();
    project.push("Bad", &[("app.py", "bad\n"), (".github/workflows/ci.yml", "on: push\n")]);
    project.server().refuse_workflow_changes("app");
    let run = project.gate(RED).run().code(9);
    assert!(run.stderr.contains("without `workflows` permission"), "{}", run.stderr);
    assert_eq!(project.branch("main"), project.dev.head());
}

#[test]
fn a_branch_that_is_checked_out_at_a_local_remote_does_not_move_under_its_work_tree() {
    let theirs = Repo::init();
    let good = theirs.commit(
        "Good",
        &[("app.py", "good\n"), (".github/tidegate.yml", "version: 1\nimages: []\n")],
    );
    theirs.commit("Note [skip ci]", &[(LEDGER, &ledger_of(&[&good]))]);
    theirs.commit("Bad", &[("app.py", "bad\n")]);
    let before = theirs.checkout_state();
    let main = theirs.head();
    let clone = Repo::clone_of(&theirs.file_url());
    let run = gate_in(clone.path(), RED).run().code(9);
    assert!(run.stderr.contains("checked out"), "{}", run.stderr);
    assert_eq!(theirs.head(), main);
    assert_eq!(theirs.checkout_state().0, before.0);
}

#[test]
fn a_force_push_in_between_is_never_overwritten() {
    let project = Project::on_http();
    project.push_bad();
    let other = Repo::clone_of(&project.bare().display().to_string());
    other.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let rewritten = other.commit("Rewritten", &[("other.py", "1\n")]);
    let mut push = other.command(&["push", "-q", "--force", "origin", "main"]);
    push.stdout(Stdio::null());
    project.server().before(nth_push(MAIN_PUSH), runs(push));
    let run = project.gate(RED).run();
    assert!(matches!(run.status, Some(0 | 4)), "{run:?}");
    assert_eq!(project.branch("main"), rewritten);
}
