//! Promise 7: a rollback never leads to the next one by itself; and the verdict table of failures.

use crate::harness::project::{CONFIG, GREEN, LEDGER, NO_IMAGES, Project, RED, actions, reasons};

#[test]
fn a_rollback_starts_no_run() {
    let project = Project::on_disk();
    project.push("Bad [skip ci] quoted", &[("app.py", "bad\n")]);
    let head = project.rolls_back();
    let message = project.message(&head);
    assert_eq!(message.matches("[skip ci]").count(), 1, "{message}");
    assert!(message.lines().next().unwrap().ends_with("[skip ci]"));
}

#[test]
fn the_same_gate_again_changes_nothing() {
    let project = Project::on_disk();
    project.push_bad();
    project.rolls_back();
    let before = project.refs();
    let run = project.gate(RED).run().success();
    assert_eq!(reasons(&run).last().map(String::as_str), Some("rolled_back_already"));
    assert_eq!(project.refs(), before);
    // Green tests of a commit that was rolled back meanwhile do not bring it back either.
    project.gate(GREEN).run();
    assert_eq!(project.refs_but_state(), {
        let mut before = before;
        before.remove("refs/heads/tidegate");
        before
    });
}

#[test]
fn a_promotion_again_changes_nothing() {
    let project = Project::on_disk();
    project.push("Fine", &[("app.py", "fine\n")]);
    project.gate(GREEN).run().success();
    let before = project.refs();
    let run = project.gate(GREEN).run().success();
    assert_eq!(reasons(&run), ["already_released"]);
    assert_eq!(project.refs(), before);
}

#[test]
fn so_many_rollbacks_follow_each_other_and_no_more() {
    let project = Project::on_disk();
    for number in 1..=3 {
        project.push("Bad", &[("app.py", &format!("bad {number}\n"))]);
        project.rolls_back();
        project.pull();
    }
    project.push("Bad", &[("app.py", "bad 4\n")]);
    project.holds(project.gate(RED), "too_many_rollbacks");
    // A promotion between them begins the count again.
    let mut project = project;
    project.good = project.push("Fixed", &[("app.py", "fixed\n")]);
    project.gate(GREEN).run().success();
    project.pull();
    project.push("Bad", &[("app.py", "bad 5\n")]);
    project.rolls_back();
}

#[test]
fn the_depth_is_configured() {
    let mut project = Project::on_disk();
    let config = format!("{NO_IMAGES}rollback: {{ max_depth: 1 }}\n");
    project.good = project.push("Released", &[(CONFIG, &config)]);
    project.gate(GREEN).run().success();
    project.pull();
    project.push("Bad", &[("app.py", "bad 1\n")]);
    project.rolls_back();
    project.pull();
    project.push("Bad", &[("app.py", "bad 2\n")]);
    project.holds(project.gate(RED), "too_many_rollbacks");
}

#[test]
fn red_then_green_promotes_the_newer_commit() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    let fixed = project.push("Fixed", &[("app.py", "fixed\n")]);
    let before = project.refs_but_state();
    let run = project.gate(RED).args(["--commit", &bad]).run().success();
    assert_eq!(reasons(&run).last().map(String::as_str), Some("newer_run_decides"));
    assert_eq!(project.refs_but_state(), before);
    project.gate(GREEN).args(["--commit", &fixed]).run().success();
    assert_eq!(project.branch("stable"), fixed);
}

#[test]
fn green_then_red_promotes_the_older_and_rolls_back_to_it() {
    let mut project = Project::on_disk();
    project.good = project.push("Fine", &[("app.py", "fine\n")]);
    let bad = project.push_bad();
    let fine = project.good.clone();
    // The older gate is the later one to run: its promotion still goes on.
    project.gate(GREEN).args(["--commit", &fine]).run().success();
    assert_eq!(project.branch("stable"), fine);
    project.gate(RED).args(["--commit", &bad]).run().code(3);
    project.assert_rolled_back_to(&fine);
    assert_eq!(project.branch("stable"), fine);
}

#[test]
fn green_after_its_descendant_was_rolled_back_is_held() {
    let project = Project::on_disk();
    let fine = project.push("Fine", &[("app.py", "fine\n")]);
    let bad = project.push_bad();
    project.gate(RED).args(["--commit", &bad]).run().code(3);
    project.assert_rolled_back_to(&project.good);
    project.holds(project.gate(GREEN).args(["--commit", &fine]), "in_rolled_back_range");
}

