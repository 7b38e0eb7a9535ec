//! The failure of a newer commit, whose own gate held because this run was not finished.

use super::earlier::Earlier;
use super::failing::{self, Looking};
use super::{Situation, base, observed_ledger, pages, steps};
use crate::adapters::image_cache::ImageCache;
use crate::cli::Inputs;
use crate::commands::clients::Clients;
use crate::commands::session::Session;
use crate::evidence::data::DataEvidence;
use crate::evidence::probes::Probes;
use crate::evidence::reports::ReportEvidence;
use crate::evidence::{Evidence, Occasion, StoredFailure};
use crate::observe::world::World;
use crate::policy::{self, Decision};
use crate::state::{Outcome, StoredVerdict};

/// Finds the failure that another gate has left to this one: that of the effective head, above the
/// tested commit, which did not fail. Its gate waited for this run, and no other run comes.
pub(super) fn by_its_gate(evidence: &Evidence, decision: &Decision) -> Option<StoredVerdict> {
    let head = &evidence.effective_head;
    let above = evidence.above.iter().any(|above| above.commit == *head);
    let not_failed = decision.outcome != Some(Outcome::Failed);
    let stored = evidence.state.verdicts.get(head).filter(|stored| match stored.outcome {
        Outcome::Failed => true,
        Outcome::Passed => false,
    })?;
    (evidence.occasion == Occasion::Push && above && not_failed).then(|| stored.clone())
}

/// Observes, decides and plans the failure that another gate has stored, as its own gate would do
/// it now. `None` where it is not there any more, or not what the branch shows.
pub(in crate::commands) async fn assess_left(
    session: &mut Session,
    clients: &Clients,
    inputs: &Inputs,
    left: &StoredVerdict,
) -> anyhow::Result<Option<Situation>> {
    let world = World::fetch(&session.git, &session.config)?;
    if world.state.state.verdicts.get(&left.commit) != Some(left) {
        return Ok(None);
    }
    let ledger = observed_ledger(session, &world)?;
    let (occasion, none) = (Occasion::Push, Earlier::default());
    let mut evidence =
        base::base_evidence(session, &world, &ledger, &left.commit, &[], occasion, &none)?;
    if evidence.effective_head != left.commit {
        return Ok(None);
    }
    // Reports and figures of this run are of another commit.
    evidence.reports = ReportEvidence::default();
    evidence.metrics = Vec::new();
    evidence.run = left.run.clone();
    evidence.stored_failure = Some(StoredFailure {
        commit: left.commit.clone(),
        run: left.run.clone(),
        reasons: left.reasons.clone(),
    });
    let results = base::job_results(session, inputs, &[])?;
    let needs = results.iter().map(|job| job.name.clone()).collect();
    let looking = Looking { github: clients.github.as_ref(), world: &world, needs };
    let keep = failing::observe(session, &looking, &ledger, &mut evidence).await?;
    let decision = policy::decide(&evidence, &session.config);
    tracing::info!(verdict = decision.verdict.word(), commit = %decision.commit, "decided");
    let news = pages::observe(session, clients, &evidence, &decision).await;
    let plan = steps::make_plan(session, &world, &evidence, &decision, keep, &news)?;
    let (images, flaky, run) = (ImageCache::default(), Vec::new(), evidence.run);
    let (probes, data) = (Probes::NotRun, DataEvidence::NotRun);
    Ok(Some(Situation {
        world,
        decision,
        plan,
        images,
        left: None,
        flaky,
        probes,
        data,
        data_alone: None,
        run,
    }))
}
