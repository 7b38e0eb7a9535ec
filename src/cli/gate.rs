//! `gate`, `plan`, `apply`.

use std::path::PathBuf;

use clap::Args;

use super::{Assumption, Digests, Needs, Place};
use crate::model::{DataVersion, Digest};

/// What the decision is made from.
#[derive(Debug, Clone, Args)]
pub struct Inputs {
    /// Take the results of the jobs from toJSON(needs)
    #[arg(long, value_name = "JSON|@FILE", env = "TIDEGATE_NEEDS", hide_env_values = true)]
    pub needs: Option<Needs>,
    /// Promote this digest (sets of one image)
    #[arg(
        long,
        value_name = "sha256:HEX",
        env = "TIDEGATE_DIGEST",
        hide_env_values = true,
        conflicts_with = "digests"
    )]
    pub digest: Option<Digest>,
    /// Promote these digests: {"image":"sha256:..."}
    #[arg(long, value_name = "JSON", env = "TIDEGATE_DIGESTS", hide_env_values = true)]
    pub digests: Option<Digests>,
    /// Release this data version
    #[arg(long, value_name = "DIGEST", env = "TIDEGATE_DATA_VERSION", hide_env_values = true)]
    pub data_version: Option<DataVersion>,
    /// Decide about this commit
    #[arg(
        long,
        value_name = "REV",
        env = "GITHUB_SHA",
        hide_env_values = true,
        default_value = "HEAD"
    )]
    pub commit: String,
    /// Obey the rules of this event
    #[arg(
        long,
        value_name = "NAME",
        env = "GITHUB_EVENT_NAME",
        hide_env_values = true,
        default_value = "push"
    )]
    pub event: String,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Observe, decide, and promote or roll back: the step of the workflow
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  In the gate job of a workflow, with TIDEGATE_NEEDS and TIDEGATE_DIGEST in its env:
      tidegate gate
  By hand, with the results in a file:
      tidegate gate --needs @needs.json --digest sha256:<64 hex>
  A needs file that rolls back:
      {\"tests\": {\"result\": \"failure\", \"outputs\": {}}}

Exit codes: 0 promoted or nothing to do, 3 rolled back, 4 held, 5 retry; the others are errors.")]
pub struct Gate {
    /// What the decision is made from.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Leave the bake to a job of its own
    #[arg(long, env = "TIDEGATE_NO_BAKE", hide_env_values = true)]
    pub no_bake: bool,
}

/// Decide like gate, print the steps, and change nothing
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  A rollback drill:
      tidegate plan --assume tests=failure
  A plan that another job performs after an approval:
      tidegate plan --needs @needs.json --out ../plan.json
      tidegate apply ../plan.json")]
pub struct Plan {
    /// What the decision is made from.
    #[command(flatten)]
    pub inputs: Inputs,
    /// Suppose that this job ended so; may be repeated
    #[arg(long, value_name = "JOB=RESULT")]
    pub assume: Vec<Assumption>,
    /// Write the plan to this file, for apply
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// Perform a plan, or refuse it when the world has moved
#[derive(Debug, Clone, Args)]
pub struct Apply {
    /// The file that plan --out wrote
    #[arg(value_name = "PLAN.JSON")]
    pub plan: PathBuf,
    /// The protected branch and the ledger, where the plan was made with these options
    #[command(flatten)]
    pub place: Place,
}
