//! Figures that a candidate must reach.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A figure that a candidate must reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricConfig {
    /// The name of the figure, in records and in the ledger.
    pub name: String,
    /// The JSON file that holds it, from the root of the work tree.
    pub file: String,
    /// The JSON pointer (RFC 6901) to the number.
    pub pointer: String,
    /// Which direction is better.
    pub higher_is: Direction,
    /// The smallest value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest value that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The largest change for the worse from the last good release that passes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_drop: Option<f64>,
    /// The largest change for the worse from the median of the last releases (five or more) that
    /// passes. Without the key: three median absolute deviations. Where these are zero, because most
    /// of the past values are equal, `max_drop` is the largest change that passes; without
    /// `max_drop`, none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<f64>,
}

/// Which direction of a metric is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Higher is better, as for an F1 score.
    Better,
    /// Higher is worse, as for an error.
    Worse,
}
