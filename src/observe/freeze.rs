//! Finds the freeze windows that are open at an instant.
//!
//! 1. The cron fields are read as wall-clock times of the entry's zone.
//! 2. A wall-clock time that occurs twice (clocks go back) opens a window both times; one that is
//!    skipped (clocks go forward) opens it at the moment of the change. So a freeze never fails to
//!    open because of the clocks.
//! 3. A window is open from its opening on and closed at its end; its length is elapsed time.

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::config::FreezeConfig;
use crate::evidence::freeze::OpenWindow;

/// The longest window.
pub const MAX_DURATION: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Wall clocks and UTC differ by at most a day and two hours, counting zones that changed sides of
/// the date line.
const ZONE_SLACK: SignedDuration = SignedDuration::from_hours(26);

/// 9000-01-01: no clock that is right shows more.
const LAST_INSTANT: Timestamp = Timestamp::constant(221_845_392_000, 0);

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
    #[error("freeze entry {entry}: cannot compute the windows around {now}: {cause}")]
    Time {
        /// The entry, from 1.
        entry: usize,
        /// The instant.
        now: Timestamp,
        /// What is wrong.
        cause: String,
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
    cron: Crontab,
    zone: TimeZone,
    duration: SignedDuration,
}

impl<'a> Window<'a> {
    fn new(config: &'a FreezeConfig, entry: usize) -> Result<Self, FreezeError> {
        let cron_error =
            |cause: String| FreezeError::Cron { entry, given: shown(&config.cron), cause };
        let fields: Vec<&str> = config.cron.split_ascii_whitespace().collect();
        // A sixth field would be a time zone to the parser, and seconds to many readers.
        if fields.len() != 5 {
            return Err(cron_error(format!("has {} fields", fields.len())));
        }
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let cron = parse_crontab_with(&fields.join(" "), options).map_err(|error| {
            // The parser draws the expression and an arrow over several lines: keep the reason.
            let text = error.to_string();
            let reason = text.rsplit_once("^ ").map_or(text.as_str(), |(_, reason)| reason);
            cron_error(reason.to_owned())
        })?;
        let zone = TimeZone::get(&config.timezone)
            .map_err(|_| FreezeError::Zone { entry, given: shown(&config.timezone) })?;
        let duration = parse_duration(&config.duration)
            .ok_or_else(|| FreezeError::Duration { entry, given: shown(&config.duration) })?;
        Ok(Self { entry, config, cron, zone, duration })
    }

    /// Returns the end of the window that opened last, if it is open at `now`.
    fn open_until(&self, now: Timestamp) -> Result<Option<Timestamp>, FreezeError> {
        let time = |error: jiff::Error| self.time_error(now, error.to_string());
        // The cron library looks four years ahead and panics at the end of the calendar.
        if now > LAST_INSTANT {
            return Err(self.time_error(now, "the clock is far off".to_owned()));
        }
        // The cron library runs on UTC here: its "instants" are wall-clock times of the zone.
        let wall_now = now
            .to_zoned(self.zone.clone())
            .datetime()
            .to_zoned(TimeZone::UTC)
            .map_err(time)?
            .timestamp();
        if self.cron.find_next(wall_now).is_err() {
            return Err(FreezeError::NeverOpens {
                entry: self.entry,
                given: shown(&self.config.cron),
            });
        }
        // Only the last opening counts, and an every-minute expression has half a million in a
        // year: look into the last hour first, then further back.
        let mut back = SignedDuration::from_hours(1);
        loop {
            let from = now.checked_sub(back.min(self.duration)).map_err(time)?;
            if let Some(opening) = self.last_opening(wall_now, from, now, back)? {
                return opening.checked_add(self.duration).map(Some).map_err(time);
            }
            if back >= self.duration {
                return Ok(None);
            }
            back *= 6;
        }
    }

    /// Returns the last opening after `from` and not after `now`, which is `back` later.
    fn last_opening(
        &self,
        wall_now: Timestamp,
        from: Timestamp,
        now: Timestamp,
        back: SignedDuration,
    ) -> Result<Option<Timestamp>, FreezeError> {
        let time = |error: jiff::Error| self.time_error(now, error.to_string());
        let mut wall = wall_now.checked_sub(back.min(self.duration) + ZONE_SLACK).map_err(time)?;
        let wall_end = wall_now.checked_add(ZONE_SLACK).map_err(time)?;
        let mut last = None;
        loop {
            // No next time within four years: all that lie before `now` were seen.
            let Ok(next) = self.cron.find_next(wall) else { return Ok(last) };
            wall = next.timestamp();
            if wall > wall_end {
                return Ok(last);
            }
            for opening in self.instants(next.datetime(), now)? {
                if opening > from && opening <= now && last.is_none_or(|last| opening > last) {
                    last = Some(opening);
                }
            }
        }
    }

    /// Returns the instants at which the clocks of the zone show `wall`.
    fn instants(&self, wall: DateTime, now: Timestamp) -> Result<Vec<Timestamp>, FreezeError> {
        let time = |error: jiff::Error| self.time_error(now, error.to_string());
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                Ok(vec![offset.to_timestamp(wall).map_err(time)?])
            }
            AmbiguousOffset::Fold { before, after } => Ok(vec![
                before.to_timestamp(wall).map_err(time)?,
                after.to_timestamp(wall).map_err(time)?,
            ]),
            AmbiguousOffset::Gap { before, .. } => {
                let after_the_gap = before.to_timestamp(wall).map_err(time)?;
                let change = self.zone.preceding(after_the_gap).next();
                Ok(vec![change.map_or(after_the_gap, |change| change.timestamp())])
            }
        }
    }

    fn time_error(&self, now: Timestamp, cause: String) -> FreezeError {
        FreezeError::Time { entry: self.entry, now, cause }
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
