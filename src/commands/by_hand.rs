//! What the commands have in common that a person runs when something is broken: they work with a
//! broken configuration, and complete first what an earlier run has left.

use super::gate::complete_newest;
use super::session::{Session, block_on};
use super::status::look::said;
use crate::actions::Run;
use crate::apply::Completion;
use crate::cli::{Global, Place};
use crate::config::{CONFIG_PATH, Config};
use crate::model::CommitSha;
use crate::output::Output;

mod state;

pub(super) use state::{change_state, expires, reason};

/// At most so many commits are looked back for a configuration that can be read.
const COMMITS: usize = 1000;

/// Whether a command may ask the remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// It works on the remote anyway.
    Remote,
    /// It answers from this clone alone.
    Clone,
}

/// Opens the repository. Where the configuration file cannot be read, its newest version below
/// counts that can be: a bad commit may have broken it, and this is when the command is needed. A
/// file that a person has named has to be readable.
pub(super) fn open(
    global: &Global,
    place: &Place,
    reach: Reach,
    output: &mut Output,
) -> anyhow::Result<Session> {
    let (mut session, problem) = Session::open_anyway(global, place)?;
    match reach {
        Reach::Remote => session.log_in(output)?,
        Reach::Clone => {}
    }
    let Some(problem) = problem else { return Ok(session) };
    let problem = said(problem);
    match newest_readable(&session, reach) {
        Some((commit, config)) => {
            session.work_by(config);
            let commit = commit.short();
            output.warning(&format!("{problem}; the configuration of {commit} counts instead"))?;
        }
        None => output.warning(&format!("{problem}; the defaults count instead"))?,
    }
    Ok(session)
}

/// Finds the newest commit from HEAD back, along first parents, whose configuration can be read.
fn newest_readable(session: &Session, reach: Reach) -> Option<(CommitSha, Config)> {
    let git = &session.git;
    if git.is_shallow() && reach == Reach::Remote {
        // Whatever comes of it: the versions below HEAD are wanted, where they can be had.
        let branch = session.run.as_ref().and_then(Run::branch);
        let branch = branch.unwrap_or_else(|| session.config.branch.clone());
        let _ = git.fetch(&[&branch]);
    }
    let head = git.local_commit("HEAD")?;
    for commit in git.first_parents(None, &head, COMMITS).ok()? {
        let config = match git.file_here(&commit, CONFIG_PATH).ok()? {
            Some(bytes) => Config::parse(&bytes, CONFIG_PATH).ok(),
            None => Some(Config::default()),
        };
        if let Some(config) = config {
            return Some((commit, config));
        }
    }
    None
}

/// Completes what an earlier run has left. What cannot be completed is a warning: it must not stop
/// a person who goes back. Returns what was completed, and what is pending.
pub(super) fn complete_first(session: &Session, output: &mut Output) -> anyhow::Result<Completion> {
    let completed = {
        let progress = output.progress("looking at the remote");
        let say = |step: &str| progress.say(step);
        block_on(async {
            let clients = session.clients()?;
            complete_newest(session, &clients, &say).await
        })
    };
    match completed {
        Ok(completion) => {
            for step in &completion.changed {
                output.note(format!("completed first: {}", crate::output::clean(step)))?;
            }
            for pending in &completion.pending {
                output.warning(&format!(
                    "release {} is not complete: {}: {}",
                    completion.release, pending.step, pending.reason
                ))?;
            }
            Ok(completion)
        }
        Err(error) => {
            output.warning(&format!(
                "what an earlier run may have left was not completed: {}",
                said(error)
            ))?;
            Ok(Completion::default())
        }
    }
}
