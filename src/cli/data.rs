//! `data versions`, `data restore`, `data prune`, `data lifecycle`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DataBackup, DataHealthCheck, DataImport};
use crate::data::VersionChoice;

/// Look after the database and what is published of it: versions, backups, health
#[derive(Debug, Clone, Args)]
pub struct Data {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// What to do with published data.
#[derive(Debug, Clone, Subcommand)]
#[expect(missing_docs, reason = "their structs say what they do, and help shows that")]
pub enum DataCommand {
    Import(DataImport),
    Versions(DataVersions),
    Restore(DataRestore),
    Prune(DataPrune),
    Lifecycle(DataLifecycle),
    Backup(DataBackup),
    HealthCheck(DataHealthCheck),
}

/// List the published versions, newest first, and which releases refer to them
#[derive(Debug, Clone, Args)]
pub struct DataVersions {
    /// Show this many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub count: usize,
    /// Show all
    #[arg(long, conflicts_with = "count")]
    pub all: bool,
    /// How variables are read.
    #[command(flatten)]
    pub variables: Variables,
}

/// Let an earlier version be served again; the code stays as it is
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  What was served before:
      tidegate data restore --to previous
  What was served at that time:
      tidegate data restore --to 2026-02-07T19:53Z
  The data of a release, a commit or a digest:
      tidegate data restore --to 12
      tidegate data restore --to 611b29b")]
pub struct DataRestore {
    /// Which: digits of the version or commit, a release, a time, a day, or previous
    #[arg(long, value_name = "VERSION|TIME|COMMIT|RELEASE")]
    pub to: VersionChoice,
    /// Say why; stands in the record of the release
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Go to it although it is quarantined
    #[arg(long = "override", value_name = "REASON")]
    pub override_reason: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// How variables are read.
    #[command(flatten)]
    pub variables: Variables,
}

/// Delete old versions and backups: never what is served, or what a release refers to
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without --yes it shows what would be deleted, says of the rest why it stays, and asks.")]
pub struct DataPrune {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Show what would be deleted, and delete nothing
    #[arg(long, conflicts_with = "yes")]
    pub plan: bool,
    /// Go on where releases cannot be read: their data may be deleted then
    #[arg(long)]
    pub without_records: bool,
    /// How variables are read.
    #[command(flatten)]
    pub variables: Variables,
}

/// Print a policy that moves old files of a layer to cheaper tiers
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  az storage account management-policy create --account-name acme --resource-group data \\
      --policy \"$(tidegate data lifecycle --emit azure)\"
  aws s3api put-bucket-lifecycle-configuration --bucket acme \\
      --lifecycle-configuration \"$(tidegate data lifecycle --emit s3)\"")]
pub struct DataLifecycle {
    /// For which kind of store
    #[arg(long, value_enum, value_name = "KIND")]
    pub emit: PolicyKind,
    /// For this layer; may be repeated [default: those with `lifecycle`, else all]
    #[arg(long = "layer", value_name = "NAME")]
    pub layers: Vec<String>,
}

/// A kind of store that has policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyKind {
    /// Azure Blob Storage
    Azure,
    /// S3, and what speaks its protocol
    S3,
}

/// How variables are read.
#[derive(Debug, Clone, Default, Args)]
pub struct Variables {
    /// Read variables that the environment lacks from this file, such as .env
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
}
