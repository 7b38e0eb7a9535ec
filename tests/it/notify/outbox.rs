//! The outbox on the state branch: told once, whatever is killed and whoever comes between.

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use super::{SLACK, SLACK_ALL, broken, notices, rollback, slack_url, state, world};
use crate::harness::fault_proxy::{Fault, FaultProxy, Request, Rule};
use crate::harness::receiver::Receiver;
use crate::promises::release_world::{Finished, Gate, World};

type Victim = Arc<Mutex<Option<Arc<Mutex<std::process::Child>>>>>;

/// Says who is killed when a rule comes to it.
fn knife(victim: &Victim) -> impl FnMut(&Request) + Send + use<> {
    let victim = Arc::clone(victim);
    move |_| {
        let slot = victim.lock().unwrap();
        let mut child = slot.as_ref().expect("the run has started").lock().unwrap();
        child.kill().expect("kill it");
        child.wait().expect("wait until it is gone");
    }
}

/// Runs a gate that is going to be killed.
#[track_caller]
fn killed(gate: Gate<'_>, victim: &Victim) -> Finished {
    let running = {
        // Held until the child is known: the knife waits for it.
        let mut slot = victim.lock().unwrap();
        let running = gate.start();
        *slot = Some(running.killer());
        running
    };
    let finished = running.finish();
    assert_eq!(finished.status, None, "it was not killed: {}", finished.stderr);
    finished
}

fn push_number(number: usize) -> Rule {
    Rule::on("POST", "git-receive-pack").skip(number - 1).times(1)
}

fn rollbacks() -> String {
    SLACK_ALL.replace("promotion, ", "")
}

#[test]
fn killed_right_after_the_commit_point_the_next_run_tells() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let world = world(SLACK_ALL);
    let (commit, image) = world.candidate("Good", "print(1)\n");
    let victim = Victim::default();
    world.git_proxy.add(push_number(1).after(knife(&victim)).fault(Fault::DropAnswer));
    killed(world.gate(&commit).passed(&image).run_id(7, 1).env(SLACK, &url), &victim);
    world.git_proxy.forget();
    assert_eq!(world.bare().newest_number(), 1);
    assert_eq!(slack.received().len(), 0);
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0).says("told");
    world.gate(&commit).passed(&image).run_id(7, 2).env(SLACK, &url).run().code(0);
    assert_eq!(slack.received().len(), 1);
}

#[test]
fn a_rollback_that_has_not_come_about_is_not_told_before_it_has() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let (world, _, bad) = broken(&rollbacks());
    let victim = Victim::default();
    // The first push is the quarantine; the second would be the commit on main.
    world.git_proxy.add(push_number(1).after(knife(&victim)).fault(Fault::DropAnswer));
    killed(rollback(&world, &bad).run_id(7, 1).env(SLACK, &url), &victim);
    world.git_proxy.forget();
    assert_eq!(world.bare().branch("main").as_deref(), Some(bad.as_str()));
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0);
    assert_eq!(slack.received().len(), 0, "it has not come about");
    rollback(&world, &bad).run_id(7, 2).env(SLACK, &url).run().code(3);
    assert_eq!(slack.received().len(), 1);
}

#[test]
fn killed_after_the_commit_on_main_the_next_run_tells_once() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let (world, _, bad) = broken(&rollbacks());
    let victim = Victim::default();
    world.git_proxy.add(push_number(2).after(knife(&victim)).fault(Fault::DropAnswer));
    killed(rollback(&world, &bad).run_id(7, 1).env(SLACK, &url), &victim);
    world.git_proxy.forget();
    assert_ne!(world.bare().branch("main").as_deref(), Some(bad.as_str()));
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0).says("told");
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0);
    assert_eq!(slack.received().len(), 1);
}

#[test]
fn killed_between_claim_and_note_nobody_is_told_twice() {
    for (moment, told) in [("before", 0), ("after", 1)] {
        let slack = Receiver::start();
        let proxy = FaultProxy::start(&slack.host());
        let (world, _, bad) = broken(&rollbacks());
        let victim = Victim::default();
        let rule = Rule::on("POST", "/services/").times(1);
        proxy.add(if moment == "before" {
            rule.before(knife(&victim)).fault(Fault::Close)
        } else {
            rule.after(knife(&victim)).fault(Fault::DropAnswer)
        });
        let url = slack_url(proxy.host());
        killed(rollback(&world, &bad).run_id(7, 1).env(SLACK, &url), &victim);
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "claimed", "{moment}");
        // Another run cannot know yet that the first is dead.
        world.by_hand(&["repair"]).env(SLACK, &url).run().code(0);
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "claimed", "{moment}");
        // The next attempt of the same run does: GitHub starts it after the first has ended.
        let again = rollback(&world, &bad).run_id(7, 2).env(SLACK, &url).run();
        assert!(again.stderr.contains("maybe told") || again.stdout.contains("maybe told"));
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "unknown", "{moment}");
        assert_eq!(slack.received().len(), told, "{moment}");
    }
}

