//! `init`.

use clap::Args;

use crate::model::{BranchName, ImageRef};

/// Write the configuration and the workflows for this repository, from what it holds
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Look at what would be written, and say yes:
      tidegate init
  Where nobody can be asked:
      tidegate init --yes --test \"python -m pytest\"

It writes .github/tidegate.yml and three workflows in .github/workflows: release-gate.yml,
tidegate-retry.yml and tidegate-doctor.yml. A file that says something else already is left as it
is; `tidegate init --force` replaces it. Nothing is committed or pushed.

Exit codes: 0 written, or nothing to do; 2 nobody could be asked, or something has to be named;
4 the answer was no.")]
pub struct Init {
    /// Write without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Replace files that say something else
    #[arg(long)]
    pub force: bool,
    /// Gate this branch
    #[arg(long, value_name = "NAME")]
    pub branch: Option<BranchName>,
    /// Call the image so; for several images once for each, in the order shown
    #[arg(long = "image", value_name = "NAME")]
    pub images: Vec<ImageRef>,
    /// Test with this command
    #[arg(long, value_name = "COMMAND")]
    pub test: Option<String>,
    /// Use this action in the workflows, in place of the pinned one
    #[arg(long, value_name = "OWNER/NAME@REF")]
    pub action: Option<String>,
}
