//! The plan as a workflow.

use crate::harness::environment::{isolated_command, require_program};

use super::*;

#[test]
fn the_workflow_passes_zizmor() {
    let team = Team::new("", "  timezone: Europe/Berlin\n");
    // All tasks, also the usual ones.
    let path = team.path(".github/tidegate.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("off: true", "timeout: 30m")).unwrap();
    let workflow = team.run(&["--emit", "github"]).success().stdout;
    fs::create_dir(team.path(".github/workflows")).unwrap();
    fs::write(team.path(".github/workflows/tidegate-schedule.yml"), &workflow).unwrap();
    let output = isolated_command(require_program("zizmor"), team.home.path())
        .args(["--offline", "--no-progress", "--strict-collection", "--no-config", "."])
        .current_dir(team.folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{workflow}");
    let parsed: Value = serde_yaml::from_str(&workflow).unwrap();
    assert_eq!(parsed["jobs"].as_object().unwrap().len(), 5);
    assert_eq!(parsed["on"]["schedule"][0]["timezone"], "Europe/Berlin");
}

#[test]
fn what_github_does_not_take_is_named_and_nothing_is_written() {
    let team = Team::new("", "");
    let path = team.path(".github/tidegate.yml");
    let text = fs::read_to_string(&path).unwrap();
    for (cron, said) in [
        ("0 4 * * 7", "the day of the week is \"7\"; write 0 to 6 or SUN to SAT"),
        ("0 4 L * *", "the day of the month is \"L\"; write 1 to 31"),
        ("0 4 15W * *", "the day of the month is \"15W\""),
        ("0 4 * * FRI#2", "the day of the week is \"FRI#2\""),
    ] {
        fs::write(&path, text.replace("0 2 * * *", cron)).unwrap();
        // Here they are fine.
        team.run(&["--list"]).success();
        let refused = team.run(&["--emit", "github"]).code(2);
        assert!(refused.stdout.is_empty(), "{refused:?}");
        let said = format!("task kpi: GitHub does not take the cron {cron:?}: {said}");
        assert!(refused.stderr.contains(&said), "{refused:?}");
    }
}

const COMPOSE: &str = include_str!("../../../docs/examples/schedule-compose.yml");

#[test]
fn the_compose_example_starts_a_schedule_that_has_time_to_end() {
    let compose: Value = serde_yaml::from_str(COMPOSE).unwrap();
    let schedule = &compose["services"]["schedule"];
    let words = schedule["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap());
    let parsed = tidegate::cli::parse_from(["tidegate"].into_iter().chain(words)).unwrap();
    let tidegate::cli::Command::Schedule(arguments) = parsed.command else {
        panic!("{:?}", parsed.command)
    };
    assert!(!arguments.once && !arguments.list);
    // Longer than `grace`, which is a minute where nobody says otherwise.
    assert_eq!(schedule["stop_grace_period"], "90s");
    // Both see the same file, by their own names for it.
    let own = |service: &str| compose["services"][service]["environment"]["DATABASE_PATH"].clone();
    assert_eq!(own("app"), "/workspace/data/production.db");
    assert_eq!(schedule["working_dir"], "/workspace");
    assert_eq!(own("schedule"), "data/production.db");
}
