//! `rollback`: by a person. To the last good commit, to a commit or release of choice, of stable
//! alone, or undone.

use serde::Serialize;

use super::announce;
use super::by_hand::{self, Reach};
use super::gate::applier;
use super::report::{PullRequestText, show_completion, show_waiting};
use super::session::{Session, block_on};
use crate::apply::{Completion, Ended, RecordStands};
use crate::cli::{Global, Rollback};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::output::{Output, bad, clean, dim, strong};
use crate::plan::{self, Facts, Step};
use crate::state::NoticeEvent;

pub(super) mod limit;
mod main_branch;
pub(super) mod stable;
pub(super) mod target;
mod undo;

/// How many dropped commits are listed.
const LISTED: usize = 20;

/// What is about to be done: what a person is asked about.
struct Proposal {
    /// In one line.
    headline: String,
    /// The commits whose changes go, newest first.
    dropped: Vec<CommitSha>,
    /// The steps.
    steps: Vec<Step>,
    /// The failed commit, for the advice at the end; `None` where main does not change.
    failed: Option<CommitSha>,
}

#[derive(Serialize)]
struct Done {
    #[serde(skip_serializing_if = "Option::is_none")]
    rollback_commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    kept: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_request: Option<PullRequestText>,
    release: u64,
    completion: Completion,
}

pub(super) fn run(global: &Global, args: &Rollback, output: &mut Output) -> anyhow::Result<Exit> {
    let mut session = by_hand::open(global, &args.place, Reach::Remote, output)?;
    by_hand::complete_first(&session, output)?;
    if let Some(undone) = &args.undo {
        return undo::run(&session, undone.as_deref(), args, output);
    }
    let progress = output.progress("looking at the remote");
    let world = World::fetch(&session.git, &session.config)?;
    drop(progress);
    let proposal = if args.stable_only {
        stable::propose(&session, &world, args)?
    } else {
        main_branch::propose(&mut session, &world, args, output)?
    };
    let mut proposal = proposal;
    announce_rollback(&session, &world, &mut proposal, args)?;
    if !agreed(&session, &proposal, args, output)? {
        return Ok(Exit::Held);
    }
    perform(&session, &world, &proposal, output)
}

/// Adds who is told.
fn announce_rollback(
    session: &Session,
    world: &World,
    proposal: &mut Proposal,
    args: &Rollback,
) -> anyhow::Result<()> {
    let changes = || proposal.steps.iter().filter_map(Step::change);
    let left = changes().find_map(|change| change.quarantine.as_ref());
    let main = proposal.steps.iter().find_map(Step::main_rollback);
    let record = changes().any(|change| change.record.is_some());
    let event = if record { NoticeEvent::RollbackOfStable } else { NoticeEvent::RollbackOfMain };
    let stable = left.and_then(|left| Some((&left.commit, &left.rollback.as_ref()?.to)));
    let both = main.map(|step| (&step.failed, &step.good)).or(stable);
    let Some((failed, restored)) = both else { return Ok(()) };
    let github = block_on(async { Ok(session.github()?.is_some()) })?;
    let facts = Facts {
        restored: Some(restored.clone()),
        by_hand: true,
        reasons: vec![stable::reason(args)],
        ..session.facts(event, failed, github)
    };
    let noted = left.and_then(|left| Some(left.rollback.as_ref()?.range.as_slice()));
    let range = noted.filter(|_| main.is_none()).unwrap_or(&proposal.dropped);
    let facts = session.with_range(facts, range);
    plan::announce(&mut proposal.steps, facts, &world.state.state, &session.config);
    Ok(())
}

