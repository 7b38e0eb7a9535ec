//! Observes a failure: what GitHub says about runs, and the last good commit by its own
//! configuration.

use std::collections::BTreeSet;

use super::observed_ledger;
use crate::adapters::github::GitHub;
use crate::commands::session::Session;
use crate::evidence::rollback_limit::RollbackLimit;
use crate::evidence::runs::{Corroboration, RunsSeen};
use crate::evidence::{Evidence, FailureEvidence, Occasion};
use crate::ledger::Ledger;
use crate::model::CommitSha;
use crate::observe::failure::{self, FailureQuery, MAX_COMMITS};
use crate::observe::kept;
use crate::observe::rollback_limit;
use crate::observe::runs::Runs;
use crate::observe::world::World;
use crate::policy::last_good;
use crate::state::Outcome;

/// What every look at a failure needs.
pub(super) struct Looking<'a> {
    /// GitHub, where there is a token for it.
    pub(super) github: Option<&'a GitHub>,
    /// The remote and the state.
    pub(super) world: &'a World,
    /// The ids of the jobs that this gate needs.
    pub(super) needs: Vec<String>,
}

/// One look.
struct Seen {
    keep: Vec<String>,
    failure: FailureEvidence,
    warnings: Vec<String>,
}

/// Observes the failure, by the configuration of the last good commit where there is one, and
/// returns the patterns of kept paths.
pub(super) async fn observe(
    session: &mut Session,
    looking: &Looking<'_>,
    ledger: &Ledger,
    evidence: &mut Evidence,
) -> anyhow::Result<Vec<String>> {
    let mut runs = session.runs(looking.github, &looking.world.state.state);
    name_own_runs(&mut runs, evidence).await;
    let mut seen = look(session, looking, &mut runs, ledger, evidence).await?;
    if let Some(good) = last_good::choose(&seen.failure.good) {
        match session.config_at(&good.commit.clone()) {
            Ok(config) if config != session.config => {
                session.config = config;
                let ledger = observed_ledger(session, looking.world)?;
                seen = look(session, looking, &mut runs, &ledger, evidence).await?;
            }
            Ok(_) => {}
            Err(error) => evidence.warnings.push(format!(
                "the configuration of the last good commit cannot be read, so that of the tested one counts: {error:#}"
            )),
        }
    }
    evidence.warnings.append(&mut seen.warnings);
    // A failure above is decided as that commit's: its own run is the one to be tried again.
    let failed = &seen.failure.commit;
    let is_above = evidence.above.iter().any(|above| above.commit == *failed);
    if let Some(stored) = evidence.state.verdicts.get(failed).filter(|_| is_above) {
        evidence.run = stored.run.clone();
    }
    evidence.failure = Some(seen.failure);
    Ok(seen.keep)
}

/// Takes GitHub's word on which commits above have a run of their own. It is not asked where none
/// seems to have one: whatever it said, nothing would become more than a hold.
async fn name_own_runs(runs: &mut Runs<'_>, evidence: &mut Evidence) {
    if evidence.above.iter().all(|above| !above.own_run) {
        return;
    }
    let mut commits: BTreeSet<CommitSha> =
        evidence.above.iter().map(|above| above.commit.clone()).collect();
    commits.insert(evidence.tested.clone());
    match runs.list(&commits).await {
        seen @ RunsSeen::Listed { .. } => failure::name_own_runs(&mut evidence.above, seen),
        RunsSeen::Unavailable { why } | RunsSeen::Unanswered { why } => {
            evidence.warnings.push(format!(
                "which of the {} commits above {} have a run of their own could not be checked ({why}), so each counts as one that has, unless it says otherwise",
                evidence.above.len(),
                evidence.tested.short()
            ));
        }
        RunsSeen::NotAsked => {}
    }
}

async fn look(
    session: &Session,
    looking: &Looking<'_>,
    runs: &mut Runs<'_>,
    ledger: &Ledger,
    evidence: &Evidence,
) -> anyhow::Result<Seen> {
    let (git, config) = (&session.git, &session.config);
    let keep = kept::patterns(config, session.run.is_some());
    let query = FailureQuery {
        tested: &evidence.tested,
        head: &evidence.head,
        above: &evidence.above,
        state: &looking.world.state.state,
        keep: &keep,
        now: session.now,
    };
    let failed = failure::subject(git, config, &evidence.tested, &evidence.above)?;
    let mut search = failure::search(git, config, ledger, &query, &failed)?;
    let (mut said, mut warnings) = (Corroboration::default(), Vec::new());
    if may_roll_back(evidence) {
        let required =
            |commit: &CommitSha, path: &str| session.required(&looking.needs, commit, path);
        said = runs.corroborate(&mut search, &required).await;
        if let Some(good) = last_good::choose(&search) {
            let good = good.commit.clone();
            ask_in_between(session, runs, evidence, &good, &failed, &mut said, &mut warnings)
                .await?;
        }
    }
    let mut failure = failure::observe(git, config, ledger, &query, failed, search)?;
    failure.unfinished = said.unfinished.into_iter().collect();
    failure.unanswered = said.unanswered;
    failure.limits = limits(session, looking, &failure)?;
    Ok(Seen { keep, failure, warnings })
}

