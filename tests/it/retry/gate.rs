//! The gate: the first attempt asks for another one, which decides.

use std::sync::{Arc, Mutex};
use std::thread;

use super::{AGAIN_GREEN, AGAIN_RED, SLOW, Team, WORKFLOW, warnings};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::github::world::Run;
use crate::harness::project::{LEDGER, RED, reasons};

#[test]
fn a_failure_is_tried_again_before_anything_is_reverted() {
    let team = Team::new();
    let (bad, run) = team.pushes_red();
    let before = team.project.refs_but_state();

    let gate = team.gate(run, RED).run().code(5);

    assert_eq!(gate.json()["verdict"], "retry");
    assert_eq!(gate.json()["retry"]["dispatched"], true, "{}", gate.stdout);
    assert!(reasons(&gate).contains(&"retries_left".to_owned()), "{}", gate.stdout);
    assert_eq!(team.project.refs_but_state(), before);
    team.assert_nothing_is_quarantined();
    let dispatches = team.github.dispatches();
    assert_eq!(dispatches.len(), 1, "{dispatches:?}");
    assert_eq!(
        (dispatches[0].workflow.as_str(), dispatches[0].git_ref.as_str()),
        (WORKFLOW, "main")
    );
    assert_eq!(dispatches[0].inputs["run_id"], run.to_string());
    assert_eq!(dispatches[0].inputs["attempt"], "1");
    let note = team.note(&bad);
    assert_eq!(note["failed_tests"], serde_json::json!([SLOW]));
    assert_eq!(note["failed_jobs"], serde_json::json!(["tests"]));
    assert_eq!(note["dispatched"], true);
    assert_eq!(note["workflow"], ".github/workflows/release-gate.yml");

    // Another gate of the same attempt.
    let again = team.gate(run, RED).run().code(5);
    assert_eq!(again.json()["retry"]["dispatched"], true);
    assert_eq!(team.github.dispatches().len(), 1);
}

#[test]
fn people_read_what_happens_next() {
    let team = Team::new();
    let (_, run) = team.pushes_red();
    let envs = team.github.envs_of(run);
    let gate = crate::harness::tidegate::Tidegate::new()
        .args(["gate", "--needs", RED])
        .envs(envs)
        .current_dir(team.folder())
        .run()
        .code(5);
    assert!(gate.stdout.contains("nothing was reverted"), "{}", gate.stdout);
    assert!(gate.stdout.contains("tidegate-retry.yml was started"), "{}", gate.stdout);
    assert!(gate.stdout.contains("the gate of attempt 2 decides"), "{}", gate.stdout);
}