#[test]
fn killed_before_the_result_is_noted_it_is_not_told_again() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let (world, _, bad) = broken(&rollbacks());
    let victim = Victim::default();
    // Quarantine, main, claim, result.
    world.git_proxy.add(push_number(4).before(knife(&victim)).fault(Fault::Close));
    killed(rollback(&world, &bad).run_id(7, 1).env(SLACK, &url), &victim);
    world.git_proxy.forget();
    assert_eq!(slack.received().len(), 1);
    rollback(&world, &bad).run_id(7, 2).env(SLACK, &url).run();
    assert_eq!(slack.received().len(), 1);
    assert_eq!(state(&world.bare(), "rollback-", "slack"), "unknown");
}

/// Another commit on the state branch, as another run would write it.
fn move_state_branch(bare: &Path) {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("--git-dir")
            .arg(bare)
            .args(["-c", "user.name=x", "-c", "user.email=x@example.com"])
            .args(arguments)
            .output()
            .expect("start git");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    let head = "refs/heads/tidegate";
    let tree = format!("{head}^{{tree}}");
    let commit = git(&["commit-tree", &tree, "-p", head, "-m", "Somebody else"]);
    git(&["update-ref", head, &commit]);
}

#[test]
fn the_state_branch_may_move_at_any_moment() {
    // The third push claims, the fourth notes the result.
    for push in [3, 4] {
        let slack = Receiver::start();
        let url = slack_url(&slack.host());
        let (world, _, bad) = broken(&rollbacks());
        let bare = world.git.path("app");
        let rule = push_number(push).before(move |_| move_state_branch(&bare));
        world.git_proxy.add(rule);
        rollback(&world, &bad).env(SLACK, &url).run().code(3).says("told");
        assert_eq!(slack.received().len(), 1, "push {push}");
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "delivered", "push {push}");
    }
}

#[test]
fn two_runs_at_once_tell_once() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let (world, _, bad) = broken(&rollbacks());
    rollback(&world, &bad).run().code(3).says("SLACK_WEBHOOK is not set");
    for _ in 0..3 {
        let runs: Vec<_> =
            (0..3).map(|_| world.by_hand(&["repair"]).env(SLACK, &url).start()).collect();
        for run in runs {
            run.finish().code(0);
        }
    }
    assert_eq!(slack.received().len(), 1);
    assert_eq!(state(&world.bare(), "rollback-", "slack"), "delivered");
}

#[test]
fn commands_and_addresses_on_the_state_branch_count_for_nothing() {
    let slack = Receiver::start();
    let (world, _, bad) = broken(&rollbacks());
    rollback(&world, &bad).run().code(3);
    let folder = tempfile::TempDir::new().unwrap();
    let out = folder.path().join("out");
    // Somebody who can write the state branch adds what the configuration does not have.
    edit_notice(&world, |notice| {
        notice["deliveries"]["after_rollback/0"] = serde_json::json!({"state": "pending"});
        notice["deliveries"]["sms"] = serde_json::json!({"state": "pending"});
        notice["run_url"] = "javascript:alert(1)|<!channel>".into();
        notice["subject"] = format!("touch {}", out.display()).into();
        notice["failed_jobs"][0]["url"] = "https://evil.example|x> <!channel>".into();
    });
    let url = slack_url(&slack.host());
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0).says("no such channel any more");
    assert_eq!(state(&world.bare(), "rollback-", "after_rollback/0"), "dropped");
    assert!(!out.exists());
    let text = slack.received()[0].text();
    assert!(!text.contains("javascript") && !text.contains("evil.example"), "{text}");
}

#[test]
fn a_broken_notice_stops_no_rollback() {
    let (world, _, bad) = broken(&rollbacks());
    world.dev.git(&["fetch", "-q", "origin", "tidegate"]);
    world.dev.git(&["checkout", "-q", "-B", "tidegate", "FETCH_HEAD"]);
    world
        .dev
        .commit("Break it", &[("notices/x.json", "{"), ("notices/y.json", "{\"version\": 99}")]);
    world.dev.push("tidegate");
    world.dev.git(&["checkout", "-q", "main"]);
    rollback(&world, &bad).run().code(3).says("notices/x.json");
    assert_eq!(notices_readable(&world), 1);
}

fn notices_readable(world: &World) -> usize {
    let files = world.bare().state_folder("notices");
    files.iter().filter(|name| name.starts_with("rollback-")).count()
}

/// Changes the only notice past the program.
fn edit_notice(world: &World, edit: impl FnOnce(&mut serde_json::Value)) {
    let bare = world.bare();
    let mut notice = notices(&bare).remove(0);
    edit(&mut notice);
    let path = format!("notices/{}.json", notice["id"].as_str().unwrap());
    world.dev.git(&["fetch", "-q", "origin", "tidegate"]);
    world.dev.git(&["checkout", "-q", "-B", "tidegate", "FETCH_HEAD"]);
    world.dev.commit("Edit", &[(&path, &notice.to_string())]);
    world.dev.push("tidegate");
    world.dev.git(&["checkout", "-q", "main"]);
}

#[test]
fn old_news_and_hopeless_channels_are_given_up() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    for change in ["created", "tries"] {
        let (world, _, bad) = broken(&rollbacks());
        rollback(&world, &bad).run().code(3);
        edit_notice(&world, |notice| match change {
            "created" => notice["created"] = "2020-01-01T00:00:00Z".into(),
            _ => notice["deliveries"]["slack"]["tries"] = 10.into(),
        });
        world.by_hand(&["repair"]).env(SLACK, &url).run().code(0).says("given up");
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "dropped");
    }
    assert_eq!(slack.received().len(), 0);
}
