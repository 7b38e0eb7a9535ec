//! `tidegate retry`, the step of the retry workflow.

use std::thread;

use super::Team;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::project::RED;

/// A run whose gate has asked for a retry and is still in progress.
fn asked() -> (Team, u64) {
    let team = Team::new();
    let (_, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    team.github.forget();
    (team, run)
}

fn ends(team: &Team, run: u64, conclusion: &str) {
    team.github.finish(run, &[("gate", conclusion)], conclusion);
}

#[test]
fn it_waits_for_the_end_of_the_run_and_runs_the_failed_jobs_again() {
    let (team, run) = asked();
    let ended = {
        let command = team.retry(run, 1);
        let retry = thread::spawn(move || command.run());
        while team.github.count("GET", &format!("runs/{run}")) < 2 {
            thread::yield_now();
        }
        assert!(team.github.reruns().is_empty(), "not while it is in progress");
        ends(&team, run, "failure");
        retry.join().expect("the run")
    };
    let json = ended.code(0).json();
    assert_eq!(json["schema"], "tidegate/retry/1");
    assert_eq!((json["outcome"].as_str(), json["run"].as_u64()), (Some("run_again"), Some(run)));
    assert_eq!(team.github.reruns(), [run]);
    assert!(team.github.not_modified() > 0, "looks without news are conditional");

    // Started twice: the second one leaves the later attempt alone.
    let again = team.retry(run, 1).run().code(0);
    assert_eq!(again.json()["outcome"], "later_attempt");
    assert_eq!(team.github.reruns(), [run]);
}

#[test]
fn a_run_that_did_not_fail_is_left_alone() {
    for conclusion in ["success", "cancelled"] {
        let (team, run) = asked();
        ends(&team, run, conclusion);
        let json = team.retry(run, 1).run().code(0).json();
        assert_eq!(json["outcome"], "not_failed", "{json}");
        assert_eq!(json["conclusion"], conclusion);
        assert!(team.github.reruns().is_empty());
    }
}

#[test]
fn it_gives_up_at_its_deadline() {
    let (team, run) = asked();
    let json = team.retry(run, 1).args(["--wait", "0s"]).run().code(5).json();
    assert_eq!(json["outcome"], "not_ended");
    assert!(team.github.reruns().is_empty());
}

#[test]
fn a_run_that_no_gate_has_noted_is_refused() {
    let (team, run) = asked();
    ends(&team, run, "failure");
    let bad = team.project.branch("main");
    let other = team.github.add(
        crate::harness::github::world::Run::push(&bad).job("tests", "failure").completed("failure"),
    );
    for (run, attempt) in [(other, 1), (run, 2), (4711, 1)] {
        let refused = team.retry(run, attempt).run().code(6);
        assert!(refused.stderr.contains("no gate has asked"), "{}", refused.stderr);
    }
    assert!(team.github.writes().is_empty());
}

#[test]
fn a_run_that_is_not_what_was_noted_is_refused() {
    type Edit = fn(&mut crate::harness::github::world::Run);
    let edits: [(&str, Edit); 5] = [
        ("of a fork", |run| run.head_repository = Some(7)),
        ("of another branch", |run| run.head_branch = Some("feature".to_owned())),
        ("of a pull request", |run| "pull_request".clone_into(&mut run.event)),
        ("of another workflow", |run| "other.yml".clone_into(&mut run.workflow)),
        ("of another commit", |run| run.head_sha = "f".repeat(40)),
    ];
    for (what, edit) in edits {
        let (team, run) = asked();
        ends(&team, run, "failure");
        team.github.edit(run, edit);
        let refused = team.retry(run, 1).run().code(6);
        assert!(refused.stderr.contains("is not the push run of"), "{what}: {}", refused.stderr);
        assert!(team.github.writes().is_empty(), "{what}");
    }
}

#[test]
fn another_branch_or_a_pull_request_may_not_start_it() {
    let (team, run) = asked();
    ends(&team, run, "failure");
    team.retry(run, 1).env("GITHUB_REF", "refs/heads/feature").run().code(6);
    team.retry(run, 1).env("GITHUB_EVENT_NAME", "pull_request").run().code(6);
    team.retry(run, 1).env("GITHUB_EVENT_NAME", "workflow_run").run().code(6);
    assert!(team.github.writes().is_empty());
}

#[test]
fn a_missing_permission_is_named() {
    let (team, run) = asked();
    ends(&team, run, "failure");
    team.github.permit("actions", "read");
    let denied = team.retry(run, 1).run().code(9);
    assert!(denied.stderr.contains("`actions: write`"), "{}", denied.stderr);
    assert!(team.github.reruns().is_empty());
}

#[test]
fn a_lost_answer_runs_nothing_twice() {
    let (team, run) = asked();
    ends(&team, run, "failure");
    let proxy = FaultProxy::start(&team.github.host());
    proxy.add(Rule::on("POST", "rerun-failed-jobs").times(1).fault(Fault::DropAnswer));
    let retry = team.retry(run, 1).env("GITHUB_API_URL", team.github.url_through(proxy.host()));
    assert_eq!(retry.run().code(0).json()["outcome"], "run_again");
    assert_eq!(team.github.reruns(), [run]);
}

#[test]
fn a_refusal_because_the_run_is_in_progress_is_waited_for() {
    let (team, run) = asked();
    ends(&team, run, "failure");
    let proxy = FaultProxy::start(&team.github.host());
    let said = r#"{"message":"This workflow is already running"}"#;
    proxy.add(Rule::on("POST", "rerun-failed-jobs").times(1).answer(403, &[], said));
    let retry = team.retry(run, 1).env("GITHUB_API_URL", team.github.url_through(proxy.host()));
    assert_eq!(retry.run().code(0).json()["outcome"], "run_again");
    assert_eq!(proxy.count("POST", "rerun-failed-jobs"), 2);
    assert_eq!(team.github.reruns(), [run]);
}

#[test]
fn github_out_of_order_is_waited_for() {
    let (team, run) = asked();
    ends(&team, run, "failure");
    let proxy = FaultProxy::start(&team.github.host());
    proxy.add(Rule::on("GET", "runs/").times(1).answer(502, &[], "<html>Bad gateway</html>"));
    let retry = team.retry(run, 1).env("GITHUB_API_URL", team.github.url_through(proxy.host()));
    assert_eq!(retry.run().code(0).json()["outcome"], "run_again");
}

#[test]
fn without_a_token_it_says_so() {
    let (team, run) = asked();
    let failed = team.retry(run, 1).env("GITHUB_TOKEN", "").run().code(2);
    assert!(failed.stderr.contains("no token"), "{}", failed.stderr);
}
