//! The process group of a command: it is ended as a whole, and does not outlive who waits for it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The process group of a command, killed when nobody waits for it any more.
pub(in crate::adapters) struct Group {
    leader: Option<rustix::process::Pid>,
    guard: Option<tokio::process::Child>,
}

impl Group {
    /// The group that a command leads.
    pub(super) fn of(child: &tokio::process::Child) -> Self {
        let leader = child.id().and_then(|id| i32::try_from(id).ok());
        Self { leader: leader.and_then(rustix::process::Pid::from_raw), guard: None }
    }

    /// The group that a command leads; it is also killed where this process is.
    pub(in crate::adapters) fn guarded(child: &tokio::process::Child) -> Self {
        let mut group = Self::of(child);
        group.guard = group.leader.and_then(guard);
        group
    }

    pub(super) fn forget(&mut self) {
        self.leader = None;
    }

    fn kill(&mut self) {
        if let Some(leader) = self.leader.take() {
            // It may be gone already.
            let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
        }
    }

    /// Kills what is left of it.
    pub(in crate::adapters) async fn end(&mut self) {
        self.kill();
        if let Some(mut guard) = self.guard.take() {
            let _ = guard.wait().await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts what ends a group where this process is killed: a shell in that group, which reads from a pipe
/// that nobody writes to. The kernel closes the pipe with this process. Without it, the command would go on,
/// hold files for that long, and run beside the one that the next run starts. Signals that a command sends to
/// its own group do not end it.
///
/// `PR_SET_PDEATHSIG` of prctl(2) would do it on Linux, from within the command's own process only.
fn guard(leader: rustix::process::Pid) -> Option<tokio::process::Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' HUP INT TERM; read -r line; kill -9 0"]).env_clear();
    command.process_group(leader.as_raw_pid());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Where the command has ended and left nothing, it has no group any more, and needs no guard.
    tokio::process::Command::from(command).kill_on_drop(true).spawn().ok()
}
