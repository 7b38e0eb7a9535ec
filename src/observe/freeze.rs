//! Finds the freeze windows that are open at an instant.
//!
//! 1. The cron fields are read as wall-clock times of the entry's zone.
//! 2. A wall-clock time that occurs twice (clocks go back) opens a window both times; one that is
//!    skipped (clocks go forward) opens it at the moment of the change. So a freeze never fails to
//!    open because of the clocks.
//! 3. A window is open from its opening on and closed at its end; its length is elapsed time.

use jiff::{SignedDuration, Timestamp};

use crate::config::FreezeConfig;
use crate::evidence::freeze::OpenWindow;
use crate::schedule::{Cron, CronError, Doubled};

/// The longest window.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Says which freeze entry of the configuration is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// The cron expression cannot be read.
    #[error(
        "freeze entry {entry}: cron {given:?}: {cause}; expected five fields, such as \"0 16 * * FRI\""
    )]
    Cron {
        /// The entry, from 1.
        entry: usize,
        /// The text.
        given: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The cron expression names no day that exists.
    #[error(
        "freeze entry {entry}: cron {given:?} names no time in the next four years, so the window would never open; correct or remove it"
    )]
    NeverOpens {
        /// The entry, from 1.
        entry: usize,
        /// The text.
        given: String,
    },
    /// The time zone is unknown.
    #[error(
        "freeze entry {entry}: timezone {given:?} is unknown; expected an IANA name, such as Europe/Berlin or UTC"
    )]
    Zone {
        /// The entry, from 1.
        entry: usize,
        /// The text.
        given: String,
    },
    /// The duration cannot be read.
    #[error(
        "freeze entry {entry}: duration {given:?}; expected a whole number with m, h or d, such as 30m, 64h or 2d, from 1m to 366d"
    )]
    Duration {
        /// The entry, from 1.
        entry: usize,
        /// The text.
        given: String,
    },
    /// The instant is too near the ends of time to count from.
    #[error("freeze entry {entry}: cannot compute the windows around {now}: the clock is far off")]
    Time {
        /// The entry, from 1.
        entry: usize,
        /// The instant.
        now: Timestamp,
    },
}

/// Returns the windows of `freezes` that are open at `now`, at most one for each entry: the one
/// that opened last. Also checks the entries that are closed, so that a mistake shows on the first
/// run and not on the first Friday.
pub fn open_windows(
    freezes: &[FreezeConfig],
    now: Timestamp,
) -> Result<Vec<OpenWindow>, FreezeError> {
    let mut open = Vec::new();
    for (index, freeze) in freezes.iter().enumerate() {
        let entry = index + 1;
        let window = Window::new(freeze, entry)?;
        if let Some(until) = window.open_until(now)? {
            open.push(OpenWindow { entry, reason: freeze.reason.clone(), until });
        }
    }
    Ok(open)
}

/// One entry, checked.
struct Window<'a> {
    entry: usize,
    config: &'a FreezeConfig,
    cron: Cron,
    duration: SignedDuration,
}

impl<'a> Window<'a> {
    fn new(config: &'a FreezeConfig, entry: usize) -> Result<Self, FreezeError> {
        let cron = Cron::new(&config.cron, &config.timezone).map_err(|error| match error {
            CronError::Fields(cause) => {
                FreezeError::Cron { entry, given: shown(&config.cron), cause }
            }
            CronError::Zone => FreezeError::Zone { entry, given: shown(&config.timezone) },
            CronError::Time(now) => FreezeError::Time { entry, now },
        })?;
        let duration = parse_duration(&config.duration)
            .ok_or_else(|| FreezeError::Duration { entry, given: shown(&config.duration) })?;
        Ok(Self { entry, config, cron, duration })
    }

    /// Returns the end of the window that opened last, if it is open at `now`.
    fn open_until(&self, now: Timestamp) -> Result<Option<Timestamp>, FreezeError> {
        let time = || FreezeError::Time { entry: self.entry, now };
        let next = self.cron.next(now, Doubled::Twice).map_err(|_| time())?;
        if next.is_none() {
            return Err(FreezeError::NeverOpens {
                entry: self.entry,
                given: shown(&self.config.cron),
            });
        }
        let from = now.checked_sub(self.duration).map_err(|_| time())?;
        let opening = self.cron.last(from, now, Doubled::Twice).map_err(|_| time())?;
        opening.map(|opening| opening.checked_add(self.duration)).transpose().map_err(|_| time())
    }
}

/// Reads `30m`, `64h` or `2d`: a duration as the configuration writes it, at most
/// [`MAX_DURATION`].
pub fn parse_duration(text: &str) -> Option<SignedDuration> {
    let unit = text.chars().next_back()?;
    let number = &text[..text.len() - unit.len_utf8()];
    if number.is_empty() || number.len() > 6 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = number.parse().ok()?;
    let duration = match unit {
        'm' => SignedDuration::from_mins(number),
        'h' => SignedDuration::from_hours(number),
        'd' => SignedDuration::from_hours(number.checked_mul(24)?),
        _ => return None,
    };
    (duration > SignedDuration::ZERO && duration <= MAX_DURATION).then_some(duration)
}

/// At most 80 characters: the configuration may be hostile.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
