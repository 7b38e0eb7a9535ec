//! `command`: a command that has to end with 0, in the container or on the runner.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use super::shown;
use crate::adapters::engine::Finished;
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
            Ended::Exited(status, said) => match (status.code(), not_run(status)) {
                (Some(code), None) => {
                    not_ready(self.run, &format!("ended with {code}"), &said, self.redactor)
                }
                (_, how) => {
                    let how = how.unwrap_or_default();
                    let failure = failure(self.run, &how, &said, self.redactor);
                    let last = shown::last_lines(failure.detail.as_deref().unwrap_or_default(), 1);
                    let between = if last.is_empty() { "" } else { ": " };
                    Attempt::Impossible { why: format!("{}{between}{last}", failure.what) }
                }
            },
            Ended::TimedOut(said) => hung(self.run, timeout, &said, self.redactor),
            Ended::NotStarted(why) => Attempt::Impossible { why },
        }
    }
}

/// Reads how a command in a container ended.
pub(super) fn finished(
    run: &str,
    timeout: Duration,
    finished: &Finished,
    redactor: &Redactor,
) -> Attempt {
    match finished.exit_code {
        Some(0) => passed(),
        Some(code) => not_ready(run, &format!("ended with {code}"), &finished.output, redactor),
        None => hung(run, timeout, &finished.output, redactor),
    }
}

/// Says why an end on the runner tells nothing about the candidate: the runner does not have the
/// command (126 and 127, "Exit Status for Commands" in POSIX's shell), or has ended it.
fn not_run(status: ExitStatus) -> Option<String> {
    match status.code() {
        Some(code @ (126 | 127)) => {
            Some(format!("ended with {code}: the runner cannot run a command of it"))
        }
        Some(_) => None,
        None => Some(format!("was ended ({status})")),
    }
}

/// The command ended with 0.
fn passed() -> Attempt {
    Attempt::Passed { seen: "ended with 0".to_owned() }
}

/// The command ended with another number: an app that still starts may be the reason.
fn not_ready(run: &str, how: &str, said: &str, redactor: &Redactor) -> Attempt {
    Attempt::NotReady(failure(run, how, said, redactor))
}

/// The command did not end.
fn hung(run: &str, timeout: Duration, said: &str, redactor: &Redactor) -> Attempt {
    Attempt::Failed(failure(run, &format!("did not end within {timeout:?}"), said, redactor))
}

fn failure(run: &str, how: &str, said: &str, redactor: &Redactor) -> ProbeFailure {
    let run = shown::line(run, redactor);
    ProbeFailure::new(format!("`{run}` {how}")).with_detail(shown::lines(said, redactor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const LONG: Duration = Duration::from_mins(1);

    async fn attempt(run: &str, timeout: Duration) -> Attempt {
        let folder = tempfile::tempdir().unwrap();
        let variables =
            BTreeMap::from([("TIDEGATE_URL_8000".to_owned(), "http://127.0.0.1:4711".to_owned())]);
        let mut redactor = Redactor::new();
        redactor.add(&Secret::new("s3cret-value"));
        // A variable that every test has stands for a token of tidegate.
        let hidden = &["CARGO_PKG_NAME"];
        let root = folder.path();
        OnRunner { run, root, hidden, variables: &variables, redactor: &redactor }
            .attempt(timeout)
            .await
    }

    #[tokio::test]
    async fn a_command_passes_where_it_ends_with_0() {
        let run =
            r#"test "$TIDEGATE_URL_8000" = http://127.0.0.1:4711 && test -z "$CARGO_PKG_NAME""#;
        assert_eq!(attempt(run, LONG).await, passed());
    }

    #[tokio::test]
    async fn the_output_of_a_failed_command_is_shown_without_secrets() {
        let run = r"printf 'two\n\033[31ms3cret-value\n'; exit 7";
        let Attempt::NotReady(failure) = attempt(run, LONG).await else { panic!() };
        assert!(failure.what.ends_with("ended with 7"), "{}", failure.what);
        assert_eq!(failure.detail.as_deref(), Some("two\n***"));
    }

    #[tokio::test]
    async fn what_the_runner_cannot_run_says_nothing_about_the_candidate() {
        for (run, said) in
            [("no-such-program-here --url x", "not found"), ("kill -9 $$", "signal: 9")]
        {
            let seen = attempt(run, LONG).await;
            let Attempt::Impossible { why } = seen else { panic!("{run}: {seen:?}") };
            assert!(why.contains(said), "{why}");
        }
    }

    #[tokio::test]
    async fn a_command_that_hangs_counts_at_once() {
        let seen = attempt("echo begun; sleep 1000", Duration::from_millis(500)).await;
        let Attempt::Failed(failure) = seen else { panic!("{seen:?}") };
        assert!(failure.what.contains("did not end within 500ms"), "{}", failure.what);
        assert_eq!(failure.detail.as_deref(), Some("begun"));
    }
}
