//! A failure that waited for the run of an older commit is decided by that commit's gate.

use super::World;
use crate::harness::github::world::Run;
use crate::harness::project::{CONFIG, GREEN, NO_IMAGES, RED};

/// A release, a slow commit on it whose run goes on, and a failed one on top, which is held.
struct Waiting {
    world: World,
    released: String,
    slow: String,
    slow_run: u64,
    bad: String,
    bad_run: u64,
}

fn waiting_with(configuration: &str) -> Waiting {
    let world = World::new();
    let text = format!("{NO_IMAGES}{configuration}");
    let released = world.project.push("Released", &[("app.py", "released\n"), (CONFIG, &text)]);
    world.project.gate(GREEN).run().success();
    world.project.pull();
    let slow = world.push("Slow", "slow\n");
    let slow_run = world.github.add(Run::push(&slow).job("gate", "in_progress"));
    let bad = world.push("Bad", "bad\n");
    let bad_run = world.github.add(Run::push(&bad).job("gate", "in_progress"));
    let gate = world.gate_of(bad_run, RED);
    world.project.holds(gate, "unfinished_runs");
    world.github.finish(bad_run, &[("gate", "failure")], "failure");
    Waiting { world, released, slow, slow_run, bad, bad_run }
}

fn waiting() -> Waiting {
    waiting_with("")
}

#[test]
fn where_the_older_commit_passes_it_is_promoted_and_gone_back_to() {
    let w = waiting();
    let run = w.world.gate_of(w.slow_run, GREEN).run().code(3);
    let json = run.json();
    assert_eq!((&json["verdict"], &json["commit"]), (&"promote".into(), &w.slow.as_str().into()));
    let left = &json["left"];
    assert_eq!((&left["verdict"], &left["commit"]), (&"rollback".into(), &w.bad.as_str().into()));
    assert_eq!(left["reasons"][0]["reason"], "failed_earlier", "{left}");
    assert_eq!(left["rolled_back"]["to"], w.slow.as_str());
    w.world.project.assert_rolled_back_to(&w.slow);
    // Once more: nothing is left to do.
    let run = w.world.gate_of(w.slow_run, GREEN).run().success();
    assert!(run.json()["left"].is_null(), "{}", run.stdout);
}

#[test]
fn where_the_older_commit_fails_too_both_go() {
    let w = waiting();
    let run = w.world.gate_of(w.slow_run, RED).run().code(3);
    assert_eq!(run.json()["commit"], w.bad.as_str());
    w.world.project.assert_rolled_back_to(&w.released);
}

#[test]
fn where_nothing_is_known_of_the_older_commit_both_go() {
    let w = waiting();
    let cancelled = r#"{"tests":{"result":"cancelled","outputs":{}}}"#;
    let run = w.world.gate_of(w.slow_run, cancelled).run().code(3);
    assert_eq!(run.json()["verdict"], "hold", "{}", run.stdout);
    w.world.project.assert_rolled_back_to(&w.released);
}

#[test]
fn a_failure_that_is_tried_again_is_left_to_its_own_run() {
    let w = waiting();
    w.world.github.edit(w.bad_run, |run| {
        run.attempt = 2;
        "in_progress".clone_into(&mut run.status);
        run.conclusion = None;
    });
    let main = w.world.project.branch("main");
    let run = w.world.gate_of(w.slow_run, GREEN).run().success();
    assert_eq!(run.json()["left"]["verdict"], "hold", "{}", run.stdout);
    assert_eq!(w.world.project.show("main", "app.py"), "bad", "{main}");
}

#[test]
fn holds_of_rollbacks_count_for_the_later_gate_too() {
    let w = waiting_with("rollback: { enabled: false }\n");
    let run = w.world.gate_of(w.slow_run, GREEN).run().success();
    let left = run.json()["left"].clone();
    assert_eq!(left["verdict"], "hold", "{left}");
    assert_eq!(w.world.project.show("main", "app.py"), "bad");
}

#[test]
fn a_newer_push_leaves_the_failure_to_its_own_run() {
    let w = waiting();
    w.world.project.dev.checkout("main");
    w.world.project.pull();
    w.world.push("Newer", "newer\n");
    let run = w.world.gate_of(w.slow_run, GREEN).run().success();
    assert!(run.json()["left"].is_null(), "{}", run.stdout);
}

#[test]
fn the_failure_of_a_newer_commit_is_tried_again_in_its_own_run() {
    let w = waiting_with("rollback: { retries: 1 }\n");
    w.world.github.knows(w.world.project.bare());
    w.world.github.dispatchable("tidegate-retry.yml", &["run_id", "attempt"]);
    // The older commit has failed in its second attempt; the newer one only once.
    w.world.github.edit(w.slow_run, |run| {
        *run = run.clone().attempt(2).job("gate", "in_progress");
    });
    let run = w.world.gate_of(w.slow_run, RED).run().code(5);
    assert_eq!(run.json()["commit"], w.bad.as_str(), "{}", run.stdout);
    assert_eq!(w.world.project.show("main", "app.py"), "bad");
    let dispatches = w.world.github.dispatches();
    assert_eq!(dispatches.len(), 1, "{dispatches:?}");
    assert_eq!(dispatches[0].inputs["run_id"], w.bad_run.to_string());
    assert_eq!(dispatches[0].inputs["attempt"], "1");
    let note = format!("retries/{}.json", w.bad);
    let note = w.world.project.show("refs/heads/tidegate", &note);
    assert!(!note.contains("failed_jobs"), "what failed in another run is not its own: {note}");
    // Once more: it was started already.
    let again = w.world.gate_of(w.slow_run, RED).run().code(5);
    assert_eq!(again.json()["retry"]["dispatched"], true, "{}", again.stdout);
    assert_eq!(w.world.github.dispatches().len(), 1);
}

#[test]
fn a_commit_that_was_rolled_back_is_waited_for_by_nobody() {
    let world = World::new();
    let released = world.push("Released", "released\n");
    world.project.gate(GREEN).run().success();
    world.project.pull();
    let first = world.push("Bad", "bad\n");
    let first_run = world.github.add(Run::push(&first).job("gate", "in_progress"));
    world.gate_of(first_run, RED).run().code(3);
    world.github.finish(first_run, &[("gate", "failure")], "failure");
    world.project.dev.checkout("main");
    world.project.pull();
    let second = world.push("Worse", "worse\n");
    let second_run = world.github.add(Run::push(&second).job("gate", "in_progress"));
    // Somebody tries the first one again: its gate has nothing to decide any more.
    world.github.edit(first_run, |run| {
        run.attempt = 2;
        "in_progress".clone_into(&mut run.status);
        run.conclusion = None;
    });
    let run = world.gate_of(second_run, RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["failed"], second.as_str());
    world.project.assert_rolled_back_to(&released);
    let run = world.gate_of(first_run, RED).run().success();
    assert_eq!(run.json()["verdict"], "superseded");
}
