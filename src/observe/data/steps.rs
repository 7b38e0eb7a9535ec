//! Commands of the configuration that make the data.

use std::process::Command;
use std::time::Duration;

use super::{Preparation, dbt, shown};
use crate::adapters::shell::{self, Children, Ended};
use crate::config::{DataStepConfig, wait};
use crate::data::{Outcome, StepResult};

/// How long a step may take where the configuration does not say so.
const TIMEOUT: Duration = Duration::from_mins(30);

/// How many lines of the output are part of a failure.
const LAST_LINES: usize = 5;

/// Runs one step; its lines are told while it runs.
pub(super) async fn run(preparation: &Preparation<'_>, step: &DataStepConfig) -> StepResult {
    let name = shown::line(&step.run, preparation.redactor);
    (preparation.say)(&name);
    (preparation.line)(&format!("$ {name}"));
    let result = |outcome| StepResult { name: name.clone(), outcome };
    let folder = preparation.root.join(step.dir.as_deref().unwrap_or("."));
    if !folder.is_dir() {
        let why = format!("there is no folder {}", step.dir.as_deref().unwrap_or("."));
        return result(Outcome::Inconclusive { why });
    }
    let timeout = step.timeout.as_deref().and_then(wait).unwrap_or(TIMEOUT);
    let mut command = Command::new("sh");
    command.arg("-c").arg(&step.run).current_dir(&folder);
    shell::without_secrets(&mut command);
    for name in preparation.config.url_variables() {
        command.env_remove(name);
    }
    command.envs(&step.env);
    let earlier = dbt::results(&folder);
    let say = |line: &str| {
        let line = shown::lines(line, preparation.redactor);
        (preparation.say)(&line);
        (preparation.line)(&line);
    };
    let tail = |said: &str| {
        let said = shown::lines(said, preparation.redactor);
        let last = shown::last_lines(&said, LAST_LINES).trim().to_owned();
        if last.is_empty() { last } else { format!(": {last}") }
    };
    match shell::stream(command, timeout, Children::Go, &say).await {
        Ended::Exited(status, _) if status.success() => result(Outcome::Passed),
        Ended::Exited(status, said) => {
            let nodes = dbt::failures(&folder, &earlier, preparation.redactor);
            let how = match status.code() {
                Some(code) => format!("ended with {code}"),
                None => format!("was ended ({status})"),
            };
            match (status.code(), nodes) {
                (Some(_), Some(nodes)) => {
                    result(Outcome::Failed { why: format!("{how}: {nodes}") })
                }
                // The shell does not find or cannot start the command ("Exit Status for Commands" in
                // POSIX's shell), or a signal ended it: that says nothing about the data.
                (Some(126 | 127) | None, _) => {
                    result(Outcome::Inconclusive { why: format!("{how}{}", tail(&said)) })
                }
                (Some(_), None) => result(Outcome::Failed { why: format!("{how}{}", tail(&said)) }),
            }
        }
        Ended::TimedOut(said) => result(Outcome::Inconclusive {
            why: format!("did not end within {timeout:?} and was stopped{}", tail(&said)),
        }),
        Ended::NotStarted(why) => result(Outcome::Inconclusive { why }),
    }
}