#[test]
fn what_passes_on_the_second_try_is_promoted_and_named_as_flaky() {
    let team = Team::new();
    let (bad, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    team.begins_again(run);
    team.writes(&[]);

    let gate = team.gate(run, AGAIN_GREEN).run().code(0);

    assert_eq!(gate.json()["verdict"], "promote");
    assert_eq!(gate.json()["flaky"], serde_json::json!([SLOW]));
    assert_eq!(gate.json()["record"]["flaky"], serde_json::json!([SLOW]));
    assert_eq!(gate.json()["record"]["commit"], bad.as_str());
    let ledger = team.project.show("refs/heads/main", LEDGER);
    assert!(ledger.contains(&format!("**Flaky**: {SLOW}\n")), "{ledger}");
    let history = crate::harness::tidegate::Tidegate::new()
        .args(["history", "--json"])
        .current_dir(team.folder())
        .run()
        .code(0);
    let entries = history.json()["entries"].clone();
    assert_eq!(entries[0]["flaky"], serde_json::json!([SLOW]), "{entries}");
    assert_eq!(entries[1]["flaky"], serde_json::json!([]), "{entries}");
    assert_eq!(team.github.dispatches().len(), 1);
}

#[test]
fn a_test_that_was_not_run_again_is_not_called_flaky() {
    let team = Team::new();
    let (_, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    team.begins_again(run);
    let other =
        "<testsuite><testcase classname=\"tests.test_app\" name=\"test_other\"/></testsuite>";
    team.project.dev.write(super::REPORT, other);

    let gate = team.gate(run, AGAIN_GREEN).run().code(0);

    // Nobody saw the test pass; that the job did is known.
    assert_eq!(gate.json()["flaky"], serde_json::json!(["job tests"]));
}

#[test]
fn a_job_without_reports_is_named_itself() {
    let team = Team::with("");
    let (_, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    team.begins_again(run);
    let gate = team.gate(run, AGAIN_GREEN).run().code(0);
    assert_eq!(gate.json()["record"]["flaky"], serde_json::json!(["job tests"]));
}

#[test]
fn what_fails_twice_is_rolled_back() {
    let team = Team::new();
    let good = team.project.branch("main");
    let (bad, run) = team.pushes_red();
    team.gate(run, RED).run().code(5);
    team.begins_again(run);
    team.writes(&["test_slow"]);

    let gate = team.gate(run, AGAIN_RED).run().code(3);

    assert_eq!(gate.json()["rolled_back"]["failed"], bad.as_str());
    assert_eq!(
        team.project.listing("refs/heads/main"),
        team.project.listing(&good),
        "main shows the good tree"
    );
    assert!(team.state_files().contains(&format!("quarantine/{bad}.json")));
    assert_eq!(team.github.dispatches().len(), 1);
}

#[test]
fn a_refused_dispatch_leaves_the_verdict_and_says_what_to_do() {
    let team = Team::new();
    let (bad, run) = team.pushes_red();
    let before = team.project.refs_but_state();
    let refused = |what: &str| {
        let gate = team.gate(run, RED).run().code(5);
        assert_eq!(gate.json()["retry"]["dispatched"], false, "{}", gate.stdout);
        let warnings = warnings(&gate.json());
        assert!(warnings.contains(what) && warnings.contains("Re-run failed jobs"), "{warnings}");
        assert_eq!(team.project.refs_but_state(), before);
        team.assert_nothing_is_quarantined();
        assert_eq!(team.note(&bad)["dispatched"], false);
    };

    team.github.permit("actions", "read");
    refused("`actions: write`");
    team.github.permit("actions", "write");
    team.github.world().workflows.retain(|known| known.file != WORKFLOW);
    refused(".github/workflows/tidegate-retry.yml");
    team.github.dispatchable(WORKFLOW, &["run"]);
    refused("run_id and attempt");
    assert!(team.github.dispatches().is_empty());

    // Once it can be started, the next gate of the attempt does.
    team.github.dispatchable(WORKFLOW, &["run_id", "attempt"]);
    team.gate(run, RED).run().code(5);
    assert_eq!(team.github.dispatches().len(), 1);
    assert_eq!(team.note(&bad)["dispatched"], true);
}

#[test]
fn without_a_token_a_person_is_asked_to_run_the_jobs_again() {
    let team = Team::new();
    let (bad, run) = team.pushes_red();
    let gate = team.gate(run, RED).env("GITHUB_TOKEN", "").run().code(5);
    assert!(warnings(&gate.json()).contains("no token"), "{}", gate.stdout);
    assert_eq!(team.note(&bad)["failed_tests"], serde_json::json!([SLOW]));
    // Which counts like the retry workflow's.
    team.begins_again(run);
    team.writes(&[]);
    let gate = team.gate(run, AGAIN_GREEN).run().code(0);
    assert_eq!(gate.json()["flaky"], serde_json::json!([SLOW]));
}

#[test]
fn a_lost_answer_starts_the_workflow_at_most_twice_and_is_no_error() {
    let team = Team::new();
    let (bad, run) = team.pushes_red();
    let proxy = FaultProxy::start(&team.github.host());
    proxy.add(Rule::on("POST", "dispatches").times(1).fault(Fault::DropAnswer));
    let gate = team
        .gate(run, RED)
        .env("GITHUB_API_URL", team.github.url_through(proxy.host()))
        .run()
        .code(5);
    assert_eq!(gate.json()["retry"]["dispatched"], true, "{}", gate.stdout);
    assert_eq!(team.github.dispatches().len(), 2);
    assert_eq!(team.note(&bad)["dispatched"], true);
}

#[test]
fn killed_between_the_note_and_the_dispatch_the_next_gate_dispatches() {
    let team = Team::new();
    let (bad, run) = team.pushes_red();
    let proxy = FaultProxy::start(&team.github.host());
    let child = Arc::new(Mutex::new(None));
    let victim = Arc::clone(&child);
    let kill = move |_: &_| {
        let mut gate: std::process::Child = loop {
            if let Some(gate) = victim.lock().unwrap().take() {
                break gate;
            }
            thread::yield_now();
        };
        gate.kill().expect("kill it");
        gate.wait().expect("its end");
    };
    proxy.add(Rule::on("POST", "dispatches").times(1).before(kill).fault(Fault::Close));
    let gate = team.gate(run, RED).env("GITHUB_API_URL", team.github.url_through(proxy.host()));
    let (started, _home) = gate.start();
    *child.lock().unwrap() = Some(started);
    while proxy.count("POST", "dispatches") == 0 || child.lock().unwrap().is_some() {
        thread::yield_now();
    }
    assert_eq!(team.note(&bad)["dispatched"], false);
    assert!(team.github.dispatches().is_empty());

    team.gate(run, RED).run().code(5);

    assert_eq!(team.github.dispatches().len(), 1);
    assert_eq!(team.note(&bad)["dispatched"], true);
}

#[test]
fn a_newer_commit_outranks_the_retry_of_an_older_one() {
    let team = Team::new();
    let (_, old) = team.pushes_red();
    let newer = team.project.push("Newer", &[("app.py", "print('newer')\n")]);
    team.github.add(Run::push(&newer).job("tests", "in_progress"));

    let gate = team.gate(old, RED).run().code(0);

    assert_eq!(gate.json()["verdict"], "superseded");
    assert!(team.github.dispatches().is_empty());
    assert!(!team.state_files().contains("retries/"), "{}", team.state_files());
}

#[test]
fn the_rerun_of_an_old_run_reverts_nothing_after_a_newer_commit() {
    let team = Team::new();
    let (_, old) = team.pushes_red();
    team.gate(old, RED).run().code(5);
    let newer = team.project.push("Newer", &[("app.py", "print('newer')\n")]);
    team.github.add(Run::push(&newer).job("tests", "in_progress"));
    let head = team.project.branch("main");
    team.begins_again(old);

    let gate = team.gate(old, AGAIN_RED).run().code(0);

    assert_eq!(gate.json()["verdict"], "superseded");
    assert_eq!(team.project.branch("main"), head);
    team.assert_nothing_is_quarantined();
}

#[test]
fn a_report_only_event_starts_nothing() {
    let team = Team::new();
    let (_, run) = team.pushes_red();
    let before = team.project.refs();
    let gate = team.gate(run, RED).env("GITHUB_EVENT_NAME", "merge_group").run().code(0);
    assert_eq!(gate.json()["verdict"], "retry");
    assert_eq!(gate.json()["binding"], false);
    assert_eq!(team.project.refs(), before);
    assert!(team.github.writes().is_empty());
}

#[test]
fn a_gate_by_hand_has_no_run_to_try_again() {
    let team = Team::new();
    let (_, _) = team.pushes_red();
    let before = team.project.refs();
    let gate = team.project.gate(RED).run().code(5);
    assert!(warnings(&gate.json()).contains("no run of GitHub Actions"), "{}", gate.stdout);
    assert_eq!(team.project.refs(), before);
}

#[test]
fn an_approved_plan_starts_the_workflow() {
    let team = Team::new();
    let (_, run) = team.pushes_red();
    let plan = tempfile::NamedTempFile::new().unwrap();
    let envs = team.github.envs_of(run);
    let tidegate = |args: &[&str]| {
        crate::harness::tidegate::Tidegate::new()
            .args(args)
            .envs(envs.clone())
            .current_dir(team.folder())
            .run()
    };
    let path = plan.path().to_str().unwrap();
    tidegate(&["plan", "--needs", RED, "--out", path]).code(0);
    assert!(team.github.writes().is_empty());
    // An edited plan that would start it for another run is refused.
    let text = std::fs::read_to_string(path).unwrap();
    let (id, other) = (format!("\"run\": {run}"), format!("\"run\": {}", run + 1));
    assert!(text.contains(&id), "{text}");
    std::fs::write(path, text.replace(&id, &other)).unwrap();
    tidegate(&["apply", path]).code(10);
    // So is one that would start another workflow.
    assert!(text.contains(WORKFLOW), "{text}");
    std::fs::write(path, text.replace(WORKFLOW, "deploy.yml")).unwrap();
    tidegate(&["apply", path]).code(10);
    std::fs::write(path, text).unwrap();
    tidegate(&["apply", path]).code(5);
    assert_eq!(team.github.dispatches().len(), 1);
}
