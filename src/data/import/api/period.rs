//! Which rows are asked for: the days of `--days`, or what came after the watermark.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::check::zone;
use crate::config::{ApiConfig, ColumnType};
use crate::data::import::Import;

/// The most days of `--days`: a hundred years.
pub const MOST_DAYS: u32 = 36_525;

/// How the values of a watermark's column are compared, and asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A day.
    Day,
    /// A time; what is asked for is its day.
    Time,
    /// A number that grows, such as an id; it is asked for as it is.
    Number,
}

impl Mark {
    /// Returns how the values of a column are compared; `None` where they have no order that says which
    /// rows came later.
    pub fn of(kind: ColumnType) -> Option<Self> {
        match kind {
            ColumnType::Date => Some(Self::Day),
            ColumnType::Timestamp => Some(Self::Time),
            ColumnType::Integer => Some(Self::Number),
            ColumnType::Text
            | ColumnType::Number
            | ColumnType::Amount
            | ColumnType::Boolean
            | ColumnType::Email => None,
        }
    }

    /// Tells whether a value lies in the future: it moves no watermark, since what comes before it may
    /// still be missing.
    pub fn is_ahead(self, value: &str, now: &Now) -> bool {
        match self {
            Self::Day => value > now.day.as_str(),
            Self::Time => value > now.time.as_str(),
            Self::Number => false,
        }
    }

    /// Keeps the larger of two values, each as [`Import::check`] writes it.
    pub fn raise(self, largest: &mut Option<String>, value: &str) {
        let is_larger = |than: &str| match self {
            // Years have four digits, and fractions of seconds follow the seconds.
            Self::Day | Self::Time => value > than,
            Self::Number => value.parse::<i64>().ok() > than.parse::<i64>().ok(),
        };
        if largest.as_deref().is_none_or(is_larger) {
            *largest = Some(value.to_owned());
        }
    }
}

/// The time of an import, as values of a watermark's column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Now {
    /// The day, in the zone whose days are asked for.
    day: String,
    /// The time, in UTC.
    time: String,
}

impl Now {
    /// Reads the clock of the zone that the API of the import declares.
    pub fn of(import: &Import, now: Timestamp) -> Result<Self, PeriodProblem> {
        let zone = zone(import.api.timezone.as_deref()).map_err(PeriodProblem::Zone)?;
        let time = TimeZone::UTC.to_datetime(now).strftime("%Y-%m-%d %H:%M:%S%.f").to_string();
        Ok(Self { day: zone.to_datetime(now).date().to_string(), time })
    }
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// The parameters that say it, in the order in which they are sent.
    pub parameters: Vec<(String, String)>,
    /// What it is in words: `from 2026-02-01 to 2026-02-07`.
    pub words: String,
    /// Whether days between the watermark and the first day are left out: the watermark has to stay, or
    /// they would never be asked for.
    pub leaves_a_gap: bool,
}

/// Why nothing can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodProblem {
    /// So many days cannot be asked for.
    #[error("--days: expected 1 to {MOST_DAYS}, found {0}")]
    Days(u32),
    /// The watermark is a number.
    #[error("--days: the watermark of the import {0} is a number, and no day")]
    NoDays(String),
    /// The zone is none.
    #[error("{0}")]
    Zone(String),
    /// What the database remembers is no value of the column.
    #[error("the watermark {0:?} in tidegate_imports is no value of its column")]
    Watermark(String),
}

impl Period {
    /// Puts together what is asked for. `days` is the number of days before today, `watermark` is what the
    /// database remembers of the last import. Days are those of the declared zone; the first one is asked
    /// for again, since its rows may not have been complete.
    pub fn of(
        import: &Import,
        days: Option<u32>,
        watermark: Option<&str>,
        now: Timestamp,
    ) -> Result<Self, PeriodProblem> {
        let api = &import.api;
        if let Some(days) = days.filter(|days| !(1..=MOST_DAYS).contains(days)) {
            return Err(PeriodProblem::Days(days));
        }
        let mark = mark(import);
        let zone = zone(api.timezone.as_deref()).map_err(PeriodProblem::Zone)?;
        let today = zone.to_datetime(now).date();
        let (mark, watermark) = match (mark, watermark) {
            (Some(mark), Some(watermark)) => (mark, watermark),
            (Some(Mark::Number), None) if days.is_some() => {
                return Err(PeriodProblem::NoDays(import.name.clone()));
            }
            (Some(_) | None, _) => {
                let start = days.map(|days| before(today, days));
                return Ok(start.map_or_else(Self::all, |start| Self::days(api, start, today)));
            }
        };
        let unreadable = || PeriodProblem::Watermark(watermark.to_owned());
        let reached = match mark {
            Mark::Number if days.is_some() => {
                return Err(PeriodProblem::NoDays(import.name.clone()));
            }
            Mark::Number => {
                watermark.parse::<i64>().map_err(|_| unreadable())?;
                return Ok(Self {
                    parameters: vec![(start_parameter(api), watermark.to_owned())],
                    words: format!("from {watermark}"),
                    leaves_a_gap: false,
                });
            }
            Mark::Day => watermark.parse::<Date>().map_err(|_| unreadable())?,
            Mark::Time => {
                let time: Timestamp = format!("{}Z", watermark.replacen(' ', "T", 1))
                    .parse()
                    .map_err(|_| unreadable())?;
                zone.to_datetime(time).date()
            }
        };
        // Rows of today may still come, however far others go.
        let start = days.map_or(reached.min(today), |days| before(today, days));
        Ok(Self { leaves_a_gap: start > reached, ..Self::days(api, start, today) })
    }

    fn all() -> Self {
        Self { parameters: Vec::new(), words: String::new(), leaves_a_gap: false }
    }

    fn days(api: &ApiConfig, start: Date, today: Date) -> Self {
        let last = api.end_parameter.clone().unwrap_or_else(|| "end_date".to_owned());
        Self {
            parameters: vec![(start_parameter(api), start.to_string()), (last, today.to_string())],
            words: format!("from {start} to {today}"),
            leaves_a_gap: false,
        }
    }
}

/// Returns how the watermark of an import is compared, where it has one.
pub(super) fn mark(import: &Import) -> Option<Mark> {
    let name = import.api.watermark.as_ref()?;
    let column = import.columns.iter().find(|column| column.name == *name)?;
    Mark::of(column.kind)
}

fn start_parameter(api: &ApiConfig) -> String {
    api.start_parameter.clone().unwrap_or_else(|| "start_date".to_owned())
}

fn before(today: Date, days: u32) -> Date {
    today.saturating_sub(i64::from(days).days())
}
