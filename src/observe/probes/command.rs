//! `command`: a command that has to end with 0, in the container or on the runner.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::shown;
use crate::adapters::shell::{self, Children, Ended};
use crate::probe::{Attempt, ProbeFailure};
use crate::secret::Redactor;

/// A command on the runner.
pub(super) struct OnRunner<'a> {
    /// For `sh -c`.
    pub(super) run: &'a str,
    /// Where it runs.
    pub(super) root: &'a Path,
    /// Variables that it does not get.
    pub(super) hidden: &'a [&'a str],
    /// Variables that it gets besides those of the runner.
    pub(super) variables: &'a BTreeMap<String, String>,
    /// What is not shown of its output.
    pub(super) redactor: &'a Redactor,
}

impl OnRunner<'_> {
    /// Makes one attempt.
    pub(super) async fn attempt(&self, timeout: Duration) -> Attempt {
        let mut command = Command::new("sh");
        command.arg("-c").arg(self.run).current_dir(self.root);
        for name in self.hidden {
            command.env_remove(name);
        }
        command.envs(self.variables);
        match shell::run(command, timeout, Children::Go).await {
            Ended::Exited(status, _) if status.success() => passed(),
            Ended::Exited(status, said) => {
                let how = match status.code() {
                    Some(code) => format!("ended with {code}"),
                    None => format!("was ended ({status})"),
                };
                not_ready(self.run, &how, &said, self.redactor)
            }
            Ended::TimedOut(said) => hung(self.run, timeout, &said, self.redactor),
            Ended::NotStarted(why) => Attempt::Impossible { why },
        }
    }
}

/// The command ended with 0.
pub(super) fn passed() -> Attempt {
    Attempt::Passed { seen: "ended with 0".to_owned() }
}

/// The command ended with another number: an app that still starts may be the reason.
pub(super) fn not_ready(run: &str, how: &str, said: &str, redactor: &Redactor) -> Attempt {
    let run = shown::line(run, redactor);
    Attempt::NotReady(
        ProbeFailure::new(format!("`{run}` {how}")).with_detail(shown::lines(said, redactor)),
    )
}

/// The command did not end.
pub(super) fn hung(run: &str, timeout: Duration, said: &str, redactor: &Redactor) -> Attempt {
    let run = shown::line(run, redactor);
    Attempt::Failed(
        ProbeFailure::new(format!("`{run}` did not end within {timeout:?}"))
            .with_detail(shown::lines(said, redactor)),
    )
}
