//! Commands: in a running container, and in a container of their own.

use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error;
use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};

use super::logs::Tail;
use super::{Container, EngineError, call};
use crate::secret::Redactor;

/// The variable by which the processes of a command are found again.
const MARK: &str = "TIDEGATE_EXEC";
/// Ends all processes that carry the mark `$1`: the API has no call that ends a command.
const END: &str = "for e in /proc/[0-9]*/environ; do \
    if grep -q \"TIDEGATE_EXEC=$1\" \"$e\" 2>/dev/null; then p=${e%/environ}; kill -9 \"${p#/proc/}\"; fi; \
    done";
/// How long ending a command may take.
const TO_END: Duration = Duration::from_secs(10);

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Its exit code; `None`: it took too long, and was ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed a process of its container because the memory was used up; for a
    /// command in a running container always `false`.
    pub oom_killed: bool,
    /// The end of what it printed: short, without secrets and control characters.
    pub output: String,
}

/// Runs a command in a running container.
pub(super) async fn run(
    docker: &Docker,
    redactor: &Redactor,
    container: &Container,
    command: &[&str],
    timeout: Duration,
    refused: impl Fn(&Error) -> EngineError,
) -> Result<Finished, EngineError> {
    let mark = getrandom::u64().map_or_else(|_| "0".to_owned(), |random| format!("{random:016x}"));
    let options = CreateExecOptions {
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
        env: Some(vec![format!("{MARK}={mark}")]),
        ..Default::default()
    };
    let created = call::in_time(docker.create_exec(&container.id, options)).await;
    let exec = created.map_err(|error| refused(&error))?.id;
    let mut tail = Tail::default();
    match tokio::time::timeout(timeout, attached(docker, &exec, &mut tail)).await {
        Ok(Ok(exit_code)) => Ok(Finished {
            exit_code: Some(exit_code),
            oom_killed: false,
            output: tail.shown(redactor),
        }),
        // No such command: engines differ in whether they say so here or in the output.
        Ok(Err(error)) if is_not_there(&error) => Ok(Finished {
            exit_code: Some(127),
            oom_killed: false,
            output: call::words(&error, redactor),
        }),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => {
            end(docker, container, &mark).await;
            Ok(Finished { exit_code: None, oom_killed: false, output: tail.shown(redactor) })
        }
    }
}

/// Reads the output to its end, and waits for the exit code.
async fn attached(docker: &Docker, exec: &str, tail: &mut Tail) -> Result<i64, Error> {
    let options = StartExecOptions { detach: false, tty: false, output_capacity: None };
    if let StartExecResults::Attached { output, input } =
        docker.start_exec(exec, Some(options)).await?
    {
        tail.read(output).await?;
        drop(input);
    }
    loop {
        let state = docker.inspect_exec(exec).await?;
        if state.running != Some(true)
            && let Some(code) = state.exit_code
        {
            return Ok(code);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Ends a command as well as it can be done: where the image has no shell, it ends with its container.
async fn end(docker: &Docker, container: &Container, mark: &str) {
    let options = CreateExecOptions {
        cmd: Some(["sh", "-c", END, "sh", mark].map(str::to_owned).to_vec()),
        attach_stdout: Some(true),
        ..Default::default()
    };
    let ended = async {
        let exec = docker.create_exec(&container.id, options).await?.id;
        attached(docker, &exec, &mut Tail::default()).await
    };
    match tokio::time::timeout(TO_END, ended).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::debug!("cannot end a command in {}: {error}", container.service),
        Err(_) => tracing::debug!("ending a command in {} takes too long", container.service),
    }
}

fn is_not_there(error: &Error) -> bool {
    call::is_the_command(&error.to_string())
}
