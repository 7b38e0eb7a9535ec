//! Figures of the candidate and what they are compared with.

use serde::Serialize;

use crate::config::MetricConfig;

/// A metric of the candidate with its baselines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricObservation {
    /// The metric, as configured.
    pub config: MetricConfig,
    /// The candidate's value, in the unit of its file.
    pub value: Result<f64, MetricProblem>,
    /// The value of the last good release; `None` where there is no such release or it has no
    /// such metric.
    pub last_good: Option<f64>,
    /// The values of the last releases, in any order. Fewer than five are no baseline.
    pub history: Vec<f64>,
}

/// Says why a metric of the candidate is missing. Each is a reason to hold and never to revert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum MetricProblem {
    /// The path of the file leaves the work tree.
    #[error(
        "metric {metric:?}: {file:?} is not a path inside the work tree; name the file relative to the root of the repository"
    )]
    OutsideTree {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
    },
    /// There is no such file.
    #[error(
        "metric {metric:?}: {file:?} does not exist; let the job that computes it upload the file, and download it before the gate"
    )]
    FileMissing {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
    },
    /// The file cannot be read.
    #[error("metric {metric:?}: cannot read {file:?}: {cause}")]
    FileUnreadable {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
        /// What the operating system says.
        cause: String,
    },
    /// The file is larger than a file of figures may be.
    #[error(
        "metric {metric:?}: {file:?} has more than {limit} bytes; write the figures to a file of their own"
    )]
    TooLarge {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The file is not JSON. `NaN` and `Infinity`, which some writers produce, are not JSON.
    #[error("metric {metric:?}: {file:?}, line {line}, column {column}: not JSON: {cause}")]
    NotJson {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        cause: String,
    },
    /// The pointer is not an RFC 6901 pointer.
    #[error(
        "metric {metric:?}: {pointer:?} is not a JSON pointer (RFC 6901); begin it with a slash, such as /test_metrics/macro_f1"
    )]
    BadPointer {
        /// The name of the metric.
        metric: String,
        /// The configured pointer.
        pointer: String,
    },
    /// The file has nothing at the pointer.
    #[error("metric {metric:?}: {file:?} has nothing at {pointer:?}")]
    NotFound {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
        /// The configured pointer.
        pointer: String,
    },
    /// What the pointer names is not a finite number.
    #[error("metric {metric:?}: {file:?} has {found} at {pointer:?}, expected a finite number")]
    NotANumber {
        /// The name of the metric.
        metric: String,
        /// The configured file.
        file: String,
        /// The configured pointer.
        pointer: String,
        /// What is there: `a string`, `null`.
        found: String,
    },
    /// A bound in the configuration is not a number that can be compared with.
    #[error(
        "metric {metric:?}: `{key}` in the configuration is not a finite number of the right sign; correct or remove it"
    )]
    BadBound {
        /// The name of the metric.
        metric: String,
        /// The key: `min`, `max`, `max_drop` or `noise`.
        key: String,
    },
}
