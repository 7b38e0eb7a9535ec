//! `ledger append`, `ledger show`.

use clap::{Args, Subcommand};

use super::Place;

/// Show the ledger, or add an entry by hand
#[derive(Debug, Clone, Args)]
pub struct Ledger {
    /// What to do with it.
    #[command(subcommand)]
    pub command: LedgerCommand,
}

/// What to do with the ledger.
#[derive(Debug, Clone, Subcommand)]
#[expect(missing_docs, reason = "their structs say what they do, and help shows that")]
pub enum LedgerCommand {
    Append(LedgerAppend),
    Show(LedgerShow),
}

/// Add an entry for a released commit to the file in the work tree
#[derive(Debug, Clone, Args)]
pub struct LedgerAppend {
    /// Enter this commit
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub commit: String,
    /// List this check as passed; may be repeated
    #[arg(long = "check", value_name = "TEXT")]
    pub checks: Vec<String>,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Show the entries, newest first, and which of them count
#[derive(Debug, Clone, Args)]
pub struct LedgerShow {
    /// Show this many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub count: usize,
    /// Show all
    #[arg(long, conflicts_with = "count")]
    pub all: bool,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}
