//! One row of an answer: the cells that an import wants.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::answer::{first, kind};
use crate::data::import::{Fault, Import};

/// The largest row, in bytes, as it is kept until it is imported.
const LARGEST_ROW: usize = 1 << 20;

/// The cells of one row, in the order of [`Import::sources`]. It is used again for the next row.
#[derive(Debug)]
pub struct Cells {
    names: Vec<String>,
    /// Which of them each row has to have.
    needed: Vec<bool>,
    /// Whose values are never shown.
    password: Option<usize>,
    values: Vec<Option<String>>,
    there: Vec<bool>,
    /// How many rows had which of them, and how many were objects.
    seen: Vec<u64>,
    rows: u64,
}

impl Cells {
    /// Begins with the columns of an import.
    pub fn new(import: &Import) -> Self {
        let names: Vec<String> = import.sources().map(str::to_owned).collect();
        let mut needed: Vec<bool> = import.columns.iter().map(|column| !column.nullable).collect();
        let password = import.password.as_ref().map(|_| needed.len());
        // Where there is no password, one is made up.
        needed.resize(names.len(), false);
        Self {
            values: vec![None; names.len()],
            there: vec![false; names.len()],
            seen: vec![0; names.len()],
            rows: 0,
            names,
            needed,
            password,
        }
    }

    /// Returns the cells of the last row; `None` is no value.
    pub fn values(&self) -> impl Iterator<Item = Option<&str>> {
        self.values.iter().map(Option::as_deref)
    }

    /// Returns the columns that no row had so far, of those that each has to have.
    pub fn never_seen(&self) -> Vec<&str> {
        let found = self.names.iter().zip(&self.needed).zip(&self.seen);
        found
            .filter(|((_, needed), seen)| **needed && **seen == 0 && self.rows > 0)
            .map(|((name, _), _)| name.as_str())
            .collect()
    }

    /// Reads one row. Returns what is wrong with it as a row; the cells are what could be read.
    pub fn read(&mut self, row: &RawValue) -> Option<Fault> {
        self.values.fill(None);
        self.there.fill(false);
        if first(row) != b'{' {
            let rule = format!("expected an object, found {}", kind(row));
            return Some(Fault::new("(row)", None, rule));
        }
        self.rows += 1;
        let mut faults = Vec::new();
        let read = serde_json::Deserializer::from_str(row.get())
            .deserialize_map(Fill { cells: self, faults: &mut faults });
        if read.is_err() {
            faults.push(Fault::new("(row)", None, "expected keys that are Unicode"));
        }
        for (place, name) in self.names.iter().enumerate() {
            self.seen[place] += u64::from(self.there[place]);
            if self.needed[place] && !self.there[place] {
                faults.push(Fault::new(name, None, "expected the key, which is missing"));
            }
        }
        // As it is written between quotes.
        let long = |value: &String| value.len() + value.matches('"').count() + 3;
        if self.values.iter().flatten().map(long).sum::<usize>() >= LARGEST_ROW {
            self.values.fill(None);
            let rule = format!("expected a row of at most {LARGEST_ROW} bytes");
            return Some(Fault::new("(row)", None, rule));
        }
        together(faults)
    }

    fn set(&mut self, place: usize, value: &RawValue) -> Option<Fault> {
        self.there[place] = true;
        let name = &self.names[place];
        let shown = self.password != Some(place);
        let fault = |rule: String, value: Option<&str>| {
            Some(Fault::new(name, value.filter(|_| shown), rule))
        };
        let text = value.get();
        let (read, fault) = match first(value) {
            b'n' => (None, None),
            b'{' | b'[' => {
                let rule = format!("expected a single value, found {}", kind(value));
                (Some(text.to_owned()), fault(rule, Some(text)))
            }
            b'"' => match serde_json::from_str::<String>(text) {
                Ok(read) if read.contains('\0') => {
                    let rule = "expected a text without the character NUL".to_owned();
                    (Some(read.replace('\0', "\u{fffd}")), fault(rule, None))
                }
                Ok(read) => (Some(read), None),
                Err(_) => (Some(text.to_owned()), fault("expected Unicode".to_owned(), Some(text))),
            },
            // Numbers, `true` and `false` are kept as they are written.
            _ => (Some(text.to_owned()), None),
        };
        self.values[place] = read;
        fault
    }
}

/// Several faults of one row as one: the first column, and all rules.
fn together(faults: Vec<Fault>) -> Option<Fault> {
    let mut faults = faults.into_iter();
    let mut first = faults.next()?;
    for other in faults {
        first.rule += &format!("; {}: {}", other.column, other.rule);
    }
    Some(first)
}

/// Takes the values of the wanted keys.
struct Fill<'c> {
    cells: &'c mut Cells,
    faults: &'c mut Vec<Fault>,
}

impl<'de> Visitor<'de> for Fill<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value::<&'de RawValue>()?;
            if let Some(place) = self.cells.names.iter().position(|name| *name == key) {
                let is_again = self.cells.there[place];
                self.faults.extend(self.cells.set(place, value));
                if is_again {
                    // Which of the values is meant, nobody can know.
                    self.faults.push(Fault::new(&key, None, "expected the key once"));
                }
            }
        }
        Ok(())
    }
}
