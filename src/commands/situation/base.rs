//! The part of the evidence that every decision needs.

use std::collections::BTreeMap;

use anyhow::Context as _;
use jiff::Timestamp;

use super::earlier::Earlier;
use crate::cli::{self, Assumption, Inputs, Needs};
use crate::commands::session::Session;
use crate::evidence::data::DataEvidence;
use crate::evidence::jobs::{Conclusion, JobEvidence, JobResult};
use crate::evidence::metrics::MetricObservation;
use crate::evidence::probes::Probes;
use crate::evidence::{Evidence, Occasion};
use crate::exit::{Exit, Failed, OrFailed as _};
use crate::ledger::{EntryStatus, Ledger};
use crate::model::CommitSha;
use crate::observe::world::World;
use crate::observe::{failure, freeze, jobs, metrics};
use crate::state::{Record, State};

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
        refuse_unknown(session, &results, &assumption.job, inputs.needs.is_some())?;
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

/// A drill with a misspelt job would prove nothing.
fn refuse_unknown(
    session: &Session,
    results: &[JobResult],
    job: &str,
    with_needs: bool,
) -> anyhow::Result<()> {
    let required = session.config.require.jobs.as_deref();
    let known: Vec<&str> = results
        .iter()
        .map(|result| result.name.as_str())
        .chain(required.into_iter().flatten().map(String::as_str))
        .collect();
    if known.contains(&job) || (required.is_none() && !with_needs) {
        return Ok(());
    }
    let error = format!("no job is called {job:?}; there are {}", known.join(", "));
    Err(Failed::new(Exit::Usage, error).into())
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
    earlier: &Earlier,
) -> anyhow::Result<Evidence> {
    let (git, config) = (&session.git, &session.config);
    let head = world.head(config)?;
    let state = &world.state.state;
    let metrics = config
        .metrics
        .iter()
        .map(|metric| {
            let (last_good, history) = baseline(state, ledger, &metric.name, session.now);
            let value = metrics::read(&session.root, metric);
            MetricObservation { config: metric.clone(), value, last_good, history }
        })
        .collect();
    let (reports, warnings) = earlier.reports(session, results)?;
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
        checks: Vec::new(),
        stored_failure: None,
        reports,
        metrics,
        probes: Probes::NotRun,
        data: DataEvidence::NotRun,
        pending_data: None,
        freezes: freeze::open_windows(&config.freeze, session.now)?,
        state: state.clone(),
        release: None,
        failure: None,
        warnings,
    })
}

/// Returns the value of a metric in what is live, and in past releases, oldest first: from
/// records, and from the ledger only where there are none. A release that was rolled back is no
/// baseline: its figures may be what was wrong with it.
fn baseline(state: &State, ledger: &Ledger, name: &str, now: Timestamp) -> (Option<f64>, Vec<f64>) {
    let Some(live) = state.newest() else {
        let history: Vec<f64> = ledger
            .entries
            .iter()
            .filter(|entry| entry.status == EntryStatus::Passed)
            .filter_map(|entry| entry.metrics().get(name).copied())
            .collect();
        return (history.last().copied(), history);
    };
    let stands = |record: &&Record| {
        record.kind.is_promotion()
            && state.quarantine(&record.commit, now).is_none()
            && !state.is_rolled_back(&record.commit)
    };
    let history = state
        .records
        .values()
        .filter(stands)
        .filter_map(|record| record.metrics.get(name).copied())
        .collect();
    (live.metrics.get(name).copied(), history)
}
