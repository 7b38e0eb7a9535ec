//! From evidence to a verdict, without any I/O.
//!
//! 1. Collect conclusive failures: one outweighs everything that is missing.
//! 2. A failure is, in this order: superseded, held, tried again, rolled back.
//! 3. Without a failure: what is released already is superseded; what is missing holds; every
//!    stop holds; the rest is promoted.
//! 4. Where the configuration asks for probes, nothing passes before they have been run;
//!    [`wants_probes`] says when that is due.
//!
//! 5. The same for the data that a release publishes, after everything else: [`wants_data`].
//!
//! Every rule is a file below; each returns named reasons and knows nothing of the others.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::evidence::data::DataEvidence;
use crate::evidence::freeze::OpenWindow;
use crate::evidence::probes::Probes;
use crate::evidence::{Evidence, Occasion};
use crate::model::{CommitSha, DataVersion};
use crate::state::{Outcome, State};

pub mod bake;
mod by_hand;
mod checks;
pub(crate) mod data;
mod descent;
mod environment;
mod failures;
mod images;
pub mod last_good;
mod markers;
pub mod metrics;
mod missing;
mod probes;
mod reason;
mod rollback_limit;
mod stops;
mod superseded;
mod undecided;

pub use by_hand::{ByHand, by_hand, by_hand_hint};
pub use reason::Reason;

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The candidate becomes stable.
    Promote,
    /// Main gets the tree of the last good commit back.
    Rollback,
    /// The failed jobs are tried again first.
    Retry,
    /// Nothing is promoted, nothing is reverted.
    Hold,
    /// Another commit decides, or nothing is left to do.
    Superseded,
}

impl Verdict {
    /// Returns the word of the design.
    pub fn word(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::Retry => "retry",
            Self::Hold => "hold",
            Self::Superseded => "superseded",
        }
    }
}

/// A verdict with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decision {
    /// What is to happen.
    pub verdict: Verdict,
    /// Why.
    pub reasons: Vec<Reason>,
    /// What should be known, but decides nothing.
    pub warnings: Vec<String>,
    /// The commit that it is about: the tested one, or a failed one above it.
    pub commit: CommitSha,
    /// What was found of that commit, for gates that come later.
    pub outcome: Option<Outcome>,
    /// The last good commit, where one was looked for and found.
    pub good: Option<CommitSha>,
    /// `false` for pull requests and merge queues: nothing is carried out.
    pub binding: bool,
}

/// Tells whether anything has conclusively failed.
pub fn has_failure(evidence: &Evidence) -> bool {
    !failures::conclusive(evidence).is_empty()
}

/// Tells whether the probes have to be run now: nothing else is wrong with the candidate, so that
/// all depends on them.
pub fn wants_probes(evidence: &Evidence, config: &Config) -> bool {
    let decision = decide(evidence, config);
    decision.reasons.contains(&Reason::ProbesNotRun) && evidence.probes == Probes::NotRun
}

/// Tells whether the data has to be made and checked now: nothing else is in the way at all.
/// `named`: whether somebody names a data version, which then is released even where the
/// configuration publishes data separately.
pub fn wants_data(evidence: &Evidence, config: &Config, named: bool) -> bool {
    let decision = decide(evidence, config);
    let passes = named && decision.verdict == Verdict::Promote && decision.binding;
    let waits = decision.reasons == [Reason::DataNotReady];
    (passes || waits) && evidence.data == DataEvidence::NotRun
}

/// Returns what the data of a promotion by hand, or of a release of data alone, forbids.
/// `overridden`: whether a person has waived quarantines.
pub fn unfit_data(
    found: &DataEvidence,
    config: &Config,
    state: &State,
    now: Timestamp,
    overridden: bool,
) -> Vec<Reason> {
    let mut reasons = data::unfit(found, config);
    if !overridden {
        reasons.extend(data::quarantined(found, state, now));
    }
    reasons
}

/// Tells whether a data version is named for the code that is live already, and readers do not have it:
/// then it is released alone.
pub fn is_data_of_live_code(decision: &Decision, state: &State, named: &DataVersion) -> bool {
    data::is_live_already(decision, state) && !data::is_served(state, named)
}

/// Warns that a data version was named and not released: its commit had nothing left to do, and
/// is not what is live.
pub fn left_out_data(decision: &Decision, state: &State, named: &DataVersion) -> Option<String> {
    let left_out = decision.verdict == Verdict::Superseded
        && !data::is_live_already(decision, state)
        && !data::is_served(state, named);
    left_out.then(|| {
        format!("{named} was not released: {} is not what is live, and readers keep the data of release {}; `tidegate data restore --to {named}` lets the live code read it", decision.commit.short(), state.newest_number())
    })
}

/// Warns that no data was made for a commit that is live already, where its releases publish data.
/// `why`: what the job said that makes it, where a job does.
pub fn no_new_data(
    decision: &Decision,
    config: &Config,
    state: &State,
    why: Option<&str>,
) -> Option<String> {
    if !config.publishes_data() || !data::is_live_already(decision, state) {
        return None;
    }
    let (layer, ..) = config.data.as_ref()?.database()?;
    let commit = decision.commit.short();
    Some(match why {
        Some(why) => format!("no new data was released: {why}"),
        None => format!(
            "{commit} is live already, so no new data was made; `tidegate sync --layer {layer}` makes, checks and releases it for the live code"
        ),
    })
}