/// Lists what would be dropped, and asks.
fn agreed(
    session: &Session,
    proposal: &Proposal,
    args: &Rollback,
    output: &mut Output,
) -> anyhow::Result<bool> {
    output.note(strong(&proposal.headline))?;
    if !proposal.dropped.is_empty() {
        let count = proposal.dropped.len();
        let commits = if count == 1 { "commit" } else { "commits" };
        output.note(format!(
            "The changes of {count} {commits} go (none is lost: `--undo` brings them back):"
        ))?;
        for commit in proposal.dropped.iter().take(LISTED) {
            let info = session.git.commit(commit)?;
            output.note(format!(
                "  {} {} {}",
                commit.short(),
                clean(info.subject()),
                dim(clean(&info.author))
            ))?;
        }
        if count > LISTED {
            output.note(format!("  and {} more", count - LISTED))?;
        }
    }
    for (number, step) in (1..).zip(&proposal.steps) {
        output.note(format!("  {number}. {}", clean(&step.to_string())))?;
    }
    Ok(args.yes || output.confirm("Go on?")?)
}

fn perform(
    session: &Session,
    world: &World,
    proposal: &Proposal,
    output: &mut Output,
) -> anyhow::Result<Exit> {
    let progress = output.progress("rolling back");
    let say = |step: &str| progress.say(step);
    let ended = block_on(async {
        let clients = session.clients()?;
        applier(session, &clients, &say).apply(&proposal.steps, &world.state).await
    });
    drop(progress);
    let ended = match ended {
        Ok(ended) => ended,
        Err(error) => {
            let stands = error.downcast_ref::<RecordStands>();
            let hint = stands.map(|stands| after_record(session, &stands.completion));
            return match hint {
                Some(hint) => Err(error).or_hint(hint),
                None => Err(error),
            };
        }
    };
    let applied = match ended {
        Ended::Done(applied) => applied,
        Ended::Moved { what } => {
            return Err(Failed::new(Exit::StalePlan, format!("{what} has moved meanwhile"))
                .with_hint("look at `tidegate status`, then run it again")
                .into());
        }
    };
    for warning in applied.proposed.iter().flat_map(|proposed| &proposed.warnings) {
        output.warning(warning)?;
    }
    let main = applied.rolled_back.as_ref();
    announce::deliver_and_say(session, Some(announce::Done::of(&applied)), output)?;
    let done = Done {
        rollback_commit: main.map(|done| done.commit.to_string()),
        to: main.map(|done| done.good.to_string()),
        kept: main.map(|done| done.kept.clone()).unwrap_or_default(),
        pull_request: applied.proposed.map(PullRequestText::new),
        release: applied.record.as_ref().map_or(0, |record| record.number),
        completion: applied.completion,
    };
    output.show("tidegate/rollback/1", &done, |output, done| {
        people(output, session, proposal, done)
    })?;
    let waits = done.pull_request.as_ref().map_or(Exit::Done, |_| Exit::RolledBack);
    Ok(done.completion.pending.first().map_or(waits, |pending| pending.exit))
}

/// Says how to go on where the record was written and main did not follow.
fn after_record(session: &Session, completion: &Completion) -> String {
    let branch = &session.config.branch;
    // No release: completing itself has failed.
    let users = if completion.release == 0 || !completion.pending.is_empty() {
        "`tidegate repair` completes what users get"
    } else {
        "users are taken back"
    };
    format!("{users}; see `tidegate status`, and run it again once {branch} can be moved")
}

fn people(
    output: &mut Output,
    session: &Session,
    proposal: &Proposal,
    done: &Done,
) -> std::io::Result<()> {
    let branch = &session.config.branch;
    if let (Some(commit), Some(to)) = (&done.rollback_commit, &done.to) {
        output.line(format!(
            "{} {branch} shows the tree of {} again (commit {})",
            bad("rolled back"),
            &to[..7],
            &commit[..7]
        ))?;
    }
    if let Some(pull) = &done.pull_request {
        show_waiting(output, branch, pull)?;
        return show_completion(output, &done.completion);
    }
    show_completion(output, &done.completion)?;
    if !done.kept.is_empty() {
        output.line(format!("  kept as they were: {}", clean(&done.kept.join(", "))))?;
    }
    match &proposal.failed {
        Some(failed) => {
            output.line("")?;
            output.line(strong("To get the work back:"))?;
            for line in super::report::recovery(failed.as_str(), branch) {
                output.line(format!("  {line}"))?;
            }
            Ok(())
        }
        None => output.line(format!(
            "{branch} did not change; promotions are on hold until `tidegate resume`"
        )),
    }
}
