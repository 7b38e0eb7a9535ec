//! `retry`: waits for the end of a run, and runs its failed jobs again.
//!
//! 1. Whoever may write can start the workflow that calls this, with any inputs. So the run has to be
//!    one that a gate has noted on the state branch, in this very attempt, and has to be the push run
//!    of that commit on the protected branch of this repository, by the word of GitHub.
//! 2. It must have ended before GitHub runs its jobs again: wait, with growing pauses.
//! 3. A later attempt is left alone, and so is a run that did not fail: somebody was faster.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::session::{Session, block_on, mask_secrets};
use crate::actions::Permission;
use crate::adapters::github::{GitHub, GitHubError, Run, RunStatus};
use crate::adapters::state_branch;
use crate::cli::{self, Global, Place};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::model::RunIdentity;
use crate::output::{Output, clean, dim, good, warn};
use crate::state::RetryNote;

/// The first pause between two looks at the run; the gate that asked is about to end.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest one. GitHub answers a look without news with 304, which costs nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What became of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum Outcome {
    /// Its failed jobs run again.
    RunAgain,
    /// It has a later attempt already.
    LaterAttempt {
        /// The latest attempt.
        latest: u32,
    },
    /// It did not fail.
    NotFailed {
        /// How it ended.
        conclusion: String,
    },
    /// It has not ended in time.
    NotEnded,
}

#[derive(Serialize)]
struct Tried {
    run: u64,
    attempt: u32,
    #[serde(flatten)]
    outcome: Outcome,
}

pub(super) fn run(global: &Global, args: &cli::Retry, output: &mut Output) -> anyhow::Result<Exit> {
    let (session, problem) = Session::open_anyway(global, &Place::default())?;
    if let Some(problem) = problem {
        tracing::info!("{problem:#}; the defaults count");
    }
    mask_secrets(&session, output)?;
    refuse_other_events(&session)?;
    let wanted = RunIdentity { id: args.run, attempt: args.attempt };
    let progress = output.progress("looking at the run");
    let outcome = block_on(async {
        let github = session.github()?.ok_or_else(|| {
            Failed::new(Exit::Usage, "there is no token for GitHub's API, or no repository there")
                .with_hint("set TIDEGATE_TOKEN (input `token` of the action)")
        })?;
        let note = noted(&session, &wanted)?;
        let deadline = Instant::now() + args.wait;
        attend(&session, &github, &note, deadline, &|text| progress.say(text)).await
    })?;
    drop(progress);
    let tried = Tried { run: args.run, attempt: args.attempt, outcome };
    output.show("tidegate/retry/1", &tried, |output, tried| output.line(told(tried)))?;
    Ok(match tried.outcome {
        Outcome::RunAgain | Outcome::LaterAttempt { .. } | Outcome::NotFailed { .. } => Exit::Done,
        Outcome::NotEnded => Exit::Retry,
    })
}

fn told(tried: &Tried) -> String {
    let Tried { run, attempt, outcome } = tried;
    match outcome {
        Outcome::RunAgain => {
            format!(
                "{} run {run}: its failed jobs run again, as attempt {}",
                good("retried"),
                attempt + 1
            )
        }
        Outcome::LaterAttempt { latest } => {
            format!("{} run {run}: it is at attempt {latest} already", dim("left alone"))
        }
        Outcome::NotFailed { conclusion } => {
            format!("{} run {run}: it ended with {}", dim("left alone"), clean(conclusion))
        }
        Outcome::NotEnded => format!(
            "{} run {run}: it has not ended in time; run its failed jobs again by hand, on its page",
            warn("not retried")
        ),
    }
}

/// In Actions only the protected branch's own version of the workflow may do this.
fn refuse_other_events(session: &Session) -> anyhow::Result<()> {
    let Some(run) = &session.run else { return Ok(()) };
    match run.permission(&session.config.branch) {
        Permission::AllVerdicts | Permission::PromoteOrHold => Ok(()),
        Permission::ReportOnly => {
            Err(refused("a pull request runs nothing again", "start the workflow by a dispatch"))
        }
        Permission::Refused(refusal) => Err(Failed::new(Exit::Refused, refusal.to_string()).into()),
    }
}

fn refused(error: impl Into<String>, hint: &str) -> anyhow::Error {
    Failed::new(Exit::Refused, error.into()).with_hint(hint).into()
}

