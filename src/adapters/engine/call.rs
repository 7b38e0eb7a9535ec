//! Calls of the engine: their time, and what their errors mean.

use std::future::Future;

use bollard::errors::Error;

use super::{Address, EngineError, PATIENCE, logs};
use crate::secret::Redactor;

/// Waits for an answer, at most [`PATIENCE`].
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match tokio::time::timeout(PATIENCE, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::RequestTimeoutError),
    }
}

/// The status of the engine's answer, where it gave one.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// Whether words of an engine blame the command of a container, and not the engine's own helpers,
/// which may be missing or broken as well: `exec: "runc"`, `exec: "docker-proxy"`. Only what the
/// runtime (runc, crun) says about the process of the container counts.
pub(super) fn is_the_command(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    let of_the_process = ["container process", "container init", "crun: "];
    let words = ["executable file", "exec format error", "exec: \""];
    reason.contains("attempted to invoke a command")
        || (of_the_process.into_iter().any(|place| reason.contains(place))
            && words.into_iter().any(|word| reason.contains(word)))
}

/// What an error says, on one line, short, without secrets.
pub(super) fn words(error: &Error, redactor: &Redactor) -> String {
    let text = match error {
        Error::DockerResponseServerError { message, .. } => message.clone(),
        Error::DockerStreamError { error } => error.clone(),
        Error::RequestTimeoutError => format!("no answer in {} s", PATIENCE.as_secs()),
        other => with_causes(other),
    };
    let text = logs::clean(&redactor.redact(&text));
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(400) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

/// The message of an error and of what caused it: hyper's own says only "client error".
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

/// The engine does not answer at all.
pub(super) fn unreachable(address: &Address, error: &Error) -> EngineError {
    let mut reason = words(error, &Redactor::default());
    let denied = reason.to_lowercase().contains("permission denied");
    if let Error::SocketNotFoundError(_) = error {
        "there is no such socket: start the engine, or name the right one".clone_into(&mut reason);
    } else if denied {
        reason.push_str("; let this user into the group of the socket");
    }
    EngineError::Unreachable { address: address.clone(), reason }
}

/// A call that failed; one without an answer is the engine's absence.
pub(super) fn refused(
    address: &Address,
    redactor: &Redactor,
    doing: impl Into<String>,
    error: &Error,
) -> EngineError {
    let reason = words(error, redactor);
    match error {
        Error::DockerResponseServerError { .. }
        | Error::DockerStreamError { .. }
        | Error::DockerContainerWaitError { .. }
        | Error::JsonDataError { .. } => EngineError::Refused { doing: doing.into(), reason },
        _ => EngineError::Unreachable { address: address.clone(), reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_helper_of_the_engine_is_not_the_command() {
        for reason in [
            "failed to create task for container: failed to create shim task: OCI runtime create \
             failed: runc create failed: unable to start container process: error during container \
             init: exec: \"nothing\": executable file not found in $PATH: unknown",
            "OCI runtime create failed: container_linux.go:380: starting container process caused: \
             exec: \"/x\": stat /x: no such file or directory: unknown",
            "crun: executable file `x` not found in $PATH: No such file or directory: OCI runtime \
             attempted to invoke a command that was not found",
            "OCI runtime exec failed: exec failed: unable to start container process: exec: \"x\": \
             executable file not found in $PATH: unknown",
        ] {
            assert!(is_the_command(reason), "{reason}");
        }
        for reason in [
            "failed to start shim: start failed: exec: \"containerd-shim-runc-v2\": executable file \
             not found in $PATH: unknown",
            "failed to create shim task: OCI runtime create failed: unable to retrieve OCI runtime \
             error (open log.json: no such file or directory): exec: \"runc\": executable file not \
             found in $PATH: unknown",
            "failed to set up container networking: driver failed programming external \
             connectivity: exec: \"docker-proxy\": executable file not found in $PATH",
            "starting container process caused: process_linux.go:459: container init caused: apply \
             apparmor profile: apparmor failed to apply profile: write \
             /proc/self/attr/exec: no such file or directory: unknown",
            "connection error: transport: error while dialing: dial unix /run/containerd.sock: \
             connect: no such file or directory",
        ] {
            assert!(!is_the_command(reason), "{reason}");
        }
    }
}
