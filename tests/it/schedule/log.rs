//! The log of a schedule.

use super::*;

fn lines(team: &Team) -> Vec<Value> {
    let mut files: Vec<_> =
        fs::read_dir(team.path("logs")).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let text: String = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn each_line_of_the_file_is_json() {
    let team =
        Team::new("echo said-by-the-task >&2; exit 1\n", "").env("LOG_FILE", "logs/tidegate.log");
    team.once(BEFORE).success();
    team.once(DUE).code(14);
    let file = fs::read_dir(team.path("logs")).unwrap().next().unwrap().unwrap().file_name();
    let name = file.to_str().unwrap();
    assert!(name.starts_with("tidegate.20") && name.ends_with(".log"), "a file each day: {name}");
    let lines = lines(&team);
    assert!(lines.iter().all(|line| line["schema"] == "tidegate/schedule-event/1"), "{lines:?}");
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let expected =
        ["started", "no-channels", "started", "no-channels", "task-started", "task-ended"];
    assert_eq!(events, expected);
    let ended = &lines[5];
    assert_eq!((&ended["level"], &ended["task"]), (&"error".into(), &"kpi".into()));
    assert_eq!(
        (&ended["outcome"], &ended["slot"]),
        (&"failed".into(), &"2026-05-02T02:00:00Z".into())
    );
}

#[test]
fn the_level_says_how_much() {
    let team = Team::new("", "").env("LOG_FILE", "logs/x.log").env("LOG_LEVEL", "WARNING");
    team.once(BEFORE).success();
    team.once(DUE).success();
    assert!(lines(&team).iter().all(|line| line["event"] == "no-channels"), "{:?}", lines(&team));
    let wrong = Team::new("", "").env("LOG_LEVEL", "loud").once(BEFORE).code(2);
    assert!(wrong.stderr.contains("LOG_LEVEL: expected error, warn, info or debug"), "{wrong:?}");
}

#[test]
fn errors_are_shown_as_errors() {
    let team = Team::new("exit 1\n", "");
    team.once(BEFORE).success();
    let failed = team.once(DUE).code(14);
    let line = failed.stderr.lines().find(|line| line.contains("kpi: failed")).unwrap();
    assert!(line.starts_with("error: 2026-05-02T02:00:30Z kpi: failed"), "{line}");
}

#[test]
fn a_schedule_that_waits_for_a_task_says_so() {
    let script = "echo begin >> ran.txt\nwhile [ ! -e go ]; do sleep 0.1; done\n";
    let team = Team::new(script, "").env("LOG_FILE", "logs/x.log");
    team.once(BEFORE).success();
    let (mut schedule, _home) = team.tidegate(&["--once", "--at", DUE]).start();
    until(&team.path("ran.txt"), "begin");
    signal(&schedule, rustix::process::Signal::TERM);
    until(&team.path("logs/x.2026-05-02.log"), "\"stopping\"");
    fs::write(team.path("go"), "").unwrap();
    assert_eq!(schedule.wait().unwrap().code(), Some(0));
    let lines = lines(&team);
    let stopping = lines.iter().find(|line| line["event"] == "stopping").unwrap();
    assert_eq!((&stopping["task"], &stopping["level"]), (&"kpi".into(), &"info".into()));
    assert_eq!(stopping["message"], "asked to stop; waits up to 60 s for this task");
}

#[test]
fn a_log_file_is_a_plain_file_and_nothing_is_written_elsewhere() {
    let team = Team::new("", "");
    fs::create_dir(team.path("logs")).unwrap();
    let outside = TempDir::new().unwrap();
    let link = team.path("logs/l.2026-05-01.log");
    std::os::unix::fs::symlink(outside.path().join("x"), link).unwrap();
    for name in [
        "/dev/full",
        "/dev/stdout",
        "/proc/self/fd/1",
        ".",
        "..",
        "logs",
        "logs/",
        "logs/.",
        "logs/l.log",
    ] {
        let run = team.tidegate(&["--once", "--at", BEFORE]).env("LOG_FILE", name).run();
        let refused = run.code(2);
        let said = format!("LOG_FILE: cannot write {name}: ");
        assert!(refused.stderr.contains(&said), "{name}: {refused:?}");
    }
    let name = team.folder.path().file_name().unwrap().to_str().unwrap();
    assert!(!team.path(&format!("../{name}.2026-05-01")).exists());
    assert!(!Path::new("/dev/full.2026-05-01").exists());
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(team.path("logs")).unwrap().count(), 1);
}