/// Returns what stops a release of data alone: holds and freezes, as for every promotion.
pub fn stops_of_data(state: &State, freezes: &[OpenWindow], now: Timestamp) -> Vec<Reason> {
    stops::holds_and_freezes(state, freezes, now)
}

/// Returns what the probes of a promotion by hand forbid: what failed, and what is not known.
pub fn unfit_probes(found: &Probes, config: &Config) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = probes::failures(found).collect();
    if config.has_probes() {
        reasons.extend(probes::missing(found, config));
    }
    reasons
}

/// Decides.
pub fn decide(evidence: &Evidence, config: &Config) -> Decision {
    let failures = failures::conclusive(evidence);
    let mut decision = if failures.is_empty() {
        without_failure(evidence, config)
    } else {
        after_failure(evidence, config, failures)
    };
    decision.binding = evidence.occasion != Occasion::ReportOnly;
    decision.warnings.extend(evidence.warnings.iter().cloned());
    decision.warnings.extend(markers::warnings(evidence));
    decision.warnings.extend(probes::warning(evidence, config));
    decision.warnings.extend(data::warning(evidence, config));
    decision
}

fn after_failure(evidence: &Evidence, config: &Config, failures: Vec<Reason>) -> Decision {
    let failed = evidence.failure.as_ref();
    let commit = failed.map_or(&evidence.tested, |failure| &failure.commit).clone();
    let good = failed.and_then(|failure| last_good::choose(&failure.good));
    let decision = |verdict, mut reasons: Vec<Reason>, mut more: Vec<Reason>| {
        reasons.append(&mut more);
        Decision {
            verdict,
            reasons,
            warnings: failed.map(|f| f.good.warnings.clone()).unwrap_or_default(),
            commit: commit.clone(),
            outcome: Some(Outcome::Failed),
            good: good.map(|good| good.commit.clone()),
            binding: true,
        }
    };
    if let Some(superseded) = superseded::by_a_newer_run(evidence) {
        return decision(Verdict::Superseded, failures, vec![superseded]);
    }
    if evidence.occasion == Occasion::Scheduled {
        return decision(Verdict::Hold, failures, vec![Reason::OnlyPushesRollBack]);
    }
    let mut holds = environment::holds(evidence, config, good);
    holds.extend(rollback_limit::forbids(evidence));
    if !holds.is_empty() {
        return decision(Verdict::Hold, failures, holds);
    }
    let head_shows_it = failed.is_some_and(|failure| failure.head_shows_it);
    if commit != evidence.effective_head && !head_shows_it {
        let head = evidence.effective_head.clone();
        return decision(Verdict::Hold, failures, vec![Reason::NotTheEffectiveHead { head }]);
    }
    if evidence.run.attempt <= config.rollback.retries {
        let left = config.rollback.retries - evidence.run.attempt + 1;
        return decision(Verdict::Retry, failures, vec![Reason::RetriesLeft { left }]);
    }
    decision(Verdict::Rollback, failures, Vec::new())
}

fn without_failure(evidence: &Evidence, config: &Config) -> Decision {
    let decision = |verdict, reasons, outcome| Decision {
        verdict,
        reasons,
        warnings: Vec::new(),
        commit: evidence.tested.clone(),
        outcome,
        good: None,
        binding: true,
    };
    let mut missing = missing::evidence(evidence);
    missing.extend(checks::holds(evidence));
    if !missing.is_empty() {
        return decision(Verdict::Hold, missing, None);
    }
    if let Some(done) = superseded::by_a_release(evidence) {
        return decision(Verdict::Superseded, vec![done], None);
    }
    let mut holds = images::holds(evidence);
    holds.extend(markers::holds(evidence, config));
    holds
        .extend(evidence.release.iter().flat_map(|own| rollback_limit::holds(&own.declared_limit)));
    // Where something else is wrong, they are not even run.
    if holds.is_empty() {
        holds.extend(probes::holds(evidence, config));
    }
    // What is left says nothing about the commit: it passed, and a later gate may rely on that.
    let on_branch = evidence.release.as_ref().is_some_and(|release| release.on_branch);
    let passed = (holds.is_empty() && on_branch).then_some(Outcome::Passed);
    holds.extend(stops::holds(evidence));
    holds.extend(descent::holds(evidence));
    holds.extend(undecided::holds(evidence));
    holds.extend(data::pending(evidence));
    // The last of all: it takes its time, and a step may change what others read.
    if holds.is_empty() {
        holds.extend(data::holds(evidence, config));
    }
    if holds.is_empty() {
        return decision(Verdict::Promote, Vec::new(), Some(Outcome::Passed));
    }
    decision(Verdict::Hold, holds, passed)
}

#[cfg(test)]
mod tests;
