//! The end of a container that should go on, and what its log says about it.

use std::time::Duration;

use crate::adapters::engine::{Container, EngineError, Run, State};
use crate::probe::ProbeFailure;
use crate::stack::Service;

use super::shown;

/// Longer than any probe.
const FOR_EVER: Duration = Duration::from_hours(24);

/// How much of a log stands beside what a probe itself has to say.
const LINES_BESIDE: usize = 30;

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    /// One line, with the service: `web ended with 1`.
    pub(super) what: String,
    /// The exit code.
    pub(super) code: i64,
    /// The end of its log.
    pub(super) log: String,
}

impl End {
    /// The failure of a probe whose container this was.
    pub(super) fn failure(&self) -> ProbeFailure {
        ProbeFailure::new(&self.what).with_detail(&self.log)
    }
}

/// Waits until a container ends.
pub(super) async fn wait(
    run: &Run,
    container: &Container,
    service: Option<&Service>,
) -> Result<End, EngineError> {
    loop {
        let state = run.wait_for_exit(container, FOR_EVER).await?;
        if let Some(end) = of(run, container, service, state).await {
            return Ok(end);
        }
    }
}

/// Looks whether a container has ended.
pub(super) async fn look(
    run: &Run,
    container: &Container,
    service: Option<&Service>,
) -> Option<End> {
    // Where the engine does not answer, nothing is known about an end.
    let state = run.state(container).await.ok()?;
    of(run, container, service, state).await
}

async fn of(
    run: &Run,
    container: &Container,
    service: Option<&Service>,
    state: State,
) -> Option<End> {
    let (code, oom_killed, error) = match state {
        State::Exited { code, oom_killed, error } => (code, oom_killed, error),
        State::Created | State::Running { .. } => return None,
    };
    let what = words(container.service(), service, code, oom_killed, error.as_deref());
    Some(End { what, code, log: log(run, container).await })
}

/// Returns the end of a log, or why there is none.
async fn log(run: &Run, container: &Container) -> String {
    run.logs(container).await.unwrap_or_else(|error| format!("(no log: {error})"))
}

/// Adds the end of the log to what a probe says.
pub(super) async fn with_log(
    run: &Run,
    container: &Container,
    failure: ProbeFailure,
) -> ProbeFailure {
    let log = log(run, container).await;
    let last = shown::last_lines(&log, LINES_BESIDE);
    if last.trim().is_empty() {
        return failure;
    }
    let name = container.service();
    let detail = match &failure.detail {
        Some(detail) => format!("{}\n\nthe end of the log of {name}:\n{last}", detail.trim_end()),
        None => format!("the end of the log of {name}:\n{last}"),
    };
    failure.with_detail(detail)
}

fn words(
    name: &str,
    service: Option<&Service>,
    code: i64,
    oom_killed: bool,
    error: Option<&str>,
) -> String {
    if oom_killed {
        let limit = service.map(|service| format!(" of {} MiB", service.limits.memory >> 20));
        let limit = limit.unwrap_or_default();
        return format!("{name} ended with {code}: it was out of memory (its limit{limit})");
    }
    let why = match (error, code) {
        (Some(error), _) => format!(": {error}"),
        (None, 0) => ", though it has to go on".to_owned(),
        // 128 + n, as shells count signals.
        (None, 129..=192) => format!(" (signal {})", code - 128),
        (None, _) => String::new(),
    };
    format!("{name} ended with {code}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_told() {
        for (code, oom_killed, error, said) in [
            (0, false, None, "web ended with 0, though it has to go on"),
            (1, false, None, "web ended with 1"),
            (139, false, None, "web ended with 139 (signal 11)"),
            (137, true, None, "web ended with 137: it was out of memory (its limit)"),
            (128, false, Some("no space"), "web ended with 128: no space"),
        ] {
            assert_eq!(words("web", None, code, oom_killed, error), said);
        }
    }
}
