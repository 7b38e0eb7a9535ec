//! Turns a decision into a plan.

use super::pages::News;
use super::retry::retry_steps;
use crate::commands::announce;
use crate::commands::session::Session;
use crate::evidence::Evidence;
use crate::evidence::data::DataEvidence;
use crate::evidence::flaky::flaky;
use crate::observe::world::World;
use crate::plan::{self, Basis, MainRollback, NewData, Plan, Promotion, Step};
use crate::policy::{Decision, Reason, Verdict};
use crate::state::{FORMAT, Outcome, State, StateChange, StoredVerdict};

/// Turns a decision into steps.
pub(super) fn make_plan(
    session: &Session,
    world: &World,
    evidence: &Evidence,
    decision: &Decision,
    keep: Vec<String>,
    news: &News,
) -> anyhow::Result<Plan> {
    let state = &world.state.state;
    let mut steps = if decision.binding {
        match decision.verdict {
            Verdict::Promote => {
                plan::promotion(promotion(session, evidence), state, &session.config)?
            }
            Verdict::Rollback => rollback_steps(session, evidence, decision, state, keep),
            Verdict::Hold | Verdict::Superseded => {
                stored_verdict(session, evidence, decision).into_iter().collect()
            }
            Verdict::Retry => retry_steps(session, evidence),
        }
    } else {
        Vec::new()
    };
    if decision.binding
        && let Some(facts) =
            announce::of_decision(session, evidence, decision, news.github, &news.pages)
    {
        plan::announce(&mut steps, facts, state, &session.config);
    }
    Ok(Plan {
        version: plan::FORMAT,
        verdict: decision.verdict,
        commit: decision.commit.clone(),
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
        basis: Basis {
            branch: session.config.branch.clone(),
            head: evidence.head.clone(),
            state: world.state.head.clone(),
            release: state.newest_number(),
        },
        steps,
    })
}

fn promotion(session: &Session, evidence: &Evidence) -> Promotion {
    let images = evidence.release.iter().flat_map(|release| &release.images);
    Promotion {
        commit: evidence.tested.clone(),
        tree: evidence.tree.clone(),
        images: images
            .filter_map(|image| {
                Some((image.image.clone(), image.digest.clone()?, image.stable.clone()))
            })
            .collect(),
        data: new_data(&evidence.data),
        metrics: evidence.figures(),
        checks: checks(evidence),
        flaky: flaky(evidence, &session.config),
        probes_waived: None,
        run: evidence.run.clone(),
        run_url: session.run.as_ref().and_then(crate::actions::Run::url),
        now: session.now,
        by: session.actor(),
        reason: None,
        override_reason: None,
    }
}

/// Returns the data that is published with the release.
pub(in crate::commands) fn new_data(found: &DataEvidence) -> Option<NewData> {
    let data = found.candidate()?.clone();
    let uploaded = matches!(found, DataEvidence::Uploaded { .. });
    Some(NewData { data, uploaded })
}

/// Says what passed, in the words of the ledger.
fn checks(evidence: &Evidence) -> Vec<String> {
    let jobs = evidence.jobs.required.iter().map(|job| job.name.clone());
    let reports = evidence
        .reports
        .reports
        .iter()
        .map(|report| format!("{} tests in {}", report.tests - report.skipped, report.path));
    jobs.chain(reports).chain(evidence.probes.in_words()).chain(evidence.data.in_words()).collect()
}

fn rollback_steps(
    session: &Session,
    evidence: &Evidence,
    decision: &Decision,
    state: &State,
    keep: Vec<String>,
) -> Vec<Step> {
    let (Some(failure), Some(good)) = (&evidence.failure, &decision.good) else {
        return Vec::new();
    };
    let rollback = MainRollback {
        head: evidence.head.clone(),
        failed: failure.commit.clone(),
        good: good.clone(),
        range: failure.range.clone(),
        keep,
        reason: short_reason(&decision.reasons),
        run: evidence.run.clone(),
        now: session.now,
        by: session.actor(),
        by_hand: false,
        with_stable: false,
    };
    plan::main_rollback(rollback, state, &session.config)
}

/// Says in a few words what failed.
fn short_reason(reasons: &[Reason]) -> String {
    let shown: Vec<String> = reasons.iter().take(3).map(ToString::to_string).collect();
    let mut text = shown.join("; ");
    if reasons.len() > shown.len() {
        text.push_str("; and more");
    }
    text
}

/// Notes what was found of a commit, for the gates that come later.
fn stored_verdict(session: &Session, evidence: &Evidence, decision: &Decision) -> Option<Step> {
    let outcome = decision.outcome?;
    let says_nothing_new = |reason: &Reason| {
        matches!(
            reason,
            Reason::PassedBefore { .. }
                | Reason::SameTreeAsPassed { .. }
                | Reason::CauseInKeptPaths { .. }
                | Reason::RolledBackAlready { .. }
        )
    };
    if decision.reasons.iter().any(says_nothing_new) {
        return None;
    }
    // What another gate has stored about a commit above is not this gate's to repeat.
    if outcome == Outcome::Failed && decision.commit != evidence.tested {
        return None;
    }
    let known = evidence.state.verdicts.get(&evidence.tested);
    // A later attempt of the same run says so: others wait until its gate has decided.
    let own = session.identity();
    let is_later =
        |known: &StoredVerdict| known.run.id == own.id && known.run.attempt < own.attempt;
    if known.is_some_and(|known| known.outcome == outcome && !is_later(known)) {
        return None;
    }
    let verdict = StoredVerdict {
        version: FORMAT,
        commit: evidence.tested.clone(),
        outcome,
        reasons: decision.reasons.iter().map(ToString::to_string).collect(),
        run: own,
        created: session.now,
    };
    Some(Step::WriteState {
        change: StateChange { verdict: Some(verdict), ..StateChange::default() },
    })
}
