//! A run of the `duckdb` command: one script on its standard input, bounded in time and output.

use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

/// The most bytes of an answer.
const MOST_OUTPUT: usize = 64 * 1024 * 1024;

/// The most bytes of its messages: their beginning, which names the first error.
const MOST_MESSAGES: usize = 64 * 1024;

/// What a run came to.
pub(super) struct Said {
    /// What it wrote.
    pub(super) output: Vec<u8>,
    /// Its messages.
    pub(super) messages: String,
    /// `None` where it ended with 0, else how it ended.
    pub(super) failed: Option<String>,
    /// Whether a signal ended it.
    pub(super) killed: bool,
}

/// Why there is no result.
pub(super) enum Stopped {
    /// It did not begin.
    NotStarted(std::io::Error),
    /// It was killed after its time.
    TimedOut,
    /// It was killed because it wrote too much.
    TooMuch,
}

/// Runs a command in a process group of its own; the group is killed after the time, where the future is
/// dropped, and where this process is killed.
pub(super) async fn run(
    mut command: Command,
    script: &str,
    timeout: Duration,
) -> Result<Said, Stopped> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut command = tokio::process::Command::from(command);
    let mut child = command.kill_on_drop(true).spawn().map_err(Stopped::NotStarted)?;
    #[cfg(unix)]
    let (mut group, mut guard) = (crate::adapters::shell::Group::of(&child), guard(&child));
    let (input, output, messages) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writing = async {
        if let Some(mut input) = input {
            // It may end before it has read everything: then its messages say why.
            let _ = input.write_all(script.as_bytes()).await;
        }
        Ok(())
    };
    let talking = async {
        let ((), output, messages) = tokio::try_join!(
            writing,
            read(output, MOST_OUTPUT, true),
            read(messages, MOST_MESSAGES, false)
        )?;
        let status = child.wait().await.map_err(Stopped::NotStarted)?;
        Ok((output, messages, status))
    };
    let ended = tokio::time::timeout(timeout, talking).await;
    #[cfg(unix)]
    {
        group.kill();
        if let Some(guard) = &mut guard {
            let _ = guard.wait().await;
        }
    }
    let (output, messages, status) = ended.map_err(|_| Stopped::TimedOut)??;
    Ok(Said {
        output,
        messages: String::from_utf8_lossy(&messages).into_owned(),
        failed: (!status.success()).then(|| status.to_string()),
        killed: status.code().is_none(),
    })
}

/// Starts what ends the group of a command where this process is killed: a shell in that group, which
/// reads from a pipe that nobody writes to. The kernel closes the pipe with this process. Without it, the
/// command would go through the rest of its script, and hold the file for that long.
///
/// `PR_SET_PDEATHSIG` of prctl(2) would do it on Linux, from within the command's own process only.
#[cfg(unix)]
fn guard(child: &tokio::process::Child) -> Option<tokio::process::Child> {
    let group = child.id().and_then(|id| i32::try_from(id).ok())?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "read -r line; kill -9 0"]).env_clear();
    std::os::unix::process::CommandExt::process_group(&mut command, group);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // Where the command has ended already, it has no group any more; its guard is not needed then.
    tokio::process::Command::from(command).kill_on_drop(true).spawn().ok()
}

/// Reads to the end: all of it, or at most `most` bytes and the rest thrown away.
async fn read(
    stream: Option<impl AsyncRead + Unpin>,
    most: usize,
    whole: bool,
) -> Result<Vec<u8>, Stopped> {
    let Some(mut stream) = stream else { return Ok(Vec::new()) };
    let mut kept = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return Ok(kept),
            Ok(count) => {
                let free = most.saturating_sub(kept.len());
                if whole && count > free {
                    return Err(Stopped::TooMuch);
                }
                kept.extend(buffer.iter().take(count.min(free)));
            }
        }
    }
}