/// Finds the note of the gate that asked for the retry.
fn noted(session: &Session, wanted: &RunIdentity) -> anyhow::Result<RetryNote> {
    let branch = &session.config.state_branch;
    let refs = session.git.fetch(&[branch])?;
    let observed = state_branch::read(&session.git, refs.branch(branch))?;
    // The note of an attempt is rewritten by the next one, whose number is then the later one.
    let of_run = |note: &RetryNote| note.run.id == wanted.id && note.run.attempt >= wanted.attempt;
    observed.state.retries.into_values().find(of_run).ok_or_else(|| {
        refused(
            format!("no gate has asked for attempt {} of run {} to be tried again", wanted.attempt, wanted.id),
            "only the gate's verdict `retry` starts this; by hand, choose \"Re-run failed jobs\" on the run's page",
        )
    })
    .map(|note| RetryNote { run: wanted.clone(), ..note })
}

/// Waits for the end of the run, and runs its failed jobs again.
async fn attend(
    session: &Session,
    github: &GitHub,
    note: &RetryNote,
    deadline: Instant,
    say: &dyn Fn(&str),
) -> anyhow::Result<Outcome> {
    let mut pause = FIRST_PAUSE;
    loop {
        match look(session, github, note).await {
            Ok(Some(outcome)) => return Ok(outcome),
            Ok(None) => say("waiting for the end of the run"),
            Err(error) => {
                let trouble = error.downcast_ref::<GitHubError>();
                if Instant::now() >= deadline || !trouble.is_some_and(GitHubError::is_transient) {
                    return Err(error);
                }
                tracing::info!("{error:#}; asking again");
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Outcome::NotEnded);
        }
        tokio::time::sleep(pause.min(left)).await;
        pause = (pause * 3 / 2).min(LONGEST_PAUSE);
    }
}

/// Looks at the run once, and runs its failed jobs again where it has ended. Returns `None` while it
/// has not.
async fn look(
    session: &Session,
    github: &GitHub,
    note: &RetryNote,
) -> anyhow::Result<Option<Outcome>> {
    let run = read(session, github, note).await?;
    if let Some(done) = left_alone(&run, note.run.attempt) {
        return Ok(Some(done));
    }
    if run.status == RunStatus::Unfinished {
        return Ok(None);
    }
    match github.rerun_failed_jobs(note.run.id).await {
        Ok(()) => Ok(Some(Outcome::RunAgain)),
        // The run has ended, and GitHub's left hand does not know it yet.
        Err(error) if is_in_progress(&error) => Ok(None),
        Err(error) => {
            // The answer may be lost, or somebody else was faster: the attempt says it.
            let run = read(session, github, note).await?;
            if run.run_attempt > note.run.attempt {
                let lost = error.may_have_been_applied() && run.run_attempt == note.run.attempt + 1;
                let latest = run.run_attempt;
                return Ok(Some(if lost {
                    Outcome::RunAgain
                } else {
                    Outcome::LaterAttempt { latest }
                }));
            }
            Err(anyhow::Error::new(error))
                .or_hint("the job of the retry workflow needs the permission `actions: write`")
        }
    }
}

fn left_alone(run: &Run, attempt: u32) -> Option<Outcome> {
    if run.run_attempt > attempt {
        return Some(Outcome::LaterAttempt { latest: run.run_attempt });
    }
    let conclusion = run.conclusion.as_deref().unwrap_or("no conclusion");
    let failed = matches!(conclusion, "failure" | "timed_out");
    let ended = run.status == RunStatus::Completed;
    // A person who cancels a run does not want it again.
    (ended && !failed).then(|| Outcome::NotFailed { conclusion: conclusion.to_owned() })
}

/// GitHub refuses to rerun a run that is in progress with the same status as a missing permission.
fn is_in_progress(error: &GitHubError) -> bool {
    let GitHubError::Forbidden { status: 403, said, .. } = error else { return false };
    let said = said.to_ascii_lowercase();
    ["already running", "in progress", "still running", "not completed"]
        .iter()
        .any(|words| said.contains(words))
}

/// Reads the run, and refuses every one that is not what the gate has noted.
async fn read(session: &Session, github: &GitHub, note: &RetryNote) -> anyhow::Result<Run> {
    let id = note.run.id;
    let Some(run) = github.run(id).await? else {
        let error = format!("GitHub knows no run {id} in {}", github.repository());
        return Err(refused(error, "was it deleted?"));
    };
    let branch = &session.config.branch;
    let workflow = note.workflow.as_deref().unwrap_or_else(|| run.workflow());
    let is_workflow = workflow.starts_with(".github/workflows/");
    if !is_workflow || !run.is_push_of(workflow, branch) || run.head_sha != note.commit.as_str() {
        return Err(refused(
            format!(
                "run {id} is not the push run of {} on {branch} of this repository that a gate has judged",
                note.commit.short()
            ),
            "only such a run is tried again",
        ));
    }
    if run.run_attempt < note.run.attempt {
        let error = format!("run {id} has no attempt {} yet", note.run.attempt);
        return Err(refused(error, "name the attempt that failed"));
    }
    Ok(run)
}
