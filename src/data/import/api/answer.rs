//! One answer of an API: where its rows are. Its text stays as it is; numbers keep their digits.

use std::cell::RefCell;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The most keys that are named where one is missing.
const MOST_NAMED: usize = 30;

/// Stops the parser where whoever takes the rows wants no more; what was wrong is kept beside it.
const STOPPED: &str = "stopped";

/// Why an answer holds no rows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerProblem {
    /// It is no JSON.
    #[error("it is no JSON: {0}")]
    NoJson(String),
    /// It is not what is declared.
    #[error("{}{problem}", if pointer.is_empty() { String::new() } else { format!("{pointer}: ") })]
    Schema {
        /// Where, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What was expected, and what was found.
        problem: String,
    },
}

/// What stands at a place of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing.
    Missing,
    /// `null`.
    Null,
    /// A text.
    Text(String),
    /// A number, as it was written.
    Number(String),
    /// Something else, in words.
    Other(&'static str),
}

/// An answer that is JSON.
#[derive(Debug)]
pub struct Answer<'a> {
    whole: &'a RawValue,
    rows: &'a RawValue,
}

impl<'a> Answer<'a> {
    /// Reads an answer, and finds its rows at a JSON pointer; the empty one is the whole answer.
    pub fn read(body: &'a [u8], pointer: &str) -> Result<Self, AnswerProblem> {
        let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let whole: &RawValue = serde_json::from_slice(text)
            .map_err(|error| AnswerProblem::NoJson(error.to_string()))?;
        let rows = descend(whole, pointer)
            .map_err(|(at, problem)| AnswerProblem::Schema { pointer: at.to_owned(), problem })?;
        match first(rows) {
            b'[' => Ok(Self { whole, rows }),
            _ => Err(AnswerProblem::Schema {
                pointer: pointer.to_owned(),
                problem: format!("expected an array of rows, found {}{}", kind(rows), names(rows)),
            }),
        }
    }

    /// Hands out each row, one after another: they are never in memory together. Returns how many there
    /// were; ends with the first error of `take`.
    pub fn rows<E>(&self, mut take: impl FnMut(&'a RawValue) -> Result<(), E>) -> Result<u64, E> {
        let failed = RefCell::new(None);
        let mut count = 0;
        let each = Each(|row| {
            count += 1;
            take(row).map_err(|error| *failed.borrow_mut() = Some(error)).is_ok()
        });
        // The whole answer was found to be JSON, so nothing else can fail.
        let _ = serde_json::Deserializer::from_str(self.rows.get()).deserialize_seq(each);
        failed.into_inner().map_or(Ok(count), Err)
    }

    /// Returns what stands at a JSON pointer.
    pub(super) fn find(&self, pointer: &str) -> Found {
        let Ok(found) = descend(self.whole, pointer) else { return Found::Missing };
        match first(found) {
            b'n' => Found::Null,
            b'f' => Found::Other("false"),
            b'"' => serde_json::from_str(found.get()).map_or(Found::Other("a text"), Found::Text),
            b'{' | b'[' | b't' => Found::Other(kind(found)),
            _ => Found::Number(found.get().to_owned()),
        }
    }

    /// Says which keys the first row has: `; there are day, id`.
    pub fn first_keys(&self) -> String {
        let mut keys = String::new();
        let _ = self.rows(|row| {
            keys = names(row);
            Err(())
        });
        keys
    }
}

/// Returns the byte by which a value is known.
pub(super) fn first(value: &RawValue) -> u8 {
    value.get().bytes().next().unwrap_or_default()
}

/// Says in words what a value is.
pub(super) fn kind(value: &RawValue) -> &'static str {
    match first(value) {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a text",
        b't' => "true",
        b'f' => "false",
        b'n' => "null",
        _ => "a number",
    }
}

/// Says which keys an object has; nothing of what is no object.
pub(super) fn names(value: &RawValue) -> String {
    let mut names = Vec::new();
    let keys = Keys(&mut names);
    let read = serde_json::Deserializer::from_str(value.get()).deserialize_map(keys);
    if read.is_err() || names.is_empty() {
        return String::new();
    }
    let shown: Vec<String> = names.iter().take(MOST_NAMED).map(|name| shown(name)).collect();
    let more = if names.len() > MOST_NAMED { ", …" } else { "" };
    format!("; there are {}{more}", shown.join(", "))
}

/// A key as it may be shown: others wrote it.
fn shown(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let short: String = name.chars().take(60).collect();
    if !short.is_empty() && short.chars().all(plain) { short } else { format!("{short:?}") }
}

/// Follows a JSON pointer. The error is the place at which it ends, and why.
fn descend<'a, 'p>(
    whole: &'a RawValue,
    pointer: &'p str,
) -> Result<&'a RawValue, (&'p str, String)> {
    let mut value = whole;
    let mut at = 0;
    for token in pointer.split('/').skip(1) {
        let here = &pointer[..at];
        at += 1 + token.len();
        let name = token.replace("~1", "/").replace("~0", "~");
        let mut found = None;
        let read = match first(value) {
            b'{' => serde_json::Deserializer::from_str(value.get())
                .deserialize_map(Key { name: &name, found: &mut found }),
            b'[' => serde_json::Deserializer::from_str(value.get())
                .deserialize_seq(Element { index: name.parse().ok(), found: &mut found }),
            _ => {
                return Err((here, format!("expected an object, found {}", kind(value))));
            }
        };
        value = match (read, found) {
            (Ok(()), Some(found)) => found,
            (Ok(()) | Err(_), _) => {
                return Err((here, format!("there is no {name:?}{}", names(value))));
            }
        };
    }
    Ok(value)
}

/// The value of one key; of several with one name, the last.
struct Key<'k, 'f, 'de> {
    name: &'k str,
    found: &'f mut Option<&'de RawValue>,
}

impl<'de> Visitor<'de> for Key<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value::<&'de RawValue>()?;
            if key == self.name {
                *self.found = Some(value);
            }
        }
        Ok(())
    }
}

/// One element of an array.
struct Element<'f, 'de> {
    index: Option<usize>,
    found: &'f mut Option<&'de RawValue>,
}

impl<'de> Visitor<'de> for Element<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut place = 0;
        while let Some(value) = elements.next_element::<&'de RawValue>()? {
            if Some(place) == self.index {
                *self.found = Some(value);
            }
            place += 1;
        }
        Ok(())
    }
}

/// The keys of an object.
struct Keys<'n>(&'n mut Vec<String>);

impl<'de> Visitor<'de> for Keys<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if self.0.len() <= MOST_NAMED {
                self.0.push(key);
            }
        }
        Ok(())
    }
}

/// Every element of an array; ends where the closure says `false`.
struct Each<F>(F);

impl<'de, F: FnMut(&'de RawValue) -> bool> Visitor<'de> for Each<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(value) = elements.next_element::<&'de RawValue>()? {
            if !(self.0)(value) {
                return Err(A::Error::custom(STOPPED));
            }
        }
        Ok(())
    }
}
