//! Commands of the configuration, by `sh -c` on this machine.
//!
//! A command is started in a process group of its own, so that it can be ended together with what it
//! started: after its time, where nobody waits for it any more, and where this process is killed.

use std::process::{Command, ExitStatus};
use std::time::Duration;

#[cfg(unix)]
mod group;

#[cfg(unix)]
pub(super) use group::Group;

/// How much of the output is kept: its end, which says why.
#[cfg(unix)]
const KEPT_OUTPUT: usize = 16 * 1024;

/// How long the output is waited for after the command has ended: something that it left in the
/// background may hold it open.
#[cfg(unix)]
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The variables that hold tidegate's own secrets and those of stores: no command of the configuration
/// gets them. A command that needs one is given it under another name.
pub const HIDDEN: [&str; 31] = [
    "TIDEGATE_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "TIDEGATE_APP_PRIVATE_KEY",
    "TIDEGATE_REGISTRY_PASSWORD",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "AZURE_ANALYTICS_URL",
    "AZURE_ACCOUNT_KEY",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_MASTER_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_STORAGE_TOKEN",
    "AZURE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
];

/// Takes [`HIDDEN`] out of a command's environment.
pub fn without_secrets(command: &mut Command) {
    for name in HIDDEN {
        command.env_remove(name);
    }
}

/// How a command ended, with the end of what it said, as it said it.
#[derive(Debug)]
pub enum Ended {
    /// By itself.
    Exited(ExitStatus, String),
    /// It was killed with its children, after its time.
    TimedOut(String),
    /// It did not begin, and why.
    NotStarted(String),
}

/// What becomes of processes that a command leaves in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Children {
    /// They live on.
    Stay,
    /// They are killed.
    Go,
}

/// Runs a command, without input, for at most `timeout`. Where the future is dropped, the command is
/// killed with its children; where they are to go, also when this process ends in whatever way.
pub async fn run(command: Command, timeout: Duration, children: Children) -> Ended {
    stream(command, timeout, children, &|_| {}).await
}

/// Does what [`run`] does, and tells each line of the output while the command runs: without its end,
/// cut where it is very long.
#[cfg(unix)]
pub async fn stream(
    mut command: Command,
    timeout: Duration,
    children: Children,
    line: &(dyn Fn(&str) + Send + Sync),
) -> Ended {
    use std::os::unix::process::CommandExt as _;
    use std::process::Stdio;

    use tokio::net::unix::pipe;

    // One pipe for both, so that the end of the output is what was said last.
    let output = match std::io::pipe() {
        Ok((output, input)) => match input.try_clone() {
            Ok(second) => {
                command.process_group(0).stdin(Stdio::null()).stdout(second).stderr(input);
                pipe::Receiver::from_owned_fd(output.into())
            }
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    let output = match output {
        Ok(output) => output,
        Err(error) => return Ended::NotStarted(format!("cannot make a pipe: {error}")),
    };
    // Its own ends of the pipe are closed with the command here.
    let spawned = tokio::process::Command::from(command).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Ended::NotStarted(format!("cannot start sh: {error}")),
    };
    let mut group = match children {
        Children::Stay => Group::of(&child),
        Children::Go => Group::guarded(&child),
    };
    let tail = std::cell::RefCell::new(Tail::default());
    let mut reading = std::pin::pin!(read(output, &tail, line));
    let mut open = true;
    let ended = {
        let waiting = tokio::time::timeout(timeout, child.wait());
        let mut waiting = std::pin::pin!(waiting);
        loop {
            tokio::select! {
                ended = &mut waiting => break ended,
                () = &mut reading, if open => open = false,
            }
        }
    };
    match ended {
        Ok(_) if children == Children::Stay => group.forget(),
        Ok(_) => group.end().await,
        Err(_) => {
            group.end().await;
            let _ = child.wait().await;
        }
    }
    if open {
        let _ = tokio::time::timeout(LAST_WORDS, reading).await;
    }
    let said = tail.borrow().text();
    match ended {
        Ok(Ok(status)) => Ended::Exited(status, said),
        Ok(Err(error)) => Ended::NotStarted(format!("cannot wait for sh: {error}")),
        Err(_) => Ended::TimedOut(said),
    }
}

/// Says that commands need a Unix shell.
#[cfg(not(unix))]
pub async fn stream(
    _: Command,
    _: Duration,
    _: Children,
    _: &(dyn Fn(&str) + Send + Sync),
) -> Ended {
    Ended::NotStarted("commands are supported on Linux and macOS only; use a webhook".to_owned())
}

#[cfg(unix)]
async fn read(
    mut stream: impl tokio::io::AsyncRead + Unpin,
    tail: &std::cell::RefCell<Tail>,
    line: &(dyn Fn(&str) + Send + Sync),
) {
    use tokio::io::AsyncReadExt as _;

    let mut lines = Lines { begun: Vec::new(), line };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = stream.read(&mut buffer).await {
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { return };
        tail.borrow_mut().take(piece);
        lines.take(piece);
    }
}

/// The longest line that is told in one piece, in bytes.
#[cfg(unix)]
const LONGEST_LINE: usize = 4096;

/// Tells whole lines; the last one, without an end, when it is dropped.
#[cfg(unix)]
struct Lines<'a> {
    begun: Vec<u8>,
    line: &'a (dyn Fn(&str) + Send + Sync),
}

