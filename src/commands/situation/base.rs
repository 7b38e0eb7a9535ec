//! The part of the evidence that every decision needs.

use std::collections::BTreeMap;

use anyhow::Context as _;

use crate::cli::{self, Assumption, Inputs, Needs};
use crate::commands::session::Session;
use crate::evidence::jobs::{Conclusion, JobEvidence, JobResult};
use crate::evidence::metrics::MetricObservation;
use crate::evidence::{Evidence, Occasion};
use crate::exit::{Exit, OrFailed as _};
use crate::ledger::{EntryStatus, Ledger};
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::observe::{failure, freeze, jobs, metrics, reports};
use crate::state::State;

/// Reads the results of jobs: those of `needs`, with the assumptions of a drill.
pub(super) fn job_results(
    session: &Session,
    inputs: &Inputs,
    assume: &[Assumption],
) -> anyhow::Result<Vec<JobResult>> {
    let text = match &inputs.needs {
        Some(Needs::Json(text)) => Some(text.clone()),
        Some(Needs::File(path)) => Some(
            std::fs::read_to_string(path)
                .with_context(|| {
                    format!("cannot read the results of the jobs in {}", path.display())
                })
                .or_exit(Exit::BadInput)?,
        ),
        None => None,
    };
    let mut results = text.map_or(Ok(Vec::new()), |text| jobs::parse(&text))?;
    for assumption in assume {
        results.retain(|job| job.name != assumption.job);
        results.push(JobResult {
            name: assumption.job.clone(),
            conclusion: conclusion(assumption.result),
            outputs: BTreeMap::new(),
        });
    }
    if !assume.is_empty() && inputs.needs.is_none() {
        // A drill says what it changes; everything else is taken to have passed.
        for name in session.config.require.jobs.iter().flatten() {
            if results.iter().all(|job| job.name != *name) {
                results.push(JobResult {
                    name: name.clone(),
                    conclusion: Conclusion::Success,
                    outputs: BTreeMap::new(),
                });
            }
        }
    }
    Ok(results)
}

fn conclusion(result: cli::JobResult) -> Conclusion {
    match result {
        cli::JobResult::Success => Conclusion::Success,
        cli::JobResult::Failure => Conclusion::Failure,
        cli::JobResult::Cancelled => Conclusion::Cancelled,
        cli::JobResult::Skipped => Conclusion::Skipped,
    }
}

/// Observes everything but the candidate and the failure.
pub(super) fn base_evidence(
    session: &Session,
    world: &World,
    ledger: &Ledger,
    tested: &CommitSha,
    results: &[JobResult],
    occasion: Occasion,
) -> anyhow::Result<Evidence> {
    let (git, config) = (&session.git, &session.config);
    let head = world.head(config)?;
    let state = &world.state.state;
    let metrics = config
        .metrics
        .iter()
        .map(|metric| MetricObservation {
            config: metric.clone(),
            value: metrics::read(&session.root, metric),
            last_good: baseline(state, ledger, &metric.name).last().copied(),
            history: baseline(state, ledger, &metric.name),
        })
        .collect();
    let mut warnings = Vec::new();
    if session.run.is_some() && !git.has_commit(head) {
        warnings.push(format!("the head of {} could not be fetched", config.branch));
    }
    Ok(Evidence {
        now: session.now,
        run: session.identity(),
        occasion,
        branch: config.branch.clone(),
        tested: tested.clone(),
        tree: git.commit(tested)?.tree,
        head: head.clone(),
        effective_head: git.effective_head(head, &config.ledger.path)?,
        above: failure::above(git, config, state, tested, head)?,
        jobs: JobEvidence::new(results, config.require.jobs.as_deref()),
        reports: reports::collect(&session.root, &config.require.reports, None)?,
        metrics,
        freezes: freeze::open_windows(&config.freeze, session.now)?,
        state: state.clone(),
        release: None,
        failure: None,
        warnings,
    })
}

/// Returns the values of a metric in past releases, oldest first: from records, and from the
/// ledger only where there are none.
fn baseline(state: &State, ledger: &Ledger, name: &str) -> Vec<f64> {
    let promotions = state.records.values().filter(|record| record.kind.is_promotion());
    if state.records.is_empty() {
        return ledger
            .entries
            .iter()
            .filter(|entry| entry.status == EntryStatus::Passed)
            .filter_map(|entry| entry.metrics().get(name).copied())
            .collect();
    }
    promotions.filter_map(|record| record.metrics.get(name).copied()).collect()
}
