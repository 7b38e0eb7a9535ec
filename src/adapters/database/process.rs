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
    let mut group = crate::adapters::shell::Group::guarded(&child);
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
    group.end().await;
    let (output, messages, status) = ended.map_err(|_| Stopped::TimedOut)??;
    Ok(Said {
        output,
        messages: String::from_utf8_lossy(&messages).into_owned(),
        failed: (!status.success()).then(|| status.to_string()),
        killed: status.code().is_none(),
    })
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
