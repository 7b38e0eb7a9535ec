//! `promote`, `rollback`, `repair`: what a person does.

use clap::Args;

use super::{Digests, Place};
use crate::model::{DataVersion, Digest};

/// Promote a candidate by hand
#[derive(Debug, Clone, Args)]
pub struct Promote {
    /// The commit, or a tag of its image [default: HEAD without ledger commits on top]
    #[arg(value_name = "COMMIT|TAG")]
    pub candidate: Option<String>,
    /// Promote this digest instead of the one that the tag names
    #[arg(long, value_name = "sha256:HEX", conflicts_with = "digests")]
    pub digest: Option<Digest>,
    /// Promote these digests: {"image":"sha256:..."}
    #[arg(long, value_name = "JSON")]
    pub digests: Option<Digests>,
    /// Waive quarantine, or release a former release again
    #[arg(long = "override", value_name = "REASON")]
    pub override_reason: Option<String>,
    /// Do without its probes, and say why
    #[arg(long, value_name = "REASON")]
    pub without_probes: Option<String>,
    /// Release this data version, which sync --candidate has uploaded
    #[arg(long, value_name = "sha256:HEX", conflicts_with = "without_data")]
    pub data_version: Option<DataVersion>,
    /// Let users keep the data that they have, and say why
    #[arg(long, value_name = "REASON")]
    pub without_data: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Go back to the last good commit, or to a given one
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  The protected branch gets back the tree of the last good commit, in one new commit:
      tidegate rollback
  Everything goes back to release 12, after a list of what would be dropped:
      tidegate rollback --to 12
  Only what users see goes back; main stays, and promotions are held until `tidegate resume`:
      tidegate rollback --stable-only --reason \"login is broken\"
  The rolled-back change comes back on a branch, to be mended and tested:
      tidegate rollback --undo")]
pub struct Rollback {
    /// Go back to this commit or release [default: last good]
    #[arg(long, value_name = "REV|RELEASE")]
    pub to: Option<String>,
    /// Go back for users only, and hold promotions
    #[arg(long)]
    pub stable_only: bool,
    /// Bring a rolled-back change back, on a branch for testing
    #[arg(
        long,
        value_name = "ROLLED-BACK",
        num_args = 0..=1,
        conflicts_with_all = ["to", "stable_only", "failed"]
    )]
    pub undo: Option<Option<String>>,
    /// With --undo: put it onto the protected branch
    #[arg(long, requires = "undo")]
    pub push: bool,
    /// Name the commit that failed [default: the effective head]
    #[arg(long, value_name = "REV")]
    pub failed: Option<String>,
    /// Say why; stands in the commit message and in the record
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// With --to: go back to it although it is quarantined
    #[arg(long = "override", value_name = "REASON", requires = "to")]
    pub override_reason: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Complete what the newest release record says: tags, branch stable, ledger
#[derive(Debug, Clone, Args)]
pub struct Repair {
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}
