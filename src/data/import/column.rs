//! One column: how its values are read, and what they have to be.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil::DateTime};
use regex::Regex;
use rust_decimal::Decimal;

use super::spec::whole;
use crate::config::{ColumnConfig, ColumnType};

/// The most characters of a text where the column says nothing.
const LONGEST_TEXT: usize = 10_000;

/// The longest e-mail address, in bytes (RFC 5321, section 4.5.3.1.3, without the brackets).
const LONGEST_EMAIL: usize = 254;

/// The decimals of an amount of money.
const CENTS: u32 = 2;

/// The largest amount: 16 digits before the point, as `DECIMAL(18, 2)` has.
const LARGEST_AMOUNT: i128 = 9_999_999_999_999_999;

/// So many characters of an amount are never more digits than that.
const SURE_AMOUNT: usize = 16;

/// A column of an import.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name in the table.
    pub name: String,
    /// Its name in the source.
    pub from: String,
    /// What its values are.
    pub kind: ColumnType,
    /// Whether it may be empty.
    pub nullable: bool,
    /// Whether no two rows may have the same value.
    pub unique: bool,
    min: Option<Decimal>,
    max: Option<Decimal>,
    above: Option<Decimal>,
    one_of: Vec<String>,
    pattern: Option<Regex>,
    max_length: usize,
    future: bool,
}

/// What is wrong with a value: what was expected, in words.
pub type ValueProblem = String;

impl Column {
    /// Takes a column from the configuration. The error is what is wrong with it.
    pub(super) fn of(config: &ColumnConfig) -> Result<Self, String> {
        let number = |key: &str, bound: Option<f64>| match bound.map(Decimal::try_from) {
            None => Ok(None),
            Some(Ok(bound)) => Ok(Some(bound)),
            Some(Err(_)) => {
                Err(format!("{:?}: `{key}` is no number that can be compared", config.name))
            }
        };
        let has_bounds = config.min.is_some() || config.max.is_some() || config.above.is_some();
        let column = Self {
            name: config.name.clone(),
            from: config.from.clone().unwrap_or_else(|| config.name.clone()),
            kind: config.kind,
            nullable: config.nullable.unwrap_or(false),
            unique: config.unique.unwrap_or(false),
            min: number("min", config.min)?,
            max: number("max", config.max)?,
            above: number("above", config.above)?,
            one_of: config.one_of.clone(),
            pattern: config.pattern.as_deref().map(whole).transpose()?,
            max_length: config.max_length.map_or(LONGEST_TEXT, |most| most as usize),
            future: config.future.unwrap_or(true),
        };
        if has_bounds && !column.is_number() {
            return Err(format!("{:?}: `min`, `max` and `above` need a number", config.name));
        }
        let dated = matches!(config.kind, ColumnType::Date | ColumnType::Timestamp);
        if config.future.is_some() && !dated {
            return Err(format!("{:?}: `future` needs a date or a timestamp", config.name));
        }
        Ok(column)
    }

    /// Tells whether its values are numbers.
    pub fn is_number(&self) -> bool {
        match self.kind {
            ColumnType::Integer | ColumnType::Number | ColumnType::Amount => true,
            ColumnType::Text
            | ColumnType::Boolean
            | ColumnType::Date
            | ColumnType::Timestamp
            | ColumnType::Email => false,
        }
    }

    /// Tells whether a value that is right cannot well be a password: an address, a day, a time, or one
    /// of a few words.
    pub fn is_telling(&self) -> bool {
        match self.kind {
            ColumnType::Boolean | ColumnType::Date | ColumnType::Timestamp | ColumnType::Email => {
                true
            }
            ColumnType::Text => !self.one_of.is_empty(),
            ColumnType::Integer | ColumnType::Number | ColumnType::Amount => false,
        }
    }