#[cfg(unix)]
impl Lines<'_> {
    fn take(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let free = LONGEST_LINE.saturating_sub(self.begun.len());
            self.begun.extend(part.iter().take(free));
            if part.ends_with(b"\n") {
                self.tell();
            }
        }
    }

    fn tell(&mut self) {
        let line = String::from_utf8_lossy(&self.begun);
        (self.line)(line.trim_end_matches(['\n', '\r']));
        self.begun.clear();
    }
}

#[cfg(unix)]
impl Drop for Lines<'_> {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            self.tell();
        }
    }
}

/// The end of an output.
#[cfg(unix)]
#[derive(Default)]
struct Tail(Vec<u8>);

#[cfg(unix)]
impl Tail {
    fn take(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
        let over = self.0.len().saturating_sub(KEPT_OUTPUT);
        self.0.drain(..over);
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn shell(text: &str, timeout: Duration, children: Children) -> Ended {
        let mut command = Command::new("sh");
        command.arg("-c").arg(text);
        run(command, timeout, children).await
    }

    const LONG: Duration = Duration::from_mins(1);

    #[tokio::test]
    async fn the_status_and_the_end_of_the_output_are_kept() {
        let ended = shell("seq 100000; echo to stderr >&2; exit 3", LONG, Children::Go).await;
        let Ended::Exited(status, said) = ended else { panic!("{ended:?}") };
        assert_eq!(status.code(), Some(3));
        assert!(said.ends_with("\n99999\n100000\nto stderr\n"), "{said}");
        assert!(said.len() <= KEPT_OUTPUT && !said.starts_with("1\n"));
    }

    #[tokio::test]
    async fn lines_are_told_while_the_command_runs() {
        let lines = std::sync::Mutex::new(Vec::new());
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg("printf 'one\\r\\ntwo\\n'; head -c 9000 /dev/zero | tr '\\0' x; printf '\\nlast'");
        let ended = stream(command, LONG, Children::Go, &|line| {
            lines.lock().unwrap().push(line.to_owned());
        })
        .await;
        assert!(matches!(ended, Ended::Exited(status, _) if status.success()));
        let lines = lines.into_inner().unwrap();
        assert_eq!((lines.len(), lines[0].as_str(), lines[1].as_str()), (4, "one", "two"));
        assert_eq!((lines[2].len(), lines[3].as_str()), (LONGEST_LINE, "last"));
    }

    #[tokio::test]
    async fn a_command_that_closes_its_output_is_waited_for() {
        let ended = shell("echo said; exec >&- 2>&-; sleep 0.2; exit 4", LONG, Children::Go).await;
        let Ended::Exited(status, said) = ended else { panic!("{ended:?}") };
        assert_eq!((status.code(), said.as_str()), (Some(4), "said\n"));
    }

    #[tokio::test]
    async fn a_command_is_killed_with_its_children_after_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let text = format!("sleep 1000 & echo $! > {}; echo begun; wait", pid.display());
        let ended = shell(&text, Duration::from_secs(2), Children::Go).await;
        assert!(matches!(&ended, Ended::TimedOut(said) if said == "begun\n"), "{ended:?}");
        gone(&pid).await;
    }

    #[tokio::test]
    async fn what_is_left_in_the_background_goes_where_it_should() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let text = format!("sleep 1000 & echo $! > {}", pid.display());
        let ended = shell(&text, LONG, Children::Go).await;
        assert!(matches!(ended, Ended::Exited(status, _) if status.success()));
        gone(&pid).await;
    }

    #[tokio::test]
    async fn a_command_that_nobody_waits_for_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let text = format!("echo $$ > {}; sleep 1000", pid.display());
        let mut command = Box::pin(shell(&text, LONG, Children::Go));
        while std::fs::read_to_string(&pid).map_or(true, |text| !text.ends_with('\n')) {
            let step = tokio::time::sleep(Duration::from_millis(5));
            tokio::select! {
                ended = &mut command => panic!("{ended:?}"),
                () = step => {}
            }
        }
        drop(command);
        gone(&pid).await;
    }

    /// Waits until the process is gone, or a zombie that nobody has reaped yet.
    async fn gone(file: &std::path::Path) {
        let pid = std::fs::read_to_string(file).unwrap_or_default();
        assert!(!pid.trim().is_empty(), "{} names no process", file.display());
        let status = format!("/proc/{}/stat", pid.trim());
        for _ in 0..1000 {
            match std::fs::read_to_string(&status) {
                Ok(text) if !text.contains(") Z") && !text.contains(") X") => {}
                Ok(_) | Err(_) => return,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let still = std::fs::read_to_string(&status);
        assert!(still.is_err(), "process {pid} still runs: {still:?}");
    }
}
