//! How schedules end, and what the next one makes of it.

use rustix::process::Signal;

use super::*;

/// Begins, and ends when a file is there.
const WAITS: &str =
    "echo begin >> ran.txt\nwhile [ ! -e go ]; do sleep 0.1; done\necho end >> ran.txt\n";

#[test]
fn a_running_task_gets_its_time_to_end() {
    let team = Team::new(WAITS, "");
    team.once(BEFORE).success();
    let (mut schedule, _home) = team.tidegate(&["--once", "--at", DUE]).start();
    until(&team.path("ran.txt"), "begin");
    signal(&schedule, Signal::TERM);
    fs::write(team.path("go"), "").unwrap();
    assert_eq!(schedule.wait().unwrap().code(), Some(0));
    assert_eq!(team.text("ran.txt"), "begin\nend\n");
    assert_eq!(team.listed(DUE)["last"]["outcome"], "done");
}

#[test]
fn a_task_that_does_not_end_is_stopped_and_runs_again() {
    let team = Team::new(WAITS, "  grace: 1s\n");
    team.once(BEFORE).success();
    let (mut schedule, _home) = team.tidegate(&["--once", "--at", DUE]).start();
    until(&team.path("ran.txt"), "begin");
    signal(&schedule, Signal::INT);
    assert_eq!(schedule.wait().unwrap().code(), Some(15));
    let listed = team.listed(DUE);
    assert_eq!((&listed["last"]["outcome"], &listed["due"]), (&"stopped".into(), &true.into()));
    assert_eq!(listed["incident"], Value::Null, "nobody is alarmed");
    fs::write(team.path("go"), "").unwrap();
    team.once(DUE).success();
    assert_eq!(team.listed(DUE)["last"]["outcome"], "done");
}

#[test]
fn a_task_that_takes_too_long_is_stopped_and_has_failed() {
    let team = Team::new(WAITS, "");
    let path = team.path(".github/tidegate.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("run: aggregates,", "run: aggregates, timeout: 1s,")).unwrap();
    team.once(BEFORE).success();
    let late = team.once(DUE).code(15);
    assert!(late.stdout.contains("its `timeout`"), "{late:?}");
    assert_eq!(team.listed(DUE)["due"], false);
}

#[test]
fn two_schedules_do_not_run_at_once() {
    let team = Team::new(WAITS, "");
    team.once(BEFORE).success();
    let (mut first, _home) = team.tidegate(&["--once", "--at", DUE]).start();
    until(&team.path("ran.txt"), "begin");
    let second = team.once(DUE).code(12);
    let said = format!("another schedule runs for this folder: process {}, since ", first.id());
    assert!(second.stderr.contains(&said), "{second:?}");
    assert!(team.listed(DUE)["running_since"].is_string(), "who only looks may");
    fs::write(team.path("go"), "").unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(0));
    assert_eq!(team.text("ran.txt"), "begin\nend\n");
}

#[test]
fn a_task_outlives_a_schedule_that_is_killed_and_does_not_run_twice() {
    let team = Team::new(WAITS, "");
    team.once(BEFORE).success();
    let (mut first, _home) = team.tidegate(&["--once", "--at", DUE]).start();
    until(&team.path("ran.txt"), "begin");
    signal(&first, Signal::KILL);
    first.wait().unwrap();
    // The next one finds that it still runs.
    let log = team.path("log/schedule.log");
    let (mut next, _home) = team.tidegate(&["--once", "--at", DUE]).env("LOG_FILE", &log).start();
    let written = team.path("log");
    let deadline = Instant::now() + Duration::from_mins(2);
    let waits = || {
        let files = fs::read_dir(&written).into_iter().flatten().flatten();
        files
            .map(|file| fs::read_to_string(file.path()).unwrap())
            .any(|t| t.contains("still-running"))
    };
    while !waits() {
        assert!(Instant::now() < deadline, "it does not wait");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::write(team.path("go"), "").unwrap();
    assert_eq!(next.wait().unwrap().code(), Some(0));
    assert_eq!(team.text("ran.txt"), "begin\nend\n");
    let listed = team.listed(DUE);
    assert_eq!((&listed["last"]["outcome"], &listed["due"]), (&"done".into(), &false.into()));
}

#[test]
fn a_task_that_was_killed_with_its_schedule_runs_again() {
    let team = Team::new("echo ran >> ran.txt\n", "");
    team.once(BEFORE).success();
    team.once(DUE).success();
    // As a power cut leaves it: the run was begun, and nothing was printed.
    let path = team.path(".tidegate/schedule/state.json");
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let task = &mut state["tasks"]["kpi"];
    task["done"] = BEFORE.into();
    task["running"] = serde_json::json!({
        "slot": "2026-05-02T02:00:00Z", "started": DUE, "output": "kpi.20260502T020030Z-1.json",
    });
    let output = team.path(".tidegate/schedule/kpi.20260502T020030Z-1.json");
    let begun = state.to_string();
    fs::write(&path, &begun).unwrap();
    fs::write(&output, "{\"schema\": \"tidegate/sy").unwrap();
    let again = team.once(DUE).success();
    assert!(again.stderr.contains("was interrupted"), "{again:?}");
    assert_eq!(team.text("ran.txt"), "ran\nran\n");
    assert!(!output.exists());

    // Cut between the end of the task and the writing of the state.
    fs::write(&path, &begun).unwrap();
    fs::write(
        &output,
        "{\"schema\": \"tidegate/sync/1\", \"database\": {\"outcome\": \"failed\"}}",
    )
    .unwrap();
    assert!(team.once(DUE).success().stdout.contains("nothing is due"));
    assert_eq!(team.text("ran.txt"), "ran\nran\n");
    assert_eq!(team.listed(DUE)["last"]["outcome"], "failed");
}

#[test]
fn it_catches_up_runs_on_and_ends_when_it_is_told_to() {
    let team = Team::new("echo ran >> ran.txt\n", "");
    team.once("2026-05-01T12:00:00Z").success();
    let (mut schedule, _home) = team.tidegate(&[]).start();
    until(&team.path("ran.txt"), "ran");
    until(&team.path(".tidegate/schedule/state.json"), "\"outcome\": \"done\"");
    signal(&schedule, Signal::TERM);
    assert_eq!(schedule.wait().unwrap().code(), Some(0));
    assert_eq!(team.text("ran.txt"), "ran\n");
}
