//! What becomes of the commands of a task that is stopped, or killed.

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// Begins with a child of its own, whose process it names, and would end in a while.
const LONG: &str = "sleep 1000 &\necho $! > pid.new\nmv pid.new pid\nwait\necho end >> ran.txt\n";

fn begun(team: &Team) -> (Child, TempDir) {
    team.once(BEFORE).success();
    let started = team.tidegate(&["--once", "--at", DUE]).start();
    until(&team.path("pid"), "\n");
    started
}

/// Whether a process is there, and no zombie that nobody has reaped yet.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z") && !stat.contains(") X"))
}

#[track_caller]
fn gone(team: &Team) {
    let pid = team.text("pid");
    assert_ne!(pid, "", "the command has not begun");
    let deadline = Instant::now() + Duration::from_secs(30);
    while runs(pid.trim()) {
        assert!(Instant::now() < deadline, "the command still runs");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(team.text("ran.txt"), "", "it was not ended");
}

/// The processes that a process has started.
fn children(of: u32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parent = |id: &i32| -> Option<u32> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
    };
    ids.filter(|id| parent(id) == Some(of)).collect()
}

#[test]
fn commands_end_with_a_task_that_takes_too_long() {
    let team = Team::new(LONG, "");
    let path = team.path(".github/tidegate.yml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("run: aggregates,", "run: aggregates, timeout: 5s,")).unwrap();
    team.once(BEFORE).success();
    let late = team.once(DUE).code(15);
    assert!(late.stdout.contains("its `timeout`"), "{late:?}");
    gone(&team);
}

#[test]
fn commands_end_with_a_task_whose_grace_is_over() {
    let team = Team::new(LONG, "  grace: 100ms\n");
    let (mut schedule, _home) = begun(&team);
    signal(&schedule, Signal::TERM);
    assert_eq!(schedule.wait().unwrap().code(), Some(15));
    gone(&team);
}

#[test]
fn commands_end_with_a_task_that_is_stopped_at_once() {
    let team = Team::new(LONG, "  grace: 1h\n");
    let (mut schedule, _home) = begun(&team);
    // Two of one kind may be taken for one.
    signal(&schedule, Signal::TERM);
    signal(&schedule, Signal::INT);
    assert_eq!(schedule.wait().unwrap().code(), Some(15));
    gone(&team);
}

#[test]
fn commands_end_with_a_task_that_is_killed() {
    let team = Team::new(LONG, "");
    let (mut schedule, _home) = begun(&team);
    let task = children(schedule.id());
    signal(&schedule, Signal::KILL);
    schedule.wait().unwrap();
    assert_eq!(task.len(), 1, "{task:?}");
    assert!(runs(team.text("pid").trim()), "the task goes on, and its command");
    kill_process(Pid::from_raw(task[0]).unwrap(), Signal::KILL).unwrap();
    gone(&team);
}