    /// Reads a value, and writes it to `into` as the database takes it. Returns the number that it is,
    /// where the column has numbers. `now` is the time of the import; a day is UTC's, and the day that
    /// begins first on earth counts as begun.
    pub(super) fn read(
        &self,
        text: &str,
        now: Timestamp,
        into: &mut String,
    ) -> Result<Option<Decimal>, ValueProblem> {
        let begun = into.len();
        let number = match self.kind {
            ColumnType::Text => {
                self.text(text, into)?;
                None
            }
            ColumnType::Integer => Some(Self::integer(text, into)?),
            ColumnType::Number => Some(Self::number(text, into)?),
            ColumnType::Amount => Some(Self::amount(text, into)?),
            ColumnType::Boolean => {
                into.push_str(boolean(text)?);
                None
            }
            ColumnType::Date => {
                self.date(text, now, into)?;
                None
            }
            ColumnType::Timestamp => {
                self.timestamp(text, now, into)?;
                None
            }
            ColumnType::Email => {
                email(text, into)?;
                None
            }
        };
        if let Some(number) = number {
            self.within(number)?;
        }
        let value = into.get(begun..).unwrap_or_default();
        if !self.one_of.is_empty() && !self.one_of.iter().any(|one| one == value) {
            return Err(format!("expected one of {}", self.one_of.join(", ")));
        }
        match &self.pattern {
            Some(pattern) if !pattern.is_match(value) => {
                Err("expected what the pattern of the column says".to_owned())
            }
            Some(_) | None => Ok(number),
        }
    }

    fn within(&self, number: Decimal) -> Result<(), ValueProblem> {
        if let Some(above) = self.above.filter(|above| number <= *above) {
            return Err(format!("expected a number greater than {}", above.normalize()));
        }
        if let Some(min) = self.min.filter(|min| number < *min) {
            return Err(format!("expected a number of at least {}", min.normalize()));
        }
        match self.max.filter(|max| number > *max) {
            Some(max) => Err(format!("expected a number of at most {}", max.normalize())),
            None => Ok(()),
        }
    }

    fn text(&self, text: &str, into: &mut String) -> Result<(), ValueProblem> {
        // Counting characters costs, and most values are far from the limit.
        if text.len() > self.max_length && text.chars().count() > self.max_length {
            return Err(format!("expected at most {} characters", self.max_length));
        }
        if text.contains('\0') {
            return Err("expected a text without the character NUL".to_owned());
        }
        into.push_str(text);
        Ok(())
    }

    fn integer(text: &str, into: &mut String) -> Result<Decimal, ValueProblem> {
        if let Some(number) = quick(text).filter(|number| number.scale() == 0) {
            into.push_str(text);
            return Ok(number);
        }
        let text = text.trim();
        let plain = text.parse::<i64>().ok().filter(|_| !text.starts_with('+'));
        // Spreadsheets write whole numbers of a column with decimals as 3.0.
        let whole = || {
            let (digits, zeros) = text.split_once('.')?;
            let zeros = !zeros.is_empty() && zeros.bytes().all(|b| b == b'0');
            digits.parse::<i64>().ok().filter(|_| zeros && !digits.starts_with('+'))
        };
        let Some(number) = plain.or_else(whole) else {
            return Err("expected a whole number".to_owned());
        };
        append(number, into);
        Ok(Decimal::from(number))
    }

    fn number(text: &str, into: &mut String) -> Result<Decimal, ValueProblem> {
        if let Some(number) = quick(text) {
            into.push_str(text);
            return Ok(number);
        }
        let number = decimal(text)?;
        append(number, into);
        Ok(number)
    }

    fn amount(text: &str, into: &mut String) -> Result<Decimal, ValueProblem> {
        // A million of them are read quickly: as they stand, without a text in between.
        if let Some(number) = quick(text).filter(|number| number.scale() <= CENTS) {
            if text.len() <= SURE_AMOUNT {
                into.push_str(text);
                return Ok(number);
            }
            return whole_part(number).inspect(|_| into.push_str(text));
        }
        let number = decimal(text)?;
        if number.scale() > CENTS && number.normalize().scale() > CENTS {
            return Err("expected an amount with at most 2 digits after the point".to_owned());
        }
        append(whole_part(number)?, into);
        Ok(number)
    }

    fn date(&self, text: &str, now: Timestamp, into: &mut String) -> Result<(), ValueProblem> {
        let text = text.trim();
        let date = day(text).ok_or_else(|| "expected a day such as 2026-02-07".to_owned())?;
        if !self.future && is_future(date, now) {
            return Err("expected a day that is not in the future".to_owned());
        }
        into.push_str(text);
        Ok(())
    }

    fn timestamp(&self, text: &str, now: Timestamp, into: &mut String) -> Result<(), ValueProblem> {
        let expected = "expected a time with its offset, such as 2026-02-07T19:53:58Z";
        let time: Timestamp = text.trim().parse().map_err(|_| expected.to_owned())?;
        if !self.future && time > now {
            return Err("expected a time that is not in the future".to_owned());
        }
        let civil: DateTime = TimeZone::UTC.to_datetime(time);
        if !(0..=9999).contains(&civil.year()) {
            return Err(expected.to_owned());
        }
        into.push_str(&civil.strftime("%Y-%m-%d %H:%M:%S%.f").to_string());
        Ok(())
    }
}

