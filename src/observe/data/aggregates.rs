//! SQL of the configuration that fills summary tables.

use super::{Preparation, outcome};
use crate::adapters::database::Database;
use crate::config::AggregateConfig;
use crate::data::{Outcome, StepResult};

/// Runs the statements of one aggregate in one transaction.
pub(super) async fn run(
    preparation: &Preparation<'_>,
    database: &dyn Database,
    aggregate: &AggregateConfig,
) -> anyhow::Result<StepResult> {
    (preparation.say)(&format!("aggregate {}", aggregate.name));
    let outcome = match database.execute(&aggregate.sql).await {
        Ok(()) => Outcome::Passed,
        Err(error) => outcome(preparation, error)?,
    };
    Ok(StepResult { name: aggregate.name.clone(), outcome })
}
