//! `retry`.

use std::time::Duration;

use clap::Args;

/// Wait for the end of a run, and run its failed jobs again: the step of the retry workflow
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  In the retry workflow, which the gate starts:
      tidegate retry --run 4711 --attempt 1

Only a run that a gate has noted as failed on the state branch is run again: the push run of a
commit on the protected branch of this very repository. A run with a later attempt, and one that
did not fail, is left alone.

Exit codes: 0 run again or left alone, 5 not ended in time, 6 not a run to be tried again.")]
pub struct Retry {
    /// Name the run by its id
    #[arg(long, value_name = "ID", env = "TIDEGATE_RUN_ID", hide_env_values = true)]
    pub run: u64,
    /// Name the attempt that failed, from 1
    #[arg(
        long,
        value_name = "N",
        env = "TIDEGATE_ATTEMPT",
        hide_env_values = true,
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    pub attempt: u32,
    /// Wait at most so long for its end: 90s, 60m
    #[arg(
        long,
        value_name = "TIME",
        env = "TIDEGATE_WAIT",
        hide_env_values = true,
        default_value = "60m",
        value_parser = wait
    )]
    pub wait: Duration,
}

/// GitHub ends a job after six hours ("Usage limits").
const LONGEST: Duration = Duration::from_hours(6);

/// Reads a time that makes sense for a job.
pub(super) fn wait(text: &str) -> Result<Duration, String> {
    let expected = || format!("expected a time such as 60m or 90s, at most 6h, found {text:?}");
    let time: jiff::SignedDuration = text.parse().map_err(|_| expected())?;
    let time = Duration::try_from(time).map_err(|_| expected())?;
    if time > LONGEST { Err(expected()) } else { Ok(time) }
}
