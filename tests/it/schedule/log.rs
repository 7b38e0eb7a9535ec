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
