//! A command of `after_promote`, `after_rollback` or `schedule.after_alert`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::{Channels, Sent};

/// How much of the output is kept: its end, which says why.
const KEPT_OUTPUT: usize = 16 * 1024;

/// How much of it stands in a warning, in characters.
const SHOWN_OUTPUT: usize = 400;

/// How often it is asked whether the command has ended.
const LOOK: Duration = Duration::from_millis(20);

/// How long the output is waited for after the command has ended: something that it left in the
/// background may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How a command ended.
enum Ended {
    Exited(ExitStatus, String),
    TimedOut(String),
    NotStarted(String),
}

impl Channels<'_> {
    /// Runs a command by `sh -c` in the repository, without tidegate's own secrets. A command that
    /// failed is tried again by the next run, as one that certainly did not do it; one that was
    /// stopped is not: nobody knows how far it came.
    pub(super) async fn command(
        &self,
        command: &str,
        dir: Option<&str>,
        timeout: Duration,
        variables: Vec<(&'static str, String)>,
    ) -> Sent {
        let folder = match inside(self.root, dir) {
            Ok(folder) => folder,
            Err(problem) => return Sent::Failed(problem),
        };
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(command).current_dir(&folder).stdin(Stdio::null());
        for name in &self.secrets {
            shell.env_remove(name);
        }
        // The task that this schedule was started for: a `tidegate schedule --list` is not.
        shell.env_remove("TIDEGATE_TASK");
        shell.envs(variables);
        let (answer, answered) = tokio::sync::oneshot::channel();
        let waiting = std::thread::Builder::new().name("hook".to_owned()).spawn(move || {
            // Nobody listens any more where this run was ended.
            let _ = answer.send(run(shell, timeout));
        });
        let ended = match waiting {
            Ok(_) => answered.await,
            Err(error) => return Sent::Failed(format!("cannot start a thread: {error}")),
        };
        let Ok(ended) = ended else {
            return Sent::Unknown("the thread that ran it ended early".to_owned());
        };
        let shown = |output: &str| {
            let output = self.redactor.redact(output).into_owned();
            tracing::info!("the command said:\n{output}");
            last_line(&output)
        };
        match ended {
            Ended::Exited(status, output) => {
                let said = shown(&output);
                if status.success() { Sent::DONE } else { Sent::Failed(format!("{status}{said}")) }
            }
            Ended::TimedOut(output) => {
                let said = shown(&output);
                let seconds = timeout.as_secs();
                Sent::Unknown(format!("stopped after {seconds} s, with its children{said}"))
            }
            Ended::NotStarted(problem) => Sent::Failed(problem),
        }
    }
}

/// Returns the folder, which may not lie outside of the repository, not even by a link.
fn inside(root: &Path, dir: Option<&str>) -> Result<PathBuf, String> {
    let wrong = |error: std::io::Error| format!("cannot use the folder: {error}");
    let root = root.canonicalize().map_err(wrong)?;
    let folder = root.join(dir.unwrap_or(".")).canonicalize().map_err(wrong)?;
    if folder.starts_with(&root) {
        return Ok(folder);
    }
    Err(format!("the folder {:?} lies outside of the repository", dir.unwrap_or(".")))
}

#[cfg(unix)]
fn run(mut shell: Command, timeout: Duration) -> Ended {
    use std::os::unix::process::CommandExt as _;
    // A group of its own, so that its children can be stopped with it.
    shell.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match shell.spawn() {
        Ok(child) => child,
        Err(error) => return Ended::NotStarted(format!("cannot start sh: {error}")),
    };
    let (pieces, output) = mpsc::channel();
    for stream in [
        child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
        child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    {
        let pieces = pieces.clone();
        std::thread::spawn(move || read_all(stream, &pieces));
    }
    drop(pieces);
    let deadline = Instant::now() + timeout;
    let mut said = Tail::default();
    let status = loop {
        said.take_all(&output);
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() >= deadline => break None,
            Ok(None) => std::thread::sleep(LOOK),
            Err(_) => break None,
        }
    };
    if status.is_none() {
        stop(&mut child);
    }
    said.take_until_closed(&output, LAST_WORDS);
    match status {
        Some(status) => Ended::Exited(status, said.text()),
        None => Ended::TimedOut(said.text()),
    }
}

#[cfg(not(unix))]
fn run(_: Command, _: Duration) -> Ended {
    Ended::NotStarted("commands are supported on Linux and macOS only; use a webhook".to_owned())
}

/// Stops the command with everything that it started and that did not leave its group.
#[cfg(unix)]
fn stop(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn read_all(mut stream: Box<dyn Read + Send>, pieces: &mpsc::Sender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    while let Ok(count) = stream.read(&mut buffer) {
        if count == 0 || pieces.send(buffer[..count].to_vec()).is_err() {
            return;
        }
    }
}

/// The end of an output.
#[derive(Default)]
struct Tail(Vec<u8>);

impl Tail {
    fn take(&mut self, piece: &[u8]) {
        self.0.extend_from_slice(piece);
        let over = self.0.len().saturating_sub(KEPT_OUTPUT);
        self.0.drain(..over);
    }

    fn take_all(&mut self, output: &mpsc::Receiver<Vec<u8>>) {
        while let Ok(piece) = output.try_recv() {
            self.take(&piece);
        }
    }

    fn take_until_closed(&mut self, output: &mpsc::Receiver<Vec<u8>>, patience: Duration) {
        let deadline = Instant::now() + patience;
        while let Ok(piece) =
            output.recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            self.take(&piece);
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0).into_owned()
    }
}

/// Returns what a command said last, for a warning.
fn last_line(output: &str) -> String {
    match output.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => {
            let line: String = line.chars().take(SHOWN_OUTPUT).collect();
            format!(": {}", crate::http::one_line(&line))
        }
        None => String::new(),
    }
}
