//! `bake`.

use std::time::Duration;

use clap::Args;

use super::Place;
use super::retry::wait;

/// Watch what is served of the newest release, and take users back where it fails
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  In a job after the gate, or by hand after one that was stopped:
      tidegate bake
  A short look, with the probe of the configuration:
      tidegate bake --for 30s

The configuration is that of the released commit: `bake` says what is asked, and how many failures
in a row take users back to the release before. The protected branch is never changed.

Exit codes: 0 it works, nobody could find out (a warning says so), or a newer release came; 3 users
were taken back; 4 it fails, and the release declares that there is no way back; 11 it fails, and
there is no release before it.")]
pub struct Bake {
    /// Watch for so long [default: `bake.for`]
    #[arg(long = "for", value_name = "TIME", value_parser = wait)]
    pub duration: Option<Duration>,
    /// Which branch and which ledger.
    #[command(flatten)]
    pub place: Place,
}