/// Finds who forbids going back to the last good commit: releases, and the failed commit itself.
fn limits(
    session: &Session,
    looking: &Looking<'_>,
    failure: &FailureEvidence,
) -> anyhow::Result<Vec<RollbackLimit>> {
    let Some(good) = last_good::choose(&failure.good) else { return Ok(Vec::new()) };
    let git = &session.git;
    let mut limits = rollback_limit::forbidding(git, &looking.world.state, &good.commit)?;
    // One that cannot be read has come to no promotion, and so to no command of its own.
    if let Ok(config) = session.config_at(&failure.commit) {
        limits.extend(rollback_limit::of_failed(git, &config, &failure.commit, &good.commit)?);
    }
    Ok(limits)
}

/// Tells whether a rollback can come of it at all, so that GitHub's word matters.
fn may_roll_back(evidence: &Evidence) -> bool {
    let superseded =
        evidence.deciding_above().is_some_and(|above| above.stored != Some(Outcome::Failed));
    // A schedule holds, and a pull request only reports.
    evidence.occasion == Occasion::Push && !superseded
}

/// Whether the gate of the latest attempt of a commit's run has stored what it found.
fn has_decided(evidence: &Evidence, seen: &RunsSeen, commit: &CommitSha) -> bool {
    let stored = evidence.state.verdicts.get(commit).map(|verdict| &verdict.run);
    stored
        .zip(seen.run(commit))
        .is_some_and(|(stored, run)| stored.id == run.id && stored.attempt >= run.attempt)
}

/// Asks which commits between good and failed have runs that have not ended: their gates decide
/// again. The failed commit counts too where its run is being tried again.
async fn ask_in_between(
    session: &Session,
    runs: &mut Runs<'_>,
    evidence: &Evidence,
    good: &CommitSha,
    failed: &CommitSha,
    said: &mut Corroboration,
    warnings: &mut Vec<String>,
) -> anyhow::Result<()> {
    let (git, config) = (&session.git, &session.config);
    let mut between = Vec::new();
    for commit in git.range(good, failed, MAX_COMMITS)? {
        // What a rollback took out is good for nothing whatever its run says, and its gate decides
        // nothing any more: to wait for it would be to wait for ever.
        let out = evidence.state.is_rolled_back(&commit);
        if commit != *failed && !out && failure::seems_to_run(git, config, &commit)? {
            between.push(commit);
        }
    }
    let stored = evidence.state.verdicts.get(failed);
    let of_another = evidence.stored_failure.is_some() || *failed != evidence.tested;
    let earlier = stored.filter(|_| of_another).map(|verdict| &verdict.run);
    if between.is_empty() && earlier.is_none() {
        return Ok(());
    }
    let newest = git.range(good, &evidence.head, MAX_COMMITS)?.into_iter().collect();
    let own = runs.own();
    match runs.list(&newest).await {
        seen @ RunsSeen::Listed { .. } => {
            // What goes on in a run whose gate has decided already changes nothing, and nobody would
            // be left to decide afterwards.
            between.retain(|commit| !has_decided(evidence, seen, commit));
            said.unfinished.extend(seen.unfinished(&between, own));
            let again = seen.run(failed).zip(earlier);
            if again.is_some_and(|(run, earlier)| !run.finished && run.attempt > earlier.attempt) {
                said.unfinished.insert(failed.clone());
            }
        }
        RunsSeen::Unanswered { why } => {
            said.unanswered.get_or_insert_with(|| {
                format!(
                    "whether the runs from {} to {} are finished: {why}",
                    good.short(),
                    failed.short()
                )
            });
        }
        RunsSeen::Unavailable { why } => warnings.push(format!(
            "whether the runs from {} to {} are finished could not be checked: {why}",
            good.short(),
            failed.short()
        )),
        RunsSeen::NotAsked => {}
    }
    Ok(())
}
