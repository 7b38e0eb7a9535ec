//! `hold`, `resume`, `quarantine`: what stops promotions, and lets them go on.

use clap::Args;
use jiff::{SignedDuration, Timestamp};

use crate::model::HoldId;
use crate::observe::freeze;

/// Until when a stop is in force.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct End {
    /// End it after so long: 30m, 64h, 3d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration, conflicts_with = "until")]
    pub lasting: Option<SignedDuration>,
    /// End it then: 2026-12-01T08:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub until: Option<Timestamp>,
}

/// Hold promotions: nothing new gets to users, and rollbacks go on
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  Until somebody says `tidegate resume`:
      tidegate hold \"the warehouse is being migrated\"
  Until Tuesday morning, by itself:
      tidegate hold \"fair in Berlin\" --until 2026-12-01T08:00Z
  The same hold, longer; another id would be another hold:
      tidegate hold \"fair in Berlin\" --for 2d --id hold-1")]
pub struct Hold {
    /// Why; everybody who is held reads it
    #[arg(value_name = "REASON")]
    pub reason: String,
    /// Until when.
    #[command(flatten)]
    pub end: End,
    /// Name it, or change the one of this name [default: hold-1, hold-2, ...]
    #[arg(long, value_name = "NAME")]
    pub id: Option<HoldId>,
}

/// End a hold, so that promotions go on
#[derive(Debug, Clone, Args)]
pub struct Resume {
    /// End these holds [default: the only one]
    #[arg(value_name = "ID")]
    pub ids: Vec<HoldId>,
    /// End every hold, whoever has set it
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Say why; stands on the state branch
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Forbid a commit or an image to come back, lift that, or list what is forbidden
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  No gate promotes this commit, and no rollback goes back to it:
      tidegate quarantine 611b29b \"leaks memory\" --for 3d
  An image, whatever commit it was made from:
      tidegate quarantine sha256:<64 hex> \"contains a key\"
  It may come back; what was rolled back stays in the history:
      tidegate quarantine --lift 611b29b \"the leak was in the driver\"
  What is forbidden now:
      tidegate quarantine")]
pub struct Quarantine {
    /// What: a commit, or the digest of an image [default: list all]
    #[arg(value_name = "COMMIT|sha256:HEX")]
    pub what: Option<String>,
    /// Why
    #[arg(value_name = "REASON")]
    pub reason: Option<String>,
    /// Until when.
    #[command(flatten)]
    pub end: End,
    /// Lift it
    #[arg(long, requires = "what", conflicts_with_all = ["lasting", "until"])]
    pub lift: bool,
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let expected = || "expected minutes, hours or days up to 366d: 30m, 64h, 3d".to_owned();
    freeze::parse_duration(text).ok_or_else(expected)
}

fn time(text: &str) -> Result<Timestamp, String> {
    let expected = |_| "expected a time with its zone: 2026-12-01T08:00Z".to_owned();
    text.parse().map_err(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_as_people_write_them() {
        assert_eq!(duration("3d"), Ok(SignedDuration::from_hours(72)));
        assert_eq!(duration("30m"), Ok(SignedDuration::from_mins(30)));
        for bad in ["", "3", "d", "-3d", "0d", "3w", "400d", "3d4h", "1.5h"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        let until = time("2026-12-01T08:00Z").unwrap();
        assert_eq!(until.to_string(), "2026-12-01T08:00:00Z");
        assert_eq!(time("2026-12-01T09:00:00+01:00"), Ok(until));
        for bad in ["", "tomorrow", "2026-12-01", "2026-12-01T08:00", "08:00Z"] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
