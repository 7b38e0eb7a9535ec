//! `sync`.

use std::path::PathBuf;

use clap::Args;

/// Send new and changed data to the store, and publish the database
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[command(after_help = "\
Examples:
  Send what is new and changed in every layer, and publish the database:
      tidegate sync
  See what would be sent, and change nothing:
      tidegate sync --layer bronze --plan
  See what is here, what is sent, and what was changed in the store by others:
      tidegate sync --layer status

Exit codes: 0 all is there, 14 the data did not pass and was not published, 15 some files were not
sent: run it again. 12 another sync holds the manifest.")]
pub struct Sync {
    /// Sync one layer, all, or show status
    #[arg(
        long,
        value_name = "NAME",
        default_value = "all",
        env = "TIDEGATE_LAYER",
        hide_env_values = true
    )]
    pub layer: String,
    /// Show what would be sent and deleted, and change nothing
    #[arg(long)]
    pub plan: bool,
    /// Forget what was noted as sent, and send everything again
    #[arg(long)]
    pub force: bool,
    /// Delete from the store what was sent once and is no longer here
    #[arg(long)]
    pub delete: bool,
    /// Read every file, also where size and time are those of the last sync
    #[arg(long)]
    pub checksum: bool,
    /// Leave out the commands and aggregates that make the data
    #[arg(long, conflicts_with = "steps_only")]
    pub skip_steps: bool,
    /// Only make the data: commands and aggregates; send nothing
    #[arg(long, conflicts_with_all = ["plan", "force", "delete", "checksum", "candidate"])]
    pub steps_only: bool,
    /// Upload the database unseen, for a gate to release
    #[arg(long, conflicts_with = "plan", env = "TIDEGATE_CANDIDATE", hide_env_values = true)]
    pub candidate: bool,
    /// Read variables that the environment lacks from this file, such as .env
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}
