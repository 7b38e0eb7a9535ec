//! Which commits have runs, and which runs have not ended.

use super::{World, warnings};
use crate::harness::fault_proxy::{FaultProxy, Request, Rule};
use crate::harness::github::world::Run;
use crate::harness::project::{GREEN, RED, reasons};

/// A project whose last good commit is a release.
fn released() -> World {
    let world = World::new();
    world.push("Released", "released\n");
    world.project.gate(GREEN).run().success();
    world.project.pull();
    world
}

#[test]
fn an_unfinished_run_in_between_holds() {
    let world = released();
    let between = world.push("Slow", "slow\n");
    world.github.add(Run::push(&between).job("tests", "in_progress"));
    let bad = world.push("Bad", "bad\n");
    let gate = world.gate(&bad, RED);
    let run = world.project.holds(gate, "unfinished_runs");
    assert!(run.stdout.contains(&between), "{}", run.stdout);
    assert_eq!(world.github.count("GET", "/runs"), 1, "{:?}", world.github.lines());
}

#[test]
fn a_cancelled_run_above_decides_nothing() {
    let world = released();
    let bad = world.push("Bad", "bad\n");
    let above = world.push("Never tested", "never tested\n");
    world.github.add(Run::push(&above).completed("cancelled"));
    let gate = world.gate(&bad, RED);
    world.project.holds(gate, "not_the_effective_head");
}

#[test]
fn a_finished_run_in_between_does_not() {
    let world = released();
    let between = world.push("Slow", "slow\n");
    world.ran(&between, "failure");
    let bad = world.push("Bad", "bad\n");
    world.gate(&bad, RED).run().code(3);
}

#[test]
fn a_commit_whose_gate_has_decided_is_not_waited_for() {
    let world = released();
    let released = world.project.branch("main");
    let between = world.push("Red", "red\n");
    let slow = world.github.add(Run::push(&between).job("gate", "in_progress"));
    let bad = world.push("Bad", "bad\n");
    let newest = world.github.add(Run::push(&bad).job("gate", "in_progress"));
    let run = world.gate_of(slow, RED).run().code(0);
    assert_eq!(reasons(&run), ["job_failed", "newer_run_decides"]);
    // Its gate is over, and something else in its run goes on: nobody is left to decide but this.
    world.gate_of(newest, RED).run().code(3);
    assert_eq!(world.project.listing("refs/heads/main"), world.project.listing(&released));
}

#[test]
fn a_commit_whose_run_goes_on_again_is_waited_for_until_its_gate_has_decided() {
    let world = released();
    let between = world.push("Red", "red\n");
    let slow = world.github.add(Run::push(&between).job("gate", "in_progress"));
    let bad = world.push("Bad", "bad\n");
    let newest = world.github.add(Run::push(&bad).job("gate", "in_progress"));
    world.gate_of(slow, RED).run().code(0);
    world.github.edit(slow, |run| *run = run.clone().attempt(2).job("gate", "in_progress"));
    let gate = world.gate_of(newest, RED);
    world.project.holds(gate, "unfinished_runs");
    let later = world.gate_of(slow, RED).run().code(3);
    assert_eq!(later.json()["commit"], bad.as_str(), "{}", later.stdout);
}

#[test]
fn a_commit_above_has_a_run_where_github_lists_one() {
    let world = World::new();
    world.ran(&world.project.good, "success");
    let bad = world.push("Bad", "bad\n");
    let newer = world.push("Newer", "newer\n");
    world.github.add(Run::push(&newer).queued());
    world.project.dev.checkout(&bad);
    let run = world.gate(&bad, RED).run().code(0);
    assert_eq!(reasons(&run), ["job_failed", "newer_run_decides"]);
}

#[test]
fn a_push_that_is_not_listed_yet_holds() {
    let world = World::new();
    world.ran(&world.project.good, "success");
    let bad = world.push("Bad", "bad\n");
    world.push("Newer", "newer\n");
    world.project.dev.checkout(&bad);
    let gate = world.gate(&bad, RED);
    world.project.holds(gate, "not_the_effective_head");
}

#[test]
fn without_permission_every_commit_above_counts_as_one_with_a_run() {
    let world = World::new();
    let bad = world.push("Bad", "bad\n");
    world.push("Newer", "newer\n");
    world.project.dev.checkout(&bad);
    world.github.permit("actions", "none");
    let run = world.gate(&bad, RED).run().code(0);
    assert_eq!(reasons(&run), ["job_failed", "newer_run_decides"]);
    assert!(warnings(&run).contains("could not be checked"), "{}", run.stdout);
}

#[test]
fn a_gate_that_observes_again_asks_conditionally() {
    let world = World::new();
    world.ran(&world.project.good, "success");
    let bad = world.push("Bad", "bad\n");
    // While GitHub is asked about the good commit, somebody pushes.
    let newer = world.project.dev.commit("Newer", &[("app.py", "newer\n")]);
    world.project.dev.push("HEAD:refs/heads/side");
    world.project.dev.checkout(&bad);
    let proxy = FaultProxy::start(&world.github.host());
    let bare = world.project.bare().to_owned();
    let moved = newer.clone();
    let push = move |_: &Request| {
        let status = std::process::Command::new("git")
            .arg("--git-dir")
            .arg(&bare)
            .args(["update-ref", "refs/heads/main", &moved])
            .status()
            .expect("start git");
        assert!(status.success(), "git update-ref");
    };
    proxy.add(Rule::on("GET", "/jobs").times(1).before(push));
    world.github.add(Run::push(&bad).id(17).job("gate", "in_progress"));
    let gate = world.project.gate(RED).envs(world.github.envs_through(proxy.host(), &bad));
    let run = gate.run().code(4);
    assert_eq!(reasons(&run), ["job_failed", "not_the_effective_head"], "{}", run.stdout);
    assert_eq!(world.project.branch("main"), newer);
    assert!(world.github.not_modified() >= 2, "{:?}", world.github.lines());
}
