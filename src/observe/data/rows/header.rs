//! The first line of a CSV file: what separates cells, and where the columns of an import are.

use std::io::BufRead;

use super::{REASON_COLUMN, Record, Records, RowsError};
use crate::data::import::Import;

/// What may stand between cells; the first is the usual one.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// What to do about a file of Windows programs that say "Unicode".
const UTF_16: &str =
    "save it as \"CSV UTF-8\", or convert it: iconv -f UTF-16 -t UTF-8 old.csv > new.csv";

/// The most names that are shown.
const SHOWN: usize = 30;

/// The header of a file.
#[derive(Debug, Clone, Default)]
pub struct Header {
    names: Vec<String>,
    places: Vec<usize>,
    password: Option<usize>,
    separator: char,
}

impl Header {
    /// Reads it, and finds the columns of an import.
    pub(super) fn read<R: BufRead>(
        records: &mut Records<R>,
        record: &mut Record,
        import: &Import,
    ) -> Result<Self, RowsError> {
        if records.peek()?.starts_with(b"\xef\xbb\xbf") {
            records.skip(3);
        }
        let start = records.peek()?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(records.wrong_with("it is UTF-16, expected UTF-8", UTF_16));
        }
        if start.contains(&0) {
            let mut zeros = start.iter().filter(|byte| **byte == 0);
            // Without a mark: every second byte of Latin letters is 0.
            if zeros.nth(start.len() / 3).is_some() {
                return Err(records.wrong_with("it is UTF-16, expected UTF-8", UTF_16));
            }
            return Err(records.wrong_with(
                "it holds the byte 0: it is no CSV file",
                "in the program that it is of, save it as \"CSV UTF-8\"",
            ));
        }
        let is_json = matches!(start.trim_ascii_start().first(), Some(b'{' | b'['));
        let wanted: Vec<&str> = import.sources().collect();
        records.separator = separator(start, &wanted);
        if !records.next(record)? {
            return Err(records.wrong("it is empty: there is not even a header"));
        }
        let names: Vec<String> = (0..record.len())
            .map(|place| record.cell(place).unwrap_or_default().trim().to_owned())
            .collect();
        if names.iter().any(|name| name.contains('\r')) {
            let problem = "its lines end with CR alone; save it with LF or CRLF";
            return Err(records.wrong(problem));
        }
        let mut places = Vec::with_capacity(wanted.len());
        let mut missing = Vec::new();
        for name in &wanted {
            let same = |found: &&str| found.eq_ignore_ascii_case(name);
            let mut found = (0..).zip(names.iter().map(String::as_str)).filter(|(_, f)| same(f));
            match (found.next(), found.next()) {
                (None, _) => missing.push(*name),
                (Some((place, _)), None) => places.push(place),
                (Some(_), Some(_)) => {
                    return Err(records.wrong(format!("the column {name} stands there twice")));
                }
            }
        }
        if !missing.is_empty() && is_json {
            return Err(records.wrong_with(
                "it is JSON, expected CSV with a header",
                "rows as JSON are imported from an API: see docs/reference/import.md",
            ));
        }
        if !missing.is_empty() {
            let said = if import.password.is_some() {
                absent_of_users(&missing, &wanted, &names)
            } else {
                absent(&missing, &wanted, &names)
            };
            let hint = "the columns of an import are listed in docs/reference/import.md";
            return Err(records.wrong_with(said, hint));
        }
        let password = import.password.as_ref().and_then(|_| places.last().copied());
        Ok(Self { names, places, password, separator: char::from(records.separator) })
    }

    /// Returns the names of the columns, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns what stands between cells.
    pub fn separator(&self) -> char {
        self.separator
    }

    /// Returns where the password stands.
    pub fn password(&self) -> Option<usize> {
        self.password
    }

    /// Returns which of [`Import::sources`] stands at a place.
    pub fn column(&self, place: usize) -> Option<usize> {
        self.places.iter().position(|known| *known == place)
    }

    /// Returns where the columns of the import stand.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Returns the names of columns that the import does not have.
    pub fn ignored(&self) -> Vec<&str> {
        let unknown = |place: &usize, name: &str| {
            !self.places.contains(place) && !name.is_empty() && name != REASON_COLUMN
        };
        let named = self.names.iter().map(String::as_str).enumerate();
        named.filter(|(place, name)| unknown(place, name)).map(|(_, name)| name).collect()
    }
}

/// Returns the separator with which the most of the wanted columns are found.
fn separator(start: &[u8], wanted: &[&str]) -> u8 {
    let line = start.split(|byte| *byte == b'\n').find(|line| !line.trim_ascii().is_empty());
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let found = |separator: u8| {
        let names = line.split(char::from(separator)).map(|name| name.trim().trim_matches('"'));
        let names: Vec<&str> = names.map(str::trim).collect();
        let is_there = |name: &&&str| names.iter().any(|found| found.eq_ignore_ascii_case(name));
        wanted.iter().filter(is_there).count()
    };
    // Of several that are as good, the last: `,` is asked last.
    SEPARATORS.into_iter().rev().max_by_key(|separator| found(*separator)).unwrap_or(b',')
}

/// Says which columns are missing, and no name that the import does not have: the line may be a row
/// with a password.
fn absent_of_users(missing: &[&str], wanted: &[&str], names: &[String]) -> String {
    if missing.len() == wanted.len() {
        return absent(missing, wanted, names);
    }
    let known = wanted.iter().filter(|name| !missing.contains(name));
    let mut there: Vec<String> = known.map(|name| (*name).to_owned()).collect();
    let is_other = |name: &str| wanted.iter().all(|wanted| !wanted.eq_ignore_ascii_case(name));
    let others: Vec<String> = (1..)
        .zip(names)
        .filter(|(_, name)| is_other(name))
        .map(|(place, _): (usize, _)| place.to_string())
        .take(SHOWN)
        .collect();
    match others.as_slice() {
        [] => {}
        [one] => there.push(format!("and another in place {one}")),
        several => there.push(format!("and others in the places {}", several.join(", "))),
    }
    let (s, are) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
    format!("the column{s} {} {are} missing; there are {}", missing.join(", "), there.join(", "))
}

/// Says which columns are missing. Where none is there, the line may be a row with a password, and is
/// not shown.
fn absent(missing: &[&str], wanted: &[&str], names: &[String]) -> String {
    if missing.len() == wanted.len() {
        return format!("expected a header in line 1 with the columns {}", wanted.join(", "));
    }
    let near = |name: &str| {
        let likeness =
            |other: &&String| strsim::normalized_damerau_levenshtein(name, &other.to_lowercase());
        let free = names.iter().filter(|other| !wanted.contains(&other.as_str()));
        let near = free.map(|other| (likeness(&other), other)).filter(|(near, _)| *near >= 0.6);
        near.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, other)| other)
    };
    let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
    let more = if names.len() > SHOWN { ", ..." } else { "" };
    let mut said = format!(
        "the column{} {} {} missing; there are {}{more}",
        if missing.len() == 1 { "" } else { "s" },
        missing.join(", "),
        if missing.len() == 1 { "is" } else { "are" },
        shown.join(", "),
    );
    if let Some((name, meant)) = missing.iter().find_map(|name| near(name).map(|near| (name, near)))
    {
        said += &format!(": is {meant} meant to be {name}?");
    }
    said
}
