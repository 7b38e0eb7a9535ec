//! A disk that is full, or that nobody may write to.

use std::io::Write as _;

use rustix::process::Signal;

use super::*;
use crate::harness::receiver::Receiver;
use crate::harness::small_disk::{on_a_small_disk, read_only};

/// A team whose `.tidegate` is a place for a small disk.
fn team() -> (Team, PathBuf) {
    let team = Team::new("echo ran >> ran.txt\n", "");
    let own = team.path(".tidegate");
    fs::create_dir(&own).unwrap();
    (team, own)
}

/// Leaves no room, and returns what has taken it.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

#[test]
fn on_a_full_disk_tasks_run_and_somebody_is_told() {
    let receiver = Receiver::start();
    let (team, own) = team();
    let slack = format!("http://{}/services/T0000/B0000/nobody", receiver.host());
    let team = team.env("SLACK_WEBHOOK", &slack);
    let run = on_a_small_disk(&own, 128, || {
        team.once(BEFORE).success();
        fill(&own);
        team.once(DUE)
    });
    let run = run.code(15);
    assert_eq!(team.text("ran.txt"), "ran\n");
    let why = "kpi: failed: cannot write the result: No space left on device";
    assert!(run.stdout.starts_with(why), "{run:?}");
    assert!(run.stdout.ends_with(" (exit code 15)\n"), "{run:?}");
    assert!(run.stderr.contains("what is known of the tasks cannot be written"), "{run:?}");
    assert!(run.stderr.contains("hint: free some space"), "{run:?}");
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_schedule_starts_on_a_full_disk() {
    let (team, own) = team();
    let mut schedule = on_a_small_disk(&own, 128, || {
        team.once("2026-05-01T12:00:00Z").success();
        fill(&own);
        let (mut schedule, _home) = team.tidegate(&[]).start();
        let deadline = Instant::now() + Duration::from_mins(2);
        while team.text("ran.txt").is_empty() {
            assert!(Instant::now() < deadline, "nothing runs");
            assert_eq!(schedule.try_wait().unwrap(), None, "it has ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        signal(&schedule, Signal::TERM);
        schedule.wait().unwrap();
        schedule
    });
    assert_eq!(schedule.wait().unwrap().code(), Some(0));
}

#[test]
fn what_git_ignores_is_written_when_there_is_room() {
    let (team, own) = team();
    on_a_small_disk(&own, 64, || {
        let filler = fill(&own);
        let full = team.once(BEFORE).code(15);
        assert!(full.stderr.contains("No space left on device"), "{full:?}");
        fs::remove_file(filler).unwrap();
        team.once(BEFORE).success();
        assert_eq!(team.text(".tidegate/.gitignore"), "*\n");
        // As an earlier version left it.
        fs::write(own.join(".gitignore"), "").unwrap();
        team.once(BEFORE).success();
        assert_eq!(team.text(".tidegate/.gitignore"), "*\n");
        let left: Vec<_> = fs::read_dir(&own).unwrap().flatten().map(|e| e.file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    });
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let (team, own) = team();
    let (first, later) = on_a_small_disk(&own, 64, || {
        read_only(&own);
        let first = team.once(BEFORE);
        let later = team.run(&["--run", "kpi"]);
        (first, later)
    });
    for run in [first, later] {
        let run = run.code(10);
        assert!(run.stderr.contains(".tidegate"), "{run:?}");
        assert!(
            run.stderr.contains("hint: let the user that runs this read and write there"),
            "{run:?}"
        );
    }
    assert_eq!(team.text("ran.txt"), "");
}
