//! `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::Place;

/// Try what a release and a rollback will need, and say how to mend what is wrong
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Before the first push, and whenever something was changed in the workflow:
      tidegate doctor
  Mend in the workflows what can be mended without guessing; the changes are shown first:
      tidegate doctor --fix
  For code scanning, in a job that uploads the file:
      tidegate doctor --sarif doctor.sarif

The workflows and the configuration are those of the work tree; tokens and logins are those of
whoever asks. Without --fix and --open-issue nothing is changed.

Exit codes: 0 well, warnings or notes only; 4 the question of --fix was answered with no; 10 at
least one error.")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that is given or not")]
pub struct Doctor {
    /// Ask no registry, no remote and not GitHub
    #[arg(long)]
    pub offline: bool,
    /// Also write the findings to this file, as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Mend the workflows of the work tree where that needs no guessing
    #[arg(long)]
    pub fix: bool,
    /// Do not ask before files are changed
    #[arg(long, short, requires = "fix")]
    pub yes: bool,
    /// Keep one issue while something is wrong
    #[arg(long, env = "TIDEGATE_OPEN_ISSUE", hide_env_values = true)]
    pub open_issue: bool,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}
