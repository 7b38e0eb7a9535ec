//! A schedule that is told to stop while it tells somebody of an incident.

use std::sync::{Condvar, Mutex};

use rustix::process::Signal;

use super::*;
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::receiver::Receiver;

/// Fails at two times of the day. `more` stands in the configuration, below `schedule`.
fn failing(more: &str) -> Team {
    let team = Team::new("echo ran >> ran.txt; exit 1\n", more);
    let path = team.path(".github/tidegate.yml");
    let text = fs::read_to_string(&path).unwrap();
    let two = "kpi: { run: aggregates, cron: \"0 2 * * *\" }\n    other: { run: aggregates, cron: \"0 14 * * *\" }";
    fs::write(&path, text.replace("kpi: { run: aggregates, cron: \"0 2 * * *\" }", two)).unwrap();
    team
}

/// A place in front of Slack where messages can be held up.
fn slack(proxy: &FaultProxy) -> String {
    format!("http://{}/services/T0000/B0000/nobody", proxy.host())
}

fn until_asked(proxy: &FaultProxy) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while proxy.seen().is_empty() {
        assert!(Instant::now() < deadline, "nobody is told");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until no signal is on its way to a process any more.
fn until_heard(child: &Child) {
    let status = format!("/proc/{}/status", child.id());
    let pending = |line: &str| line.starts_with("ShdPnd:") && !line.ends_with("0000000000000000");
    let deadline = Instant::now() + Duration::from_mins(2);
    while fs::read_to_string(&status).unwrap().lines().any(pending) {
        assert!(Instant::now() < deadline, "the signal is not taken");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn what_is_being_told_is_told_once_and_no_other_task_begins() {
    let receiver = Receiver::start();
    let proxy = FaultProxy::start(&receiver.host());
    let gate: &'static (Mutex<bool>, Condvar) = Box::leak(Box::default());
    proxy.add(Rule::on("POST", "/services").times(1).before(|_| {
        drop(gate.1.wait_while(gate.0.lock().unwrap(), |open| !*open).unwrap());
    }));
    let team = failing("").env("SLACK_WEBHOOK", &slack(&proxy));
    team.once(BEFORE).success();
    // Both tasks were missed.
    let (mut schedule, _home) = team.tidegate(&[]).start();
    until_asked(&proxy);
    signal(&schedule, Signal::TERM);
    until_heard(&schedule);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    assert_eq!(schedule.wait().unwrap().code(), Some(0));
    assert_eq!(team.text("ran.txt"), "ran\n", "another task began");
    assert_eq!(receiver.received().len(), 1);
    // The next one runs what is left, and tells of that only.
    team.run(&["--once"]).code(14);
    assert_eq!(team.text("ran.txt"), "ran\nran\n");
    let told = receiver.received();
    assert_eq!(told.len(), 2);
    assert_ne!(told[0].body, told[1].body);
}

#[test]
fn who_does_not_answer_holds_nobody_up_for_longer_than_the_grace() {
    let proxy = FaultProxy::start("127.0.0.1:1");
    proxy.add(Rule::on("POST", "/services").fault(Fault::Hang));
    // Without a wish to stop it would be waited for, for two minutes.
    let hook = "  grace: 100ms\n  after_alert: [{ webhook_env: HOOK_URL, timeout: 2m }]\n";
    let team = failing(hook).env("HOOK_URL", &slack(&proxy));
    team.once("2026-05-01T18:00:00Z").success();
    let (mut schedule, _home) = team.tidegate(&["--once", "--at", DUE]).start();
    until_asked(&proxy);
    signal(&schedule, Signal::TERM);
    assert_eq!(schedule.wait().unwrap().code(), Some(14));
    // It may have come through: nobody is told twice.
    let again = team.once("2026-05-02T02:30:00Z").success();
    assert!(again.stdout.contains("nothing is due"), "{again:?}");
    assert_eq!(proxy.seen().len(), 1);
}

#[test]
fn what_waits_its_turn_is_told_by_the_next_start() {
    let proxy = FaultProxy::start("127.0.0.1:1");
    proxy.add(Rule::on("POST", "/services").times(1).fault(Fault::Hang));
    proxy.add(Rule::on("POST", "/services").answer(200, &[], "ok"));
    let receiver = Receiver::start();
    let team = failing("  grace: 100ms\n  after_alert: [{ webhook_env: HOOK_URL }]\n")
        .env("SLACK_WEBHOOK", &slack(&proxy))
        .env("HOOK_URL", &format!("http://{}/alerts", receiver.host()));
    team.once(BEFORE).success();
    // Both fail. The hook hears of the first, Slack does not answer, and the second waits.
    let (mut schedule, _home) = team.tidegate(&["--once", "--at", "2026-05-02T14:00:30Z"]).start();
    until_asked(&proxy);
    signal(&schedule, Signal::TERM);
    schedule.wait().unwrap();
    let waiting = team.text(".tidegate/schedule/state.json");
    assert_eq!(waiting.matches("\"event\": \"failed\"").count(), 1, "{waiting}");
    team.once("2026-05-02T15:00:00Z").success();
    assert_eq!((receiver.received().len(), proxy.seen().len()), (2, 2), "each alert once");
}
