//! Judges one metric of a candidate.
//!
//! 1. A value that is missing, or a bound that is not a number, is missing evidence: hold.
//! 2. `min` and `max` are fixed bounds.
//! 3. `max_drop` is the largest change for the worse from the last good release.
//! 4. With five or more releases, the value may not be worse than their median by more than
//!    `noise` (three median absolute deviations where the key is absent), so that many small drops
//!    do not pass one by one. "Worse" is below for a metric whose higher values are better, and
//!    above for one whose higher values are worse.
//! 5. Without a baseline only the fixed bounds count.
//!
//! Where the baselines agree exactly, three deviations are zero: any change for the worse fails,
//! and the reason says how to allow one (`noise`). Differences below the rounding of the numbers
//! themselves never count.

use std::fmt;

use serde::Serialize;

use crate::config::{Direction, MetricConfig};
use crate::evidence::metrics::{MetricObservation, MetricProblem};

/// How many releases are needed before their median counts.
pub const BASELINE_RELEASES: usize = 5;

/// How many median absolute deviations are noise where the configuration does not say.
const DEFAULT_DEVIATIONS: f64 = 3.0;

/// The relative rounding of figures that went through decimal text and one subtraction.
const ROUNDING: f64 = 1e-12;

/// What one metric says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum MetricVerdict {
    /// It is within its bounds.
    Pass,
    /// It misses a bound: a conclusive failure.
    Fail {
        /// The bound it misses.
        why: MissedBound,
    },
    /// It says nothing.
    Missing {
        /// The reason.
        why: MetricProblem,
    },
}

/// The bound that a metric misses.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MissedBound {
    /// The name of the metric.
    pub metric: String,
    /// The candidate's value.
    pub value: f64,
    /// Which bound.
    pub bound: Bound,
}

/// A bound of a metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Bound {
    /// The fixed lower bound.
    Min {
        /// The smallest value that passes.
        min: f64,
    },
    /// The fixed upper bound.
    Max {
        /// The largest value that passes.
        max: f64,
    },
    /// The distance from the last good release.
    MaxDrop {
        /// The value of the last good release.
        last_good: f64,
        /// The largest change for the worse that passes.
        max_drop: f64,
    },
    /// The distance from the median of the last releases.
    Median {
        /// The median.
        median: f64,
        /// How many releases it is taken from.
        releases: usize,
        /// The largest change for the worse that passes.
        noise: f64,
    },
}

impl fmt::Display for MissedBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { metric, value, bound } = self;
        write!(f, "metric {metric:?} is {value}")?;
        match bound {
            Bound::Min { min } => write!(f, ", below its minimum {min}"),
            Bound::Max { max } => write!(f, ", above its maximum {max}"),
            Bound::MaxDrop { last_good, max_drop } => write!(
                f,
                ", worse than the last good release ({last_good}) by more than {max_drop}"
            ),
            Bound::Median { median, releases, noise } => {
                write!(
                    f,
                    ", worse than the median of the last {releases} releases ({median}) by more \
                     than {noise}"
                )?;
                if *noise <= 0.0 {
                    f.write_str(" (they show no noise; set `noise` to allow some)")?;
                }
                Ok(())
            }
        }
    }
}

/// Judges one metric by the rules at the top of this module.
pub fn judge(observation: &MetricObservation) -> MetricVerdict {
    let config = &observation.config;
    let value = match &observation.value {
        Ok(value) if value.is_finite() => *value,
        Ok(_) => {
            let why = MetricProblem::NotANumber {
                metric: config.name.clone(),
                file: config.file.clone(),
                pointer: config.pointer.clone(),
                found: "a value that is not finite".to_owned(),
            };
            return MetricVerdict::Missing { why };
        }
        Err(problem) => return MetricVerdict::Missing { why: problem.clone() },
    };
    if let Some(key) = bad_bound(config) {
        let why = MetricProblem::BadBound { metric: config.name.clone(), key: key.to_owned() };
        return MetricVerdict::Missing { why };
    }
    match missed(config, value, observation) {
        None => MetricVerdict::Pass,
        Some(bound) => {
            MetricVerdict::Fail { why: MissedBound { metric: config.name.clone(), value, bound } }
        }
    }
}

/// Returns the first bound that `value` misses: fixed bounds, then the last good release, then the
/// median.
fn missed(config: &MetricConfig, value: f64, observation: &MetricObservation) -> Option<Bound> {
    if let Some(min) = config.min.filter(|min| value < *min) {
        return Some(Bound::Min { min });
    }
    if let Some(max) = config.max.filter(|max| value > *max) {
        return Some(Bound::Max { max });
    }
    let last_good = observation.last_good.filter(|good| good.is_finite());
    if let (Some(last_good), Some(max_drop)) = (last_good, config.max_drop)
        && is_worse(config.higher_is, value, last_good, max_drop)
    {
        return Some(Bound::MaxDrop { last_good, max_drop });
    }
    let history: Vec<f64> =
        observation.history.iter().copied().filter(|past| past.is_finite()).collect();
    if history.len() < BASELINE_RELEASES {
        return None;
    }
    let releases = history.len();
    let median = median(history.clone());
    let noise = match (config.noise, deviation(&history, median)) {
        (Some(noise), _) => noise,
        // Equal values say nothing about the noise of the metric; see
        // docs/decisions/0004-no-noise-is-no-measure.md.
        (None, 0.0) => config.max_drop.unwrap_or_default(),
        (None, deviation) => DEFAULT_DEVIATIONS * deviation,
    };
    is_worse(config.higher_is, value, median, noise).then_some(Bound::Median {
        median,
        releases,
        noise,
    })
}

/// Returns the key of a bound that cannot be compared with: comparisons with NaN are all false, so
/// that such a bound would pass everything.
fn bad_bound(config: &MetricConfig) -> Option<&'static str> {
    let bounds = [
        ("min", config.min, f64::MIN),
        ("max", config.max, f64::MIN),
        ("max_drop", config.max_drop, 0.0),
        ("noise", config.noise, 0.0),
    ];
    bounds
        .into_iter()
        .find(|(_, bound, least)| bound.is_some_and(|b| !b.is_finite() || b < *least))
        .map(|(key, _, _)| key)
}

/// Says whether `value` is worse than `baseline` by more than `allowed`, rounding aside.
fn is_worse(higher_is: Direction, value: f64, baseline: f64, allowed: f64) -> bool {
    let change = match higher_is {
        Direction::Better => baseline - value,
        Direction::Worse => value - baseline,
    };
    let rounding = ROUNDING * value.abs().max(baseline.abs());
    change > allowed + rounding
}

/// The median; of an even number of values, the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle.wrapping_sub(1)), values.get(middle)) {
        (Some(below), Some(above)) if values.len().is_multiple_of(2) => below / 2.0 + above / 2.0,
        (_, Some(value)) => *value,
        (_, None) => f64::NAN,
    }
}

/// The median absolute deviation from `center`.
fn deviation(values: &[f64], center: f64) -> f64 {
    median(values.iter().map(|value| (value - center).abs()).collect())
}

#[cfg(test)]
mod tests;