/// A day that has begun nowhere yet: clocks are at most 14 hours before UTC.
fn is_future(date: Date, now: Timestamp) -> bool {
    let first = now + jiff::SignedDuration::from_hours(14);
    date > TimeZone::UTC.to_datetime(first).date()
}

/// Reads `2026-02-07`, and nothing looser. A million of them are read quickly.
fn day(text: &str) -> Option<Date> {
    let bytes: &[u8; 10] = text.as_bytes().try_into().ok()?;
    let digits = |range: std::ops::Range<usize>| {
        bytes[range].iter().try_fold(0_i16, |number, byte| {
            byte.is_ascii_digit().then(|| number * 10 + i16::from(byte - b'0'))
        })
    };
    if bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (month, day) = (i8::try_from(digits(5..7)?).ok()?, i8::try_from(digits(8..10)?).ok()?);
    Date::new(digits(0..4)?, month, day).ok().filter(|date| date.year() > 0)
}

/// Adds a value without a text of its own.
fn append(value: impl std::fmt::Display, into: &mut String) {
    use std::fmt::Write as _;

    // Writing to a text does not fail.
    let _ = write!(into, "{value}");
}

fn whole_part(amount: Decimal) -> Result<Decimal, ValueProblem> {
    if amount.trunc().mantissa().abs() > LARGEST_AMOUNT {
        return Err("expected an amount with at most 16 digits before the point".to_owned());
    }
    Ok(amount)
}

/// Reads a number that stands as every database writes it: `1234.56`, without zeros before it.
fn quick(text: &str) -> Option<Decimal> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits.as_bytes()),
        None => (false, text.as_bytes()),
    };
    let zeros = digits.first() == Some(&b'0') && digits.get(1).is_some_and(u8::is_ascii_digit);
    if digits.is_empty() || digits.len() > 18 || zeros {
        return None;
    }
    let (mut number, mut point) = (0_i64, None);
    for (place, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + i64::from(byte - b'0'),
            b'.' if point.is_none() && place > 0 && place + 1 < digits.len() => point = Some(place),
            _ => return None,
        }
    }
    let scale = point.map_or(0, |point| digits.len() - point - 1);
    let number = if negative { -number } else { number };
    (!negative || number != 0).then(|| Decimal::new(number, u32::try_from(scale).unwrap_or(0)))
}

fn decimal(text: &str) -> Result<Decimal, ValueProblem> {
    let text = text.trim();
    let plain = !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-'))
        && text.bytes().any(|b| b.is_ascii_digit());
    let number = plain.then(|| Decimal::from_str_exact(text).ok()).flatten();
    // What a spreadsheet makes of a small number: 1e-7.
    let number = number.or_else(|| {
        let scientific = text.bytes().any(|b| matches!(b, b'e' | b'E'));
        scientific.then(|| Decimal::from_scientific(text).ok()).flatten()
    });
    number.ok_or_else(|| "expected a number such as 1234.56".to_owned())
}

fn boolean(text: &str) -> Result<&'static str, ValueProblem> {
    let text = text.trim();
    if text == "1" || text.eq_ignore_ascii_case("true") {
        Ok("true")
    } else if text == "0" || text.eq_ignore_ascii_case("false") {
        Ok("false")
    } else {
        Err("expected true, false, 1 or 0".to_owned())
    }
}

/// Reads the address of a mailbox: a local part without quotes and a name of a host with a dot
/// (RFC 5321, section 4.1.2; forms that nobody uses are refused). Written in lower case.
fn email(text: &str, into: &mut String) -> Result<(), ValueProblem> {
    let problem = || "expected an e-mail address such as ana@acme.example".to_owned();
    let text = text.trim();
    let (local, host) = text.rsplit_once('@').ok_or_else(problem)?;
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let local_fits = local.len() <= 64
        && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.chars().all(|c| c.is_alphanumeric() || c == '-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let host_fits = host.contains('.') && host.split('.').all(label);
    if text.len() > LONGEST_EMAIL || !local_fits || !host_fits {
        return Err(problem());
    }
    into.extend(text.chars().flat_map(char::to_lowercase));
    Ok(())
}
