//! `schedule`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

/// Run imports, checks, backups and other tasks at their times, until stopped
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  See the tasks and their next times:
      tidegate schedule --list
  Run them, with a log that is kept for 30 days:
      LOG_FILE=logs/schedule.log tidegate schedule --env-file .env.production
  Run what is due and end, from a timer of the system:
      tidegate schedule --once
  Let GitHub run them:
      tidegate schedule --emit github > .github/workflows/tidegate-schedule.yml

Exit codes: 0 stopped, or all went well; with --once and --run that of the first task that did not
end well. 12 another schedule runs for this folder.")]
pub struct Schedule {
    /// Show the tasks, their next times, and how they ended last
    #[arg(long, conflicts_with_all = ["once", "run", "emit"])]
    pub list: bool,
    /// Run what is due now, and end
    #[arg(long, conflicts_with_all = ["run", "emit"])]
    pub once: bool,
    /// Run this task now, and end
    #[arg(
        long,
        value_name = "TASK",
        env = "TIDEGATE_TASK",
        hide_env_values = true,
        conflicts_with = "emit"
    )]
    pub run: Option<String>,
    /// Print the same plan for another program, and end
    #[arg(long, value_name = "KIND")]
    pub emit: Option<Emit>,
    /// With --list, or --once for a past time: take this for now, such as 2026-03-29T00:59:00Z
    #[arg(long, value_name = "TIME", conflicts_with_all = ["run", "emit"])]
    pub at: Option<Timestamp>,
    /// Read variables that the environment lacks from this file, such as .env.production
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}

/// What runs the plan instead of tidegate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// A workflow file for GitHub Actions
    Github,
}
