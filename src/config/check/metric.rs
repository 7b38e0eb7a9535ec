//! One entry of `metrics`.

use super::{json_pointer, repository_path};
use crate::config::MetricConfig;

/// Returns the first thing that is wrong, with its key.
pub(super) fn check(metric: &MetricConfig) -> Result<(), (&'static str, String)> {
    let name = &metric.name;
    if name.trim().is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        let problem = format!("expected a name of 1 to 100 characters, found {name:?}");
        return Err(("name", problem));
    }
    repository_path(&metric.file).map_err(|problem| ("file", problem))?;
    json_pointer(&metric.pointer).map_err(|problem| ("pointer", problem))?;
    let bounds = [
        ("min", metric.min, f64::NEG_INFINITY),
        ("max", metric.max, f64::NEG_INFINITY),
        ("max_drop", metric.max_drop, 0.0),
        ("noise", metric.noise, 0.0),
    ];
    for (key, bound, least) in bounds {
        if let Some(bound) = bound.filter(|bound| !bound.is_finite() || *bound < least) {
            let expected = if least == 0.0 { "a number, 0 or more" } else { "a finite number" };
            return Err((key, format!("expected {expected}, found {bound}")));
        }
    }
    match (metric.min, metric.max) {
        (Some(min), Some(max)) if min > max => {
            Err(("max", format!("expected at least `min` ({min}), found {max}")))
        }
        (_, _) => Ok(()),
    }
}
