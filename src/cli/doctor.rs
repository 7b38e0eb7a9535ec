//! `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::Place;

/// Try, without changing anything, what a release and a rollback will need
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Before the first push, and whenever something was changed in the workflow:
      tidegate doctor
  For code scanning, in a job that uploads the file:
      tidegate doctor --sarif doctor.sarif

The workflows and the configuration are those of the work tree; tokens and logins are those of
whoever asks.

Exit codes: 0 well, warnings or notes only; 10 at least one error.")]
pub struct Doctor {
    /// Ask no registry, no remote and not GitHub
    #[arg(long)]
    pub offline: bool,
    /// Also write the findings to this file, as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}
