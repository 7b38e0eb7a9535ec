//! A task's program: this program again, with the arguments of the task. A crash of it leaves the
//! schedule alone.

use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::{Instant, sleep_until, timeout};

use super::stop::Stop;
use crate::commands::clock;
use crate::schedule::Task;

/// How much of what a program says is kept: its end, which says why.
const KEPT: usize = 16 * 1024;

/// How long a program may take to end after it was told to.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How long its words are waited for after its end: something that it left behind may hold them open.
const SILENCE: Duration = Duration::from_millis(500);

/// How long after a task's end a stop may still come that was meant for both.
const TOGETHER: Duration = Duration::from_secs(1);

/// The program of all tasks.
pub(super) struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    /// The time that tasks take for now, where it is not the machine's.
    time: Option<Timestamp>,
}

/// How a program ended.
pub(super) struct Ended {
    /// Its exit code; `None` where it was not started, or a signal ended it.
    pub(super) exit: Option<i32>,
    /// The end of what it said on stderr.
    pub(super) said: String,
    /// Why it did not end by itself.
    pub(super) cut: Option<Cut>,
    /// Whether the schedule was asked to stop meanwhile.
    pub(super) asked: bool,
}

/// Why a program did not end by itself.
pub(super) enum Cut {
    /// It cannot be started.
    NotStarted(String),
    /// It took too long.
    TimedOut,
    /// The schedule was stopped.
    Stopped,
}

impl Program {
    /// This program, with the arguments that every task gets. With `time`, tasks take that for now.
    pub(super) fn own(arguments: Vec<OsString>, time: Option<Timestamp>) -> std::io::Result<Self> {
        Ok(Self { path: std::env::current_exe()?, arguments, time })
    }

    /// Runs a task, which prints into `file`. When the schedule is asked to stop, the task may go on for
    /// `grace`; when it is asked again, it is stopped at once. `told` hears of the first time, and how long the
    /// task may still take.
    pub(super) async fn run(
        &self,
        task: &Task,
        file: File,
        stop: &mut Stop,
        grace: Duration,
        told: &mut dyn FnMut(Duration),
    ) -> Ended {
        let mut command = Command::new(&self.path);
        command.args(task.what.arguments()).args(&self.arguments);
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::piped()).kill_on_drop(true);
        // Of the schedule, not of the task.
        for name in ["TIDEGATE_TASK", "LOG_FILE"] {
            command.env_remove(name);
        }
        if let Some(time) = self.time {
            command.env(clock::VARIABLE, clock::handed(time));
        }
        // A group of its own: Ctrl-C in a terminal is for the schedule, which gives the task time.
        #[cfg(unix)]
        command.process_group(0);
        let spawned = command.spawn();
        // This process lets go of the file: now it is locked as long as the program runs.
        drop(command);
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                let cut = Some(Cut::NotStarted(format!("cannot start tidegate: {error}")));
                return Ended { exit: None, said: String::new(), cut, asked: false };
            }
        };
        let tail = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::spawn(listen(child.stderr.take(), Arc::clone(&tail)));
        let mut deadline = Instant::now() + task.timeout;
        let (mut cut, mut asked) = (None, false);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.ok(),
                () = sleep_until(deadline) => {
                    cut = Some(if asked { Cut::Stopped } else { Cut::TimedOut });
                    break end(&mut child).await;
                }
                () = stop.asked() => {
                    let now = Instant::now();
                    if asked {
                        deadline = now;
                    } else {
                        deadline = deadline.min(now + grace);
                        told(deadline - now);
                    }
                    asked = true;
                }
            }
        };
        let well = status.is_some_and(|status| status.success());
        if cut.is_none() && !well {
            // systemd and a machine that shuts down end the task and the schedule at the same time,
            // and either may be first.
            if !asked && status.is_some_and(was_told_to_end) {
                asked = timeout(TOGETHER, stop.asked()).await.is_ok();
            }
            if asked {
                cut = Some(Cut::Stopped);
            }
        }
        let _ = timeout(SILENCE, listener).await;
        let said = tail.lock().unwrap_or_else(PoisonError::into_inner);
        let said = String::from_utf8_lossy(&said).into_owned();
        Ended { exit: status.and_then(|status| status.code()), said, cut, asked }
    }
}

/// Whether one of the signals that stop a schedule ended a program: at once, or after it had removed what
/// nobody needs any more. Then its exit code tells the signal as a shell would.
#[cfg(unix)]
fn was_told_to_end(status: std::process::ExitStatus) -> bool {
    use rustix::process::Signal;
    use std::os::unix::process::ExitStatusExt as _;

    let told = status.code().map(|code| code - 128);
    [Signal::TERM, Signal::INT]
        .iter()
        .any(|signal| [status.signal(), told].contains(&Some(signal.as_raw())))
}

#[cfg(not(unix))]
fn was_told_to_end(_: std::process::ExitStatus) -> bool {
    false
}

/// Asks a program and its children to end, and makes them.
async fn end(child: &mut Child) -> Option<std::process::ExitStatus> {
    tell_group(child, false);
    if let Ok(status) = timeout(LAST_WORDS, child.wait()).await {
        return status.ok();
    }
    tell_group(child, true);
    let _ = child.start_kill();
    child.wait().await.ok()
}

#[cfg(unix)]
fn tell_group(child: &Child, kill: bool) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(group) = group {
        // It may have ended meanwhile.
        let _ = kill_process_group(group, if kill { Signal::KILL } else { Signal::TERM });
    }
}

#[cfg(not(unix))]
fn tell_group(_: &Child, _: bool) {}

async fn listen(stderr: Option<ChildStderr>, tail: Arc<Mutex<Vec<u8>>>) {
    let Some(mut stderr) = stderr else { return };
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut buffer).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(&buffer[..count]);
        let over = tail.len().saturating_sub(KEPT);
        tail.drain(..over);
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::schedule::Schedule;

    /// Runs a script as the program of a task.
    async fn run(script: &str) -> Ended {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("task");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        let schedule = Schedule::of(&crate::config::ScheduleConfig::default(), Timestamp::now());
        let schedule = schedule.unwrap();
        let program = Program { path, arguments: Vec::new(), time: None };
        let mut stop = Stop::new().unwrap();
        let file = tempfile::tempfile().unwrap();
        program.run(&schedule.tasks[0], file, &mut stop, LAST_WORDS, &mut |_| {}).await
    }

    #[tokio::test]
    async fn a_task_that_was_told_to_end_first_is_stopped_with_its_schedule() {
        // It hears of it a moment before the schedule, and ends by the signal, or as a shell tells it.
        for end in ["kill -TERM $$", "exit 143", "kill -INT $$", "exit 130"] {
            let ended = run(&format!("( sleep 0.2; kill -TERM $PPID ) &\n{end}")).await;
            assert!(matches!(ended.cut, Some(Cut::Stopped)), "{end}: {:?}", ended.exit);
        }
        let ended = run("exit 143").await;
        assert!(ended.cut.is_none() && ended.exit == Some(143), "nobody has stopped the schedule");
    }
}
