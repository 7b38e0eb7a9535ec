//! `schedule`: the built program, with tasks that are programs, too. Times are given by `--at`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::tidegate::{Run, Tidegate};

mod alerts;
mod clock;
mod commands;
mod disk;
mod emit;
mod ends;
mod fit;
mod kpi;
mod log;
mod secrets;
mod stopped;

/// The first start, at which nothing is due, and the time of the task after it.
const BEFORE: &str = "2026-05-01T12:00:00Z";
const DUE: &str = "2026-05-02T02:00:30Z";

/// A folder with a configuration whose only task runs `task.sh`.
struct Team {
    folder: TempDir,
    home: TempDir,
    environment: Vec<(String, String)>,
}

impl Team {
    /// `more` stands in the configuration, below `schedule`.
    fn new(script: &str, more: &str) -> Self {
        let (folder, home) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        fs::create_dir(folder.path().join(".github")).unwrap();
        let configuration = format!(
            "data:\n  before:\n    - {{ run: sh task.sh }}\n\
             schedule:\n{more}  tasks:\n    sales: {{ off: true }}\n    health: {{ off: true }}\n    \
             backup: {{ off: true }}\n    prune: {{ off: true }}\n    \
             kpi: {{ run: aggregates, cron: \"0 2 * * *\" }}\n"
        );
        fs::write(folder.path().join(".github/tidegate.yml"), configuration).unwrap();
        let team = Self { folder, home, environment: Vec::new() };
        team.script(script);
        team
    }

    fn script(&self, script: &str) {
        fs::write(self.path("task.sh"), script).unwrap();
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What a file holds; nothing where it is not there.
    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn tidegate(&self, arguments: &[&str]) -> Tidegate {
        Tidegate::new()
            .args(["schedule"])
            .args(arguments)
            .env("HOME", self.home.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path())
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.tidegate(arguments).run()
    }

    fn once(&self, at: &str) -> Run {
        self.run(&["--once", "--at", at])
    }

    /// What is known of the task.
    fn listed(&self, at: &str) -> Value {
        self.run(&["--list", "--at", at, "--json"]).success().json()["tasks"][0].clone()
    }
}

/// Waits until a file holds a text.
#[track_caller]
fn until(path: &Path, text: &str) {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !fs::read_to_string(path).unwrap_or_default().contains(text) {
        assert!(Instant::now() < deadline, "{} never held {text:?}", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

#[test]
fn what_is_due_runs_once() {
    let team = Team::new("echo ran >> ran.txt\n", "");
    let first = team.once(BEFORE).success();
    assert_eq!(first.line(), "nothing is due; next: Sat 2026-05-02 02:00 UTC");
    assert_eq!(team.text("ran.txt"), "");
    assert_eq!(team.once(DUE).success().line(), "kpi: done");
    assert_eq!(team.once(DUE).success().line(), "nothing is due; next: Sun 2026-05-03 02:00 UTC");
    // A week without a schedule.
    let late = team.run(&["--once", "--at", "2026-05-09T12:00:00Z", "--json"]).success().json();
    assert_eq!(late["schema"], "tidegate/schedule-run/1");
    assert_eq!(late["tasks"][0]["slot"], "2026-05-09T02:00:00Z");
    assert_eq!(late["tasks"][0]["outcome"], "done");
    assert_eq!(team.text("ran.txt"), "ran\nran\n");
    assert_eq!(team.text(".tidegate/.gitignore"), "*\n");
    let left: Vec<_> = fs::read_dir(team.path(".tidegate/schedule")).unwrap().collect();
    assert_eq!(left.len(), 2, "the lock and the state: {left:?}");
}

#[test]
fn a_timer_of_each_minute_is_silent_with_quiet() {
    let team = Team::new("exit 1\n", "").env("SLACK_WEBHOOK", "http://127.0.0.1:9/x");
    let silent = team.run(&["--once", "--at", BEFORE, "--quiet"]).success();
    assert_eq!((silent.stdout.as_str(), silent.stderr.as_str()), ("", ""));
    let json = team.run(&["--once", "--at", BEFORE, "-q", "--json"]).success().json();
    assert_eq!(json["schema"], "tidegate/schedule-run/1");
    let failed = team.run(&["--once", "--at", DUE, "-q"]).code(14);
    assert!(failed.stdout.contains("kpi: failed: "), "{failed:?}");
}

#[test]
fn a_task_runs_by_hand_and_its_exit_code_is_told() {
    let team = Team::new("echo ran >> ran.txt\n", "");
    team.run(&["--run", "kpi"]).success();
    team.tidegate(&[]).env("TIDEGATE_TASK", "kpi").run().success();
    assert_eq!(team.text("ran.txt"), "ran\nran\n");
    team.script("echo broken >&2; exit 3\n");
    let failed = team.run(&["--run", "kpi"]).code(14);
    assert!(failed.stdout.contains("kpi: failed: "), "{failed:?}");
    let listed = team.run(&["--list"]).success();
    assert!(listed.stdout.contains("\nkpi does not work since "), "{listed:?}");
    assert!(listed.stdout.contains(": sh task.sh: "), "{listed:?}");
    // What a task says cannot steer the terminal.
    team.script("printf 'a\\033]0;title\\007b' >&2; exit 3\n");
    let said = team.run(&["--run", "kpi", "--color", "always"]).code(14);
    assert!(!said.stdout.contains("\u{1b}]") && !said.stderr.contains("\u{1b}]"), "{said:?}");
    let unknown = team.run(&["--run", "kip"]).code(2);
    assert!(unknown.stderr.contains("there is no task \"kip\"; the tasks are kpi"), "{unknown:?}");
}

#[test]
fn tasks_are_listed_with_their_next_times() {
    let team = Team::new("", "  timezone: Europe/Berlin\n");
    let listed = team.listed("2026-10-24T12:00:00Z");
    assert_eq!(listed["command"], "tidegate sync --steps-only");
    assert_eq!(listed["next"][0], "2026-10-25T00:00:00Z");
    assert_eq!(listed["next"][1], "2026-10-26T01:00:00Z");
    let people = team.run(&["--list", "--at", "2026-10-24T12:00:00Z"]).success();
    assert!(people.stdout.contains("Sun 2026-10-25 02:00  Europe/Berlin"), "{people:?}");
    let next = team.once("2026-10-24T12:00:00Z").success();
    assert_eq!(next.line(), "nothing is due; next: Sun 2026-10-25 02:00 Europe/Berlin");
    fs::remove_dir_all(team.path(".tidegate")).unwrap();
    team.run(&["--list"]).success();
    assert!(!team.path(".tidegate").exists(), "a look leaves nothing behind");
    for arguments in [["--at", DUE].as_slice(), &["--list", "--once"], &["--emit", "cron"]] {
        team.run(arguments).code(2);
    }
}

#[test]
fn a_link_in_the_place_of_its_folder_is_refused() {
    let team = Team::new("", "");
    let outside = TempDir::new().unwrap();
    std::os::unix::fs::symlink(outside.path(), team.path(".tidegate")).unwrap();
    let refused = team.once(BEFORE).code(10);
    assert!(refused.stderr.contains(".tidegate is not what tidegate makes there"), "{refused:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
}

#[test]
fn what_others_wrote_into_the_state_is_refused() {
    let team = Team::new("", "");
    team.once(BEFORE).success();
    fs::write(team.path(".tidegate/schedule/state.json"), "{}").unwrap();
    let refused = team.once(DUE).code(10);
    assert!(refused.stderr.contains("move the file away"), "{refused:?}");
}
