//! Where things are, when a bad commit has changed where things are.
//!
//! A rollback is decided by the last good commit's configuration, and that commit is found by the
//! protected branch, the ledger and the state branch, which the configuration names. So a version
//! of the file counts whose places lead to a good commit with the same places.

use super::{good, observed_ledger};
use crate::actions::Run;
use crate::commands::session::Session;
use crate::config::{CONFIG_PATH, Config, LedgerConfig};
use crate::evidence::jobs::{Conclusion, JobResult};
use crate::model::{BranchName, CommitSha};
use crate::observe::good::GoodQuery;
use crate::observe::world::World;
use crate::policy::last_good;

/// At most so many commits are looked back.
const COMMITS: usize = 200;

/// At most so many versions are tried.
const VERSIONS: usize = 5;

/// The part of a configuration that says where things are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) struct Places {
    branch: BranchName,
    stable: BranchName,
    state: BranchName,
    ledger: LedgerConfig,
    remote: String,
}

impl Places {
    fn of(config: &Config) -> Self {
        Self {
            branch: config.branch.clone(),
            stable: config.stable_branch.clone(),
            state: config.state_branch.clone(),
            ledger: config.ledger.clone(),
            remote: config.remote.clone(),
        }
    }

    /// Puts these places into a configuration.
    pub(in crate::commands) fn put_into(&self, config: &mut Config) {
        config.branch.clone_from(&self.branch);
        config.stable_branch.clone_from(&self.stable);
        config.state_branch.clone_from(&self.state);
        config.ledger.clone_from(&self.ledger);
        config.remote.clone_from(&self.remote);
    }
}

/// Where a job has failed and the tested commit, or one shortly below it, has changed the places:
/// lets the session work in those of the last good commit. Changes nothing where none is found.
pub(in crate::commands) fn settle(session: &mut Session, tested: &str, results: &[JobResult]) {
    let failed = results.iter().any(|job| job.conclusion == Conclusion::Failure);
    if !failed || session.has_explicit_config() {
        return;
    }
    if session.git.is_shallow() {
        // Whatever comes of it: the versions below the tested commit are wanted, where they can
        // be had.
        let branch = session.run.as_ref().and_then(Run::branch);
        let branch = branch.unwrap_or_else(|| session.config.branch.clone());
        let _ = session.git.fetch(&[&branch]);
    }
    let Some(tested) = session.git.local_commit(tested) else { return };
    let versions = versions(session, &tested);
    if versions.len() == 1 && versions.first() == Some(&Places::of(&session.config)) {
        return;
    }
    for places in versions.into_iter().take(VERSIONS) {
        if leads_to_itself(session, &places, &tested).unwrap_or(false) {
            session.work_in(Some(places));
            return;
        }
    }
    session.work_in(None);
}

/// The places of the file's readable versions along the first parents, newest first, without
/// repetitions. Nothing is fetched for it: a partial clone knows fewer versions.
fn versions(session: &Session, tested: &CommitSha) -> Vec<Places> {
    let mut known: Vec<Places> = Vec::new();
    let mut last = None;
    for commit in session.git.first_parents(None, tested, COMMITS).unwrap_or_default() {
        let Ok(bytes) = session.git.file_here(&commit, CONFIG_PATH) else { break };
        if last.as_ref() == Some(&bytes) {
            continue;
        }
        let config = match &bytes {
            Some(bytes) => Config::parse(bytes, CONFIG_PATH).ok(),
            None => Some(Config::default()),
        };
        last = Some(bytes);
        if let Some(config) = config {
            let places = Places::of(&session.settled(config));
            if !known.contains(&places) {
                known.push(places);
            }
        }
    }
    known
}

/// Tells whether these places lead to a good commit that has the same ones.
fn leads_to_itself(
    session: &mut Session,
    places: &Places,
    tested: &CommitSha,
) -> anyhow::Result<bool> {
    session.work_in(Some(places.clone()));
    let world = World::fetch(&session.git, &session.config)?;
    let ledger = observed_ledger(session, &world)?;
    let query = GoodQuery {
        head: world.head(&session.config)?,
        failed: Some(tested),
        branch: &session.config.branch,
        ledger_path: &session.config.ledger.path,
        state: &world.state.state,
        now: session.now,
    };
    let found = good::search(&session.git, &ledger, &query)?;
    let Some(good) = last_good::choose(&found) else { return Ok(false) };
    let config = match session.git.file_here(&good.commit, CONFIG_PATH)? {
        Some(bytes) => Config::parse(&bytes, CONFIG_PATH)?,
        None => Config::default(),
    };
    session.work_in(None);
    Ok(Places::of(&session.settled(config)) == *places)
}
