//! Slack's incoming webhook.

use super::{SLACK, SLACK_ALL, SLACK_PATH, broken, notices, rollback, slack_url, state, world};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::receiver::{Received, Receiver};
use crate::promises::release_world::REPOSITORY;

#[test]
fn slack_is_told_of_a_rollback_once() {
    let slack = Receiver::start();
    let (world, good, bad) = broken(SLACK_ALL.replace("promotion, ", "").as_str());
    let gate = rollback(&world, &bad).env(SLACK, &slack_url(&slack.host()));
    gate.run().code(3).says("told");
    let told = slack.received();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].path, SLACK_PATH);
    let text = told[0].text();
    for part in [&bad[..7], &good[..7], "tests", "tidegate rollback --undo", "acme/app"] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    // The ledger's entry of the good commit lies between the two, and is nobody's work.
    assert!(!text.contains("in the ledger"), "{text}");
    assert_eq!(state(&world.bare(), "rollback-", "slack"), "delivered");
    // Another run has nothing to tell.
    world.by_hand(&["repair"]).env(SLACK, &slack_url(&slack.host())).run().code(0);
    assert_eq!(slack.received().len(), 1);
}

#[test]
fn slack_is_told_of_promotions_and_holds_as_configured() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let world = world(SLACK_ALL);
    let (commit, image) = world.candidate("Good", "print(1)\n");
    world.gate(&commit).passed(&image).env(SLACK, &url).run().code(0);
    assert!(slack.received()[0].text().contains("release 1"), "{:?}", slack.received());
    // Nobody says how the tests ended: a hold.
    let (next, _) = world.candidate("Next", "print(2)\n");
    let needs = serde_json::json!({"tests": {"result": "cancelled", "outputs": {}}});
    world.gate(&next).needs(&needs).env(SLACK, &url).run().code(4);
    assert_eq!(slack.received().len(), 2);
    assert!(slack.received()[1].text().contains("Held"), "{:?}", slack.received());
    // The same hold, seen by another run, is no news.
    world.gate(&next).needs(&needs).env(SLACK, &url).run().code(4);
    assert_eq!(slack.received().len(), 2);
    assert_eq!(notices(&world.bare()).len(), 2);
}

#[test]
fn a_plan_says_who_would_be_told_and_tells_nobody() {
    let slack = Receiver::start();
    let (world, _, bad) = broken(SLACK_ALL);
    let before = world.fingerprint();
    let gate = rollback(&world, &bad).env(SLACK, &slack_url(&slack.host())).command("plan");
    gate.run().code(0).says("notify: Slack");
    assert_eq!(slack.received().len(), 0);
    assert_eq!(world.fingerprint(), before);
}

#[test]
fn without_a_channel_nothing_is_written() {
    let (world, _, bad) = broken("");
    rollback(&world, &bad).run().code(3);
    assert_eq!(notices(&world.bare()).len(), 0);
}

#[test]
fn a_refusal_is_a_warning_and_the_next_run_repeats_it() {
    for (status, code) in [(500, "500"), (404, "404"), (429, "429"), (503, "503")] {
        let slack = Receiver::start();
        let proxy = FaultProxy::start(&slack.host());
        proxy.add(Rule::on("POST", "/services/").answer(status, &[], "no_service"));
        let (world, _, bad) = broken(&SLACK_ALL.replace("promotion, ", ""));
        let url = slack_url(proxy.host());
        rollback(&world, &bad).env(SLACK, &url).run().code(3).says(code).says("tries again");
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "pending", "{status}");
        assert_eq!(slack.received().len(), 0);
        proxy.forget();
        world.by_hand(&["repair"]).env(SLACK, &url).run().code(0).says("told");
        world.by_hand(&["repair"]).env(SLACK, &url).run().code(0);
        assert_eq!(slack.received().len(), 1, "{status}");
        assert_eq!(state(&world.bare(), "rollback-", "slack"), "delivered", "{status}");
    }
}

#[test]
fn a_lost_answer_is_never_repeated() {
    let slack = Receiver::start();
    let proxy = FaultProxy::start(&slack.host());
    proxy.add(Rule::on("POST", "/services/").times(1).fault(Fault::DropAnswer));
    let (world, _, bad) = broken(&SLACK_ALL.replace("promotion, ", ""));
    let url = slack_url(proxy.host());
    rollback(&world, &bad).env(SLACK, &url).run().code(3).says("maybe told");
    assert_eq!(state(&world.bare(), "rollback-", "slack"), "unknown");
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0);
    assert_eq!(slack.received().len(), 1);
}

#[test]
fn a_server_that_is_not_there_is_tried_again() {
    let slack = Receiver::start();
    let (world, _, bad) = broken(&SLACK_ALL.replace("promotion, ", ""));
    let closed =
        format!("http://127.0.0.1:{}{SLACK_PATH}", crate::harness::oci_registry::free_port());
    rollback(&world, &bad).env(SLACK, &closed).run().code(3).says("could not connect");
    assert_eq!(state(&world.bare(), "rollback-", "slack"), "pending");
    let url = slack_url(&slack.host());
    world.by_hand(&["repair"]).env(SLACK, &url).run().code(0);
    assert_eq!(slack.received().len(), 1);
}

