//! The rollback of a protected branch waits in one pull request.

use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tidegate::actions::skip_markers::has_skip_marker;

use super::{Protected, RULESET, creates, protect};
use crate::harness::environment::isolated_command;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::project::{LEDGER, NO_IMAGES, RED, actions, entry, gate_in, reasons};
use crate::harness::tidegate::Tidegate;

#[test]
fn a_rollback_of_a_protected_branch_becomes_one_pull_request() {
    let world = Protected::new();
    let project = &world.project;
    let main = project.branch("main");
    let pull = world.proposes();
    assert_eq!(pull["state"], "opened");
    assert_eq!(pull["to"], project.good.as_str());
    let branch = format!("refs/heads/{}", world.branch());
    assert_eq!(project.listing(&branch), project.listing(&project.good));
    assert_eq!(project.remote_git(&["log", "-1", "--format=%P", &branch]), main);
    let message = project.message(&branch);
    assert!(!has_skip_marker(&message), "its checks have to run: {message}");
    assert!(message.contains(&format!("Tidegate-Rollback-From: {}", world.bad)), "{message}");
    assert!(message.contains(&format!("Tidegate-Rollback-To: {}", project.good)), "{message}");
    let pulls = world.github.pulls();
    assert_eq!(pulls.len(), 1);
    assert_eq!(pulls[0].labels, ["tidegate-rollback"]);
    assert!(!has_skip_marker(&pulls[0].title), "{}", pulls[0].title);
    let body = pulls[0].body.clone().unwrap();
    for part in ["job \"tests\" failed", &world.bad[..7], &project.good[..7], "--undo"] {
        assert!(body.contains(part), "no {part:?} in {body}");
    }
    // The failed commit is out of the way already.
    let quarantine = format!("quarantine/{}.json", world.bad);
    let note = project.show("refs/heads/tidegate", &quarantine);
    assert!(note.contains("\"pull_request\": 1"), "{note}");

    // Again, before anybody has merged it.
    let before = project.refs();
    let pull = world.proposes();
    assert_eq!((&pull["state"], &pull["number"]), (&"open".into(), &1.into()));
    assert_eq!(project.refs(), before);
    assert_eq!((world.github.pulls().len(), creates(&world.github)), (1, 1));
}

#[test]
fn a_ruleset_is_recognised_too() {
    let world = Protected::new();
    world.project.server().install_hook("app", "pre-receive", RULESET);
    assert_eq!(world.proposes()["state"], "opened");
}

#[test]
fn another_refusal_opens_nothing() {
    let world = Protected::new();
    let hook = "#!/bin/sh\nwhile read -r o n r; do [ $r != refs/heads/main ] || { echo 'the disk is full' >&2; exit 1; }; done\n";
    world.project.server().install_hook("app", "pre-receive", hook);
    let run = world.gate(&world.bad, RED).run().code(9);
    assert!(run.stderr.contains("the disk is full"), "{}", run.stderr);
    assert_eq!(world.github.pulls().len(), 0);
}

#[test]
fn a_pull_request_whose_answer_was_lost_is_found_again() {
    let world = Protected::new();
    let proxy = FaultProxy::start(&world.github.host());
    proxy.add(Rule::on("POST", "/pulls").times(1).fault(Fault::DropAnswer));
    let envs = world.github.envs_through(proxy.host(), &world.bad);
    let run = gate_in(world.project.dev.path(), RED).envs(envs).run().code(3);
    assert_eq!(run.json()["pull_request"]["number"], 1);
    assert_eq!((world.github.pulls().len(), creates(&world.github)), (1, 1));
}

