//! `last-good`, `status`, `history`, `demo`, `completions`, `man`: they change nothing of the user's.

use std::path::PathBuf;

use clap::Args;

use super::Place;

/// Print the id of the last good commit, and nothing else
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Instead of grep, tail and awk over the ledger:
      LAST_GOOD=$(tidegate last-good --failed \"$GITHUB_SHA\")
  Which commits were looked at, and why each counts or does not:
      tidegate last-good --explain

Exit codes: 0 found, 11 no commit counts as good; nothing is printed then.")]
pub struct LastGood {
    /// Do not count this commit: it failed
    #[arg(long, value_name = "REV")]
    pub failed: Option<String>,
    /// Show every candidate, and why it counts or does not
    #[arg(long)]
    pub explain: bool,
    /// Look back from this commit
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    pub head: String,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Show what is live, what the last good commit is, and whether everything agrees
#[derive(Debug, Clone, Args)]
pub struct Status {
    /// Ask no registry and no remote
    #[arg(long)]
    pub offline: bool,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Show the releases and rollbacks, newest first
#[derive(Debug, Clone, Args)]
pub struct History {
    /// Show this many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub count: usize,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}

/// Play the whole story in a throw-away folder: one promotion, one rollback
#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Make it in this folder, empty or new [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Print the completions for a shell
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  mkdir -p ~/.local/share/bash-completion/completions ~/.config/fish/completions
  tidegate completions bash > ~/.local/share/bash-completion/completions/tidegate
  tidegate completions fish > ~/.config/fish/completions/tidegate.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// Write the manual pages into a folder
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  tidegate man --dir ~/.local/share/man/man1
  man tidegate-rollback")]
pub struct Man {
    /// The folder; it is made where there is none
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
}
