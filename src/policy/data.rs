//! Rules of the data: a step or a check that did not pass holds, and so does data that cannot be
//! had. None of them ever reverts anything: a stale feed is not the code's fault.
//!
//! 1. As long as the data was not made, nothing else at all being in the way, it is wanted: it takes
//!    its time, and during a hold or a freeze nobody would get it.
//! 2. For pull requests and merge queues it is never wanted: nothing is promoted.
//! 3. Whether the commit counts as passed does not depend on it.

use super::{Decision, Reason, Verdict};
use crate::config::Config;
use crate::data::Outcome;
use crate::evidence::data::DataEvidence;
use crate::evidence::{Evidence, Occasion};
use crate::model::{DataVersion, Digest};
use crate::state::{RecordKind, State};

/// Returns what is in the way of a promotion, where nothing else is.
pub(super) fn holds(evidence: &Evidence, config: &Config) -> Vec<Reason> {
    if evidence.occasion == Occasion::ReportOnly {
        return Vec::new();
    }
    let mut reasons = unfit(&evidence.data, config);
    reasons.extend(quarantined(&evidence.data, &evidence.state, evidence.now));
    reasons.extend(superseded(&evidence.data, &evidence.state));
    reasons
}

/// Returns why nothing is released over the newest record: readers may be served other data than it
/// names.
pub(super) fn pending(evidence: &Evidence) -> Option<Reason> {
    let why = evidence.pending_data.clone()?;
    Some(Reason::DataPending { release: evidence.state.newest_number(), why })
}

/// Returns why the version is too old: data alone was released after it was made. Older data must not
/// come over newer.
fn superseded(found: &DataEvidence, state: &State) -> Option<Reason> {
    let (own, live) = (&found.candidate()?.version, state.newest()?);
    let newer = match live.kind {
        RecordKind::Data { .. } => live.created > own.created,
        RecordKind::Promotion | RecordKind::Rollback { .. } => false,
    };
    let other = live.data.as_ref().is_some_and(|live| live.version.version != own.version);
    (newer && other).then_some(Reason::NewerDataReleased { release: live.number })
}

/// Tells whether a gate whose commit passed found it live already, as the newest release or below data
/// that was released alone.
pub(super) fn is_live_already(decision: &Decision, state: &State) -> bool {
    let released = |reason: &Reason| matches!(reason, Reason::AlreadyReleased { .. });
    decision.verdict == Verdict::Superseded
        && decision.binding
        && decision.reasons.iter().all(released)
        && state.newest().is_some_and(|live| live.commit == decision.commit)
}

/// Tells whether readers have a version, by the newest release.
pub(super) fn is_served(state: &State, version: &DataVersion) -> bool {
    let live = state.newest().and_then(|live| live.data.as_ref());
    live.is_some_and(|live| live.version.version == *version)
}

/// Returns what is wrong with the data, or missing of it.
pub(super) fn unfit(found: &DataEvidence, config: &Config) -> Vec<Reason> {
    match found {
        DataEvidence::NotRun if config.publishes_data() => vec![Reason::DataNotReady],
        DataEvidence::NotRun | DataEvidence::Uploaded { .. } => Vec::new(),
        DataEvidence::Failed { why } => {
            vec![Reason::DataFailed { what: "its job".to_owned(), why: why.clone() }]
        }
        DataEvidence::Unknown { why } => {
            vec![Reason::DataUnknown { what: "the data".to_owned(), why: why.clone() }]
        }
        DataEvidence::Prepared { prepared, candidate } => {
            let reasons: Vec<Reason> = prepared
                .in_the_way()
                .filter_map(|(name, outcome)| {
                    let what = name.to_owned();
                    match outcome {
                        Outcome::Passed => None,
                        Outcome::Failed { why } => {
                            Some(Reason::DataFailed { what, why: why.clone() })
                        }
                        Outcome::Inconclusive { why } => {
                            Some(Reason::DataUnknown { what, why: why.clone() })
                        }
                    }
                })
                .collect();
            // Nothing in the way, and nothing to publish either, proves nothing.
            if reasons.is_empty() && candidate.is_none() {
                return vec![Reason::DataNotReady];
            }
            reasons
        }
    }
}

/// Returns why the version may not be published.
pub(super) fn quarantined(
    found: &DataEvidence,
    state: &State,
    now: jiff::Timestamp,
) -> Option<Reason> {
    let candidate = &found.candidate()?.version;
    let own = candidate.digest()?;
    let quarantine = |digest: Digest| {
        let why = state.quarantine_of_digest(&digest, now)?.to_owned();
        Some(Reason::DigestQuarantined { digest, why })
    };
    quarantine(own).or_else(|| {
        // Copies of a large database never have the same bytes. What readers have already is theirs.
        let content =
            candidate.content.as_ref().filter(|_| !is_served(state, &candidate.version))?;
        let released = state.records.values().filter_map(|record| record.data.as_ref());
        released
            .filter(|data| data.version.content.as_ref() == Some(content))
            .find_map(|data| quarantine(data.version.digest()?))
    })
}

/// Says what a report that makes no data leaves out.
pub(super) fn warning(evidence: &Evidence, config: &Config) -> Option<String> {
    let left_out = evidence.occasion == Occasion::ReportOnly && config.publishes_data();
    left_out.then(|| {
        "the data is made and checked for the protected branch only, and not here".to_owned()
    })
}