#[test]
fn a_gate_killed_between_the_branch_and_the_pull_request_opens_it_once() {
    let world = Protected::new();
    let proxy = FaultProxy::start(&world.github.host());
    let child: Arc<Mutex<Option<std::process::Child>>> = Arc::default();
    let victim = Arc::clone(&child);
    let kill = move |_: &_| {
        victim.lock().unwrap().as_mut().expect("the gate").kill().expect("kill the gate");
    };
    proxy.add(Rule::on("POST", "/pulls").times(1).before(kill).fault(Fault::Close));
    let home = tempfile::TempDir::new().unwrap();
    let mut command: Command = isolated_command(env!("CARGO_BIN_EXE_tidegate"), home.path());
    command
        .args(["gate", "--json", "--needs", RED])
        .envs(world.github.envs_through(proxy.host(), &world.bad))
        .current_dir(world.project.dev.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    *child.lock().unwrap() = Some(command.spawn().expect("start tidegate"));
    while child.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_none() {
        // Not `wait`: whoever kills it needs the lock in the meantime.
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let pushed = world.project.branch(&world.branch());
    assert_eq!(world.github.pulls().len(), 0);
    assert_eq!(world.proposes()["state"], "opened");
    assert_eq!(world.project.branch(&world.branch()), pushed);
    assert_eq!((world.github.pulls().len(), creates(&world.github)), (1, 1));
}

#[test]
fn a_pull_request_that_a_person_closed_is_not_opened_again() {
    let world = Protected::new();
    world.proposes();
    world.close(false);
    assert_eq!(world.proposes()["state"], "declined");
    assert_eq!((world.github.pulls().len(), creates(&world.github)), (1, 1));
}

#[test]
fn a_new_head_gets_a_commit_on_top_of_the_branch() {
    let world = Protected::new();
    let project = &world.project;
    world.proposes();
    let first = project.branch(&world.branch());
    // An entry on main: the effective head stays, and the kept ledger changes.
    project.server().protect("app", &[]);
    project.pull();
    let more = project.show("refs/heads/main", LEDGER) + "\n" + &entry(&"c".repeat(40));
    project.push("Record [skip ci]", &[(LEDGER, &more)]);
    protect(project);
    let main = project.branch("main");
    assert_eq!(world.proposes()["state"], "open");
    let branch = format!("refs/heads/{}", world.branch());
    let parents = project.remote_git(&["log", "-1", "--format=%P", &branch]);
    assert_eq!(parents, format!("{first} {main}"));
    assert!(project.show(&branch, LEDGER).contains(&"c".repeat(40)));
    assert_eq!(world.github.pulls().len(), 1);
}

#[test]
fn a_merged_rollback_counts_once_and_a_waiting_one_does_not() {
    let config = format!("{NO_IMAGES}rollback: {{ max_depth: 1 }}\n");
    let world = Protected::with_config(&config);
    world.proposes();
    // It waits: the next failure is rolled back too.
    let next = world.push("Worse");
    let run = world.gate(&next, RED).run().code(3);
    let pulls = world.github.pulls();
    assert_eq!(pulls.len(), 2);
    assert_eq!(run.json()["pull_request"]["number"], pulls[1].number, "{}", run.stdout);

    let world = Protected::with_config(&config);
    world.proposes();
    world.merge(super::Merge::Squash("Back to normal (#1)"));
    let next = world.push("Worse");
    let run = world.gate(&next, RED).run().code(4);
    assert!(reasons(&run).iter().any(|name| name == "too_many_rollbacks"), "{}", run.stdout);
}

#[test]
fn without_a_token_the_refusal_is_the_end_and_says_what_helps() {
    let world = Protected::new();
    let run = gate_in(world.project.dev.path(), RED).envs(actions(&world.bad)).run().code(9);
    for part in ["GH006", "token", "GitHub App"] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
}

#[test]
fn a_configuration_can_forbid_pull_requests() {
    let world =
        Protected::with_config(&format!("{NO_IMAGES}rollback: {{ pull_request: never }}\n"));
    let run = world.gate(&world.bad, RED).run().code(9);
    assert!(run.stderr.contains("rollback.pull_request"), "{}", run.stderr);
    assert_eq!(world.github.pulls().len(), 0);
}

#[test]
fn a_token_without_the_permission_leaves_the_branch_and_says_so() {
    let world = Protected::new();
    world.github.world().actions_may_open_pulls = false;
    let run = world.gate(&world.bad, RED).run().code(9);
    for part in [world.branch().as_str(), "not permitted", "Allow GitHub Actions to create"] {
        assert!(run.stderr.contains(part), "no {part:?} in {}", run.stderr);
    }
    world.github.world().actions_may_open_pulls = true;
    assert_eq!(world.proposes()["state"], "opened");
}

#[test]
fn a_rollback_by_hand_becomes_a_pull_request_too() {
    let world = Protected::new();
    let project = &world.project;
    let by_hand = Tidegate::new()
        .args(["rollback", "--yes", "--json", "--reason", "users complain [skip ci]"])
        .envs([
            ("TIDEGATE_GITHUB_API_URL", world.github.url().as_str()),
            ("GITHUB_REPOSITORY", "acme/app"),
            ("GH_TOKEN", world.github.token()),
        ])
        .current_dir(project.dev.path());
    let run = by_hand.run().code(3);
    assert_eq!(run.json()["pull_request"]["state"], "opened");
    let pull = &world.github.pulls()[0];
    assert!(!has_skip_marker(&pull.title) && !has_skip_marker(pull.body.as_deref().unwrap()));
    assert!(!has_skip_marker(&project.message(&format!("refs/heads/{}", world.branch()))));
}
