//! `data backup`.

use std::time::Duration;

use clap::Args;

use super::Variables;
use super::data_import::wait;
use crate::data::BackupChoice;

/// Back the database up, bring a backup back, verify backups, and delete old ones
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A backup is a consistent copy that was read back and opened. Where it goes: data.backup in the
configuration, else the bucket of AWS_S3_BACKUP_BUCKET, else the folder backups beside the database.

Examples:
  Back the database up:
      tidegate data backup
  What there is:
      tidegate data backup --list
  Bring the newest back; what is there now stays beside it as a safety copy:
      tidegate data backup --restore latest
  The newest of that day, or one by its name:
      tidegate data backup --restore 2026-02-07
      tidegate data backup --restore sales_20260207_195358.duckdb
  Read every backup, and delete what is older than 30 days:
      tidegate data backup --verify-all
      tidegate data backup --prune")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct DataBackup {
    /// List the backups, newest first
    #[arg(long, group = "backup_action")]
    pub list: bool,
    /// Put a backup back in its place: its name, latest, a time or a day
    #[arg(long, value_name = "BACKUP", group = "backup_action")]
    pub restore: Option<BackupChoice>,
    /// Delete old backups, and say of the rest why it stays
    #[arg(long, group = "backup_action")]
    pub prune: bool,
    /// Read each backup back, compare it and open it
    #[arg(long, group = "backup_action")]
    pub verify_all: bool,
    /// Show what would be done, and change nothing
    #[arg(long, conflicts_with_all = ["yes", "list", "verify_all"])]
    pub plan: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Wait so long for a database that another process holds
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = wait)]
    pub wait: Duration,
    /// The database [default: that of the environment, else of the configuration]
    #[arg(long, value_name = "PATH")]
    pub database: Option<String>,
    /// How variables are read.
    #[command(flatten)]
    pub variables: Variables,
}