#[test]
fn red_then_red_is_one_rollback_whichever_gate_is_first() {
    let project = Project::on_disk();
    let first = project.push("Bad", &[("app.py", "bad 1\n")]);
    let second = project.push("Bad", &[("app.py", "bad 2\n")]);
    project.gate(RED).args(["--commit", &first]).run().success();
    project.gate(RED).args(["--commit", &second]).run().code(3);
    let head = project.assert_rolled_back_to(&project.good);
    project.gate(RED).args(["--commit", &first]).run().success();
    assert_eq!(project.branch("main"), head);
}

#[test]
fn a_stored_failure_above_is_carried_out_by_the_gate_below() {
    let project = Project::on_disk();
    let config = format!("{NO_IMAGES}rollback: {{ enabled: false }}\n");
    let first = project.push("Bad", &[("app.py", "bad 1\n")]);
    let second = project.push("Bad", &[("app.py", "bad 2\n")]);
    // A schedule may not roll back, so the failure of the newer commit is only stored.
    let scheduled = project.gate(RED).args(["--event", "schedule"]);
    project.holds(scheduled, "only_pushes_roll_back");
    project.gate(RED).args(["--commit", &first]).run().code(3);
    let head = project.assert_rolled_back_to(&project.good);
    assert!(project.message(&head).contains(&format!("Tidegate-Rollback-From: {second}")));
    drop(config);
}

#[test]
fn a_failure_of_what_passed_before_is_held() {
    let project = Project::on_disk();
    project.push("Fine", &[("app.py", "fine\n")]);
    project.gate(GREEN).run().success();
    project.holds(project.gate(RED), "passed_before");
}

#[test]
fn a_failure_of_a_tree_that_passed_is_held() {
    let project = Project::on_disk();
    project.push("Change", &[("app.py", "other\n")]);
    project.push("Change back", &[("app.py", "print('good')\n"), (LEDGER, "# Other\n")]);
    project.dev.git(&["checkout", "-q", "HEAD~2", "--", LEDGER]);
    project.push("Ledger back", &[]);
    project.holds(project.gate(RED), "same_tree_as_passed");
}

#[test]
fn rollbacks_can_be_switched_off() {
    let mut project = Project::on_disk();
    let config = format!("{NO_IMAGES}rollback: {{ enabled: false }}\n");
    project.good = project.push("Good", &[(CONFIG, &config)]);
    project.gate(GREEN).run().success();
    project.pull();
    project.push_bad();
    project.holds(project.gate(RED), "rollback_disabled");
}

#[test]
fn retries_come_before_a_rollback() {
    let mut project = Project::on_disk();
    let config = format!("{NO_IMAGES}rollback: {{ retries: 1 }}\n");
    project.good = project.push("Good", &[(CONFIG, &config)]);
    project.gate(GREEN).run().success();
    project.pull();
    let bad = project.push_bad();
    let attempt =
        |number: &str| project.gate(RED).envs(actions(&bad)).env("GITHUB_RUN_ATTEMPT", number);
    let before = project.refs_but_state();
    let run = attempt("1").run().code(5);
    assert_eq!(run.json()["verdict"], "retry");
    // What failed is noted, and that is all.
    assert_eq!(project.refs_but_state(), before);
    let noted = project.remote_git(&["ls-tree", "-r", "--name-only", "refs/heads/tidegate"]);
    assert!(noted.contains("retries/") && !noted.contains("quarantine/"), "{noted}");
    attempt("2").run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_conclusive_failure_outweighs_what_is_missing_and_the_rest_holds() {
    let job = |result: &str| format!(r#"{{"tests":{{"result":"{result}","outputs":{{}}}}}}"#);
    for result in ["cancelled", "skipped"] {
        let project = Project::on_disk();
        project.push_bad();
        project.holds(project.gate(&job(result)), "evidence_missing");
    }
    let project = Project::on_disk();
    project.push_bad();
    let needs =
        r#"{"tests":{"result":"failure","outputs":{}},"build":{"result":"skipped","outputs":{}}}"#;
    project.gate(needs).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_hold_of_promotions_does_not_stop_a_rollback() {
    let mut project = Project::on_disk();
    let config = format!(
        "{NO_IMAGES}freeze:\n  - {{ cron: \"* * * * *\", duration: 2h, reason: always }}\n"
    );
    project.good = project.push("Good", &[(CONFIG, &config)]);
    project.holds(project.gate(GREEN), "frozen");
    project.push_bad();
    project.rolls_back();
}

#[test]
fn a_rollback_can_be_rolled_forward_again_by_a_fix() {
    let project = Project::on_disk();
    project.push_bad();
    let rollback = project.rolls_back();
    project.pull();
    let fixed = project.push("Fixed", &[("app.py", "fixed\n")]);
    project.gate(GREEN).run().success();
    assert_eq!(project.branch("stable"), fixed);
    assert_eq!(project.dev.rev_parse("HEAD^"), rollback);
}