#[test]
fn a_variable_that_is_not_set_waits_for_the_next_run_in_actions() {
    let slack = Receiver::start();
    let (world, _, bad) = broken(&SLACK_ALL.replace("promotion, ", ""));
    rollback(&world, &bad).run().code(3).says("SLACK_WEBHOOK is not set");
    assert_eq!(state(&world.bare(), "rollback-", "slack"), "pending");
    // By hand it is no surprise.
    let run = world.by_hand(&["repair"]).run().code(0);
    assert!(!run.stderr.contains("SLACK_WEBHOOK"), "{}", run.stderr);
    let (commit, image) = world.candidate("Mended", "print(3)\n");
    world.gate(&commit).passed(&image).env(SLACK, &slack_url(&slack.host())).run().code(0);
    assert_eq!(slack.received().len(), 1);
    assert!(slack.received()[0].text().contains("Rolled back"));
}

#[test]
fn hostile_texts_reach_slack_as_text() {
    let slack = Receiver::start();
    let world = world(&SLACK_ALL.replace("promotion, ", ""));
    world.released("Good", "print('good')\n");
    let subject = format!(
        "<!channel> <@U1|x> @everyone [skip ci] <https://evil.example|click> {} *b*\n\nbody",
        "A".repeat(100_000)
    );
    let bad = world.commit(&subject, &[("app.py", "print('bad')\n")]);
    rollback(&world, &bad).env(SLACK, &slack_url(&slack.host())).run().code(3);
    let told = &slack.received()[0];
    assert!(told.body.len() < 50_000, "{} bytes", told.body.len());
    let text = told.text();
    for bad in ["<!channel>", "<@U1", "@everyone", "<https://evil", "://evil"] {
        assert!(!text.contains(bad), "{bad} in {text}");
    }
    assert!(text.contains("&lt;!channel&gt;"), "{text}");
    let json = told.json();
    let blocks = json["blocks"].as_array().unwrap();
    assert!(blocks.len() <= 50);
    for block in blocks {
        assert!(block["text"]["text"].as_str().unwrap().chars().count() <= 3000);
    }
}

#[test]
fn the_address_is_never_shown() {
    let (world, _, bad) = broken(&SLACK_ALL.replace("promotion, ", ""));
    let slack = Receiver::start();
    let proxy = FaultProxy::start(&slack.host());
    let echo = format!("no such webhook: {SLACK_PATH}");
    proxy.add(Rule::on("POST", "/services/").answer(404, &[], &echo));
    let run = rollback(&world, &bad).env(SLACK, &slack_url(proxy.host())).run().code(3);
    for (name, text) in [("stdout", &run.stdout), ("stderr", &run.stderr)] {
        let shown: String = text.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
        assert!(!shown.contains("known-to-nobody"), "{name}: {text}");
    }
    assert!(run.stdout.contains("::add-mask::"), "{}", run.stdout);
    assert!(!world.view_of(&[REPOSITORY]).contains("known-to-nobody"));
}

#[test]
fn what_a_person_does_by_hand_is_told_too() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let world = world(SLACK_ALL);
    let by_hand = |arguments: &[&str]| {
        let gate = world.by_hand(arguments).arguments(&["--yes"]).env(SLACK, &url);
        gate.run().code(0).says("notify: Slack").says("told");
    };
    world.candidate("First", "print(1)\n");
    by_hand(&["promote"]);
    let (second, _) = world.candidate("Second", "print(2)\n");
    by_hand(&["promote"]);
    by_hand(&["rollback", "--stable-only", "--reason", "login is broken"]);
    let told: Vec<String> = slack.received().iter().map(Received::text).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("release 1") && told[1].contains("release 2"), "{told:?}");
    assert!(told[2].contains("Stable went back to release 1"), "{}", told[2]);
    assert!(told[2].contains("login is broken") && told[2].contains(&second[..7]), "{}", told[2]);
    let bare = world.bare();
    assert_eq!(state(&bare, "stable-3", "slack"), "delivered");
    assert_eq!(notices(&bare).len(), 3);
}

#[test]
fn a_plan_that_is_applied_tells_and_a_forged_one_is_refused() {
    let slack = Receiver::start();
    let url = slack_url(&slack.host());
    let (world, _, bad) = broken(&SLACK_ALL.replace("promotion, ", ""));
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("plan.json");
    let path = file.to_string_lossy().into_owned();
    rollback(&world, &bad).command("plan").arguments(&["--out", &path]).run().code(0);
    let plan = std::fs::read_to_string(&file).unwrap();
    let apply = || world.by_hand(&["apply", &path]).env(SLACK, &url);
    for (from, to) in [
        ("\"slack\": {", "\"after_rollback/0\": {"),
        ("\"state\": \"pending\"", "\"at\": \"2026-01-01T00:00:00Z\", \"state\": \"delivered\""),
        ("\"event\": \"rollback_of_main\"", "\"event\": \"promotion\""),
        ("\"id\": \"rollback-", "\"id\": \"../../records/"),
    ] {
        assert!(plan.contains(from), "{from} in {plan}");
        std::fs::write(&file, plan.replace(from, to)).unwrap();
        let before = world.fingerprint();
        apply().run().code(10);
        assert_eq!(world.fingerprint(), before, "{to}");
    }
    // Of another branch, whose issue it would be told in.
    let mut other: serde_json::Value = serde_json::from_str(&plan).unwrap();
    for step in other["steps"].as_array_mut().unwrap() {
        if step["step"] == "write_state" {
            step["change"]["notices"][0]["branch"] = "release".into();
        }
    }
    std::fs::write(&file, other.to_string()).unwrap();
    apply().run().code(10);
    std::fs::write(&file, &plan).unwrap();
    apply().run().code(3).says("told");
    assert_eq!(slack.received().len(), 1);
}
