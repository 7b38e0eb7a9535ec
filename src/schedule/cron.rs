//! Cron fields, read as the wall clock of a time zone.
//!
//! A time zone is a row of segments, each with one offset from UTC. Inside a segment the wall clock
//! runs as UTC does. Between two segments the clocks go forward, and skip wall-clock times, or they go
//! back, and show some twice. A time that is skipped counts at the moment of the change; whether one
//! that comes twice counts twice, the caller says.

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions, parse_crontab_with};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Cron counts in minutes: nothing lies between two of them.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// 9000-01-01: no clock that is right shows more, and the cron library panics at the end of the
/// calendar.
const LAST_INSTANT: Timestamp = Timestamp::constant(221_845_392_000, 0);

/// What is wrong with cron fields or their zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// The fields cannot be read.
    #[error("{0}")]
    Fields(String),
    /// The zone is unknown.
    #[error("the time zone is unknown; expected an IANA name, such as Europe/Berlin or UTC")]
    Zone,
    /// The instant is too near the ends of time.
    #[error("cannot compute the times around {0}")]
    Time(Timestamp),
}

/// What becomes of a wall-clock time that the clocks show twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubled {
    /// It counts when it comes first.
    Once,
    /// It counts both times.
    Twice,
}

/// Five cron fields in a time zone.
#[derive(Debug, Clone)]
pub struct Cron {
    fields: Crontab,
    zone: TimeZone,
    every_hour: bool,
}

impl Cron {
    /// Reads five fields and the IANA name of a zone.
    pub fn new(cron: &str, timezone: &str) -> Result<Self, CronError> {
        let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
        // A sixth field would be a time zone to the parser, and seconds to many readers.
        if fields.len() != 5 {
            return Err(CronError::Fields(format!("has {} fields", fields.len())));
        }
        let every_hour = fields[1] == "*";
        // "No value in particular", for one of the two fields of days: the library does not know it.
        let any = |(place, field)| if matches!(place, 2 | 4) && field == "?" { "*" } else { field };
        let fields: Vec<&str> = fields.into_iter().enumerate().map(any).collect();
        // The library runs on UTC: its "instants" are wall-clock times of the zone.
        let mut options = ParseOptions::default();
        options.fallback_timezone_option = FallbackTimezoneOption::UTC;
        let fields = parse_crontab_with(&fields.join(" "), options).map_err(|error| {
            // The parser draws the expression and an arrow over several lines: keep the reason.
            let text = error.to_string();
            let reason = text.rsplit_once("^ ").map_or(text.as_str(), |(_, reason)| reason);
            CronError::Fields(reason.to_owned())
        })?;
        let zone = TimeZone::get(timezone).map_err(|_| CronError::Zone)?;
        Ok(Self { fields, zone, every_hour })
    }

    /// Returns the zone.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// Tells how a task of these fields takes a time that comes twice: one that runs in every hour
    /// goes on in the hour that is repeated, all others run once.
    pub fn doubled(&self) -> Doubled {
        if self.every_hour { Doubled::Twice } else { Doubled::Once }
    }

    /// Returns the first time after `after`; `None` where the four years after it have none.
    pub fn next(&self, after: Timestamp, doubled: Doubled) -> Result<Option<Timestamp>, CronError> {
        if after > LAST_INSTANT {
            return Err(CronError::Time(after));
        }
        let wrong = |_: jiff::Error| CronError::Time(after);
        let shift = |instant: Timestamp, by: SignedDuration| instant.checked_add(by).map_err(wrong);
        let mut begin = after;
        let mut offset = seconds(self.zone.to_offset(begin));
        // Only what the wall clock shows after this counts.
        let mut wall = shift(begin, offset)?;
        if doubled == Doubled::Once {
            wall = wall.max(shift(self.shown_before(begin)?, -SECOND)?);
        }
        loop {
            let Some(next) = self.next_wall(wall) else { return Ok(None) };
            let change = self.zone.following(begin).next();
            let instant = shift(next, -offset)?;
            let Some(change) = change.filter(|change| change.timestamp() <= instant) else {
                return Ok(Some(instant));
            };
            begin = change.timestamp();
            let (last_shown, new) = (shift(begin, offset)?, seconds(change.offset()));
            let shows = shift(begin, new)?;
            // Skipped: at the change.
            if (last_shown..shows).contains(&next) {
                return Ok(Some(begin));
            }
            offset = new;
            wall = match doubled {
                Doubled::Once => shows.max(last_shown),
                Doubled::Twice => shows,
            };
            wall = shift(wall, -SECOND)?;
        }
    }

    /// Returns the last time after `after` and not after `now`.
    pub fn last(
        &self,
        after: Timestamp,
        now: Timestamp,
        doubled: Doubled,
    ) -> Result<Option<Timestamp>, CronError> {
        let until_now = |time: &Timestamp| *time <= now;
        if self.next(after, doubled)?.is_none_or(|first| first > now) {
            return Ok(None);
        }
        // Every minute has half a million times in a year: look into the last hour first, then
        // further back.
        let mut back = SignedDuration::from_hours(1);
        loop {
            let from = now.checked_sub(back).map_or(after, |from| from.max(after));
            let mut last = None;
            let mut at = from;
            while let Some(next) = self.next(at, doubled)?.filter(until_now) {
                last = Some(next);
                at = next;
            }
            if last.is_some() || from == after {
                return Ok(last);
            }
            back *= 6;
        }
    }

    /// Returns the next wall-clock time after `wall`; both as if the zone were UTC.
    fn next_wall(&self, wall: Timestamp) -> Option<Timestamp> {
        self.fields.find_next(wall).ok().map(|next| next.timestamp())
    }

    /// Returns up to where the wall clock had come before the last change, if it was set back by it;
    /// else a time that is no bound.
    fn shown_before(&self, instant: Timestamp) -> Result<Timestamp, CronError> {
        let wrong = |_: jiff::Error| CronError::Time(instant);
        let none = Timestamp::UNIX_EPOCH;
        let just_after = instant.checked_add(SECOND).map_err(wrong)?;
        let Some(change) = self.zone.preceding(just_after).next() else { return Ok(none) };
        let before = change.timestamp().checked_sub(SECOND).map_err(wrong)?;
        let offset = seconds(self.zone.to_offset(before));
        if offset <= seconds(change.offset()) {
            return Ok(none);
        }
        change.timestamp().checked_add(offset).map_err(wrong)
    }
}

fn seconds(offset: Offset) -> SignedDuration {
    SignedDuration::from_secs(i64::from(offset.seconds()))
}
