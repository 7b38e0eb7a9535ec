//! Rules of the probes: one that conclusively failed is a failure as a failed test is; one that
//! found nothing out holds; and nothing passes whose probes were not run.
//!
//! 1. As long as the probes have not run, nothing else being wrong, they are wanted. That is so
//!    during a hold or a freeze, too: what is noted as passed for later gates has to work.
//! 2. For pull requests and merge queues they are never wanted: nothing is promoted.
//! 3. A person may waive them.

use super::Reason;
use crate::config::Config;
use crate::evidence::probes::{ProbeFound, Probes};
use crate::evidence::{Evidence, Occasion};

/// Returns what conclusively failed.
pub(super) fn failures(probes: &Probes) -> impl Iterator<Item = Reason> {
    probes.results().iter().filter_map(|probe| match &probe.found {
        ProbeFound::Failed(failure) => {
            Some(Reason::ProbeFailed { probe: probe.name.clone(), what: failure.what.clone() })
        }
        ProbeFound::Passed { .. } | ProbeFound::Unknown { .. } => None,
    })
}

/// Returns what is missing.
pub(super) fn holds(evidence: &Evidence, config: &Config) -> Vec<Reason> {
    if evidence.occasion == Occasion::ReportOnly || !config.has_probes() {
        return Vec::new();
    }
    missing(&evidence.probes, config)
}

/// Returns what is missing of probes that have to be there.
pub(super) fn missing(probes: &Probes, config: &Config) -> Vec<Reason> {
    match probes {
        Probes::NotRun => vec![Reason::ProbesNotRun],
        Probes::Waived { .. } => Vec::new(),
        Probes::Ran { results } => {
            let unknown: Vec<Reason> = results
                .iter()
                .filter_map(|probe| match &probe.found {
                    ProbeFound::Unknown { why } => {
                        Some(Reason::ProbeUnknown { probe: probe.name.clone(), why: why.clone() })
                    }
                    ProbeFound::Passed { .. } | ProbeFound::Failed(_) => None,
                })
                .collect();
            // No result at all proves nothing either, whatever the configuration asks for.
            if unknown.is_empty() && (results.is_empty() || results.len() < config.smoke.len()) {
                return vec![Reason::ProbesNotRun];
            }
            unknown
        }
    }
}

/// Says what a report that runs no probes leaves out.
pub(super) fn warning(evidence: &Evidence, config: &Config) -> Option<String> {
    let left_out = evidence.occasion == Occasion::ReportOnly && config.has_probes();
    left_out.then(|| "the probes are run for the protected branch only, and not here".to_owned())
}
