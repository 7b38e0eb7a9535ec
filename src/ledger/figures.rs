//! The figures of a release as fields of its entry: image digests, data version, metrics, and what
//! passed only when it was tried again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Entry, NewEntry};
use crate::model::{DataVersion, Digest, ImageRef};

const IMAGE: &str = "Image";
const DATA: &str = "Data";
const METRIC: &str = "Metric";
const FLAKY: &str = "Flaky";

/// Returns the fields that say what a release consists of.
pub(super) fn fields_of(entry: &NewEntry) -> Vec<(&'static str, String)> {
    let images = entry
        .images
        .iter()
        .map(|(image, digest)| (IMAGE, format!("{}@{digest}", escape(&image.to_string()))));
    let data = entry.data.iter().map(|version| (DATA, version.to_string()));
    let metrics = entry
        .metrics
        .iter()
        // Neither a bound nor a baseline can be computed with what is not a number.
        .filter(|(_, value)| value.is_finite())
        .map(|(name, value)| (METRIC, format!("{} = {value:?}", escape(name))));
    // All in one line; a comma in a name is escaped, so that it does not end the name.
    let names: Vec<String> = entry.flaky.iter().map(|name| escape_name(name)).collect();
    let flaky = (!names.is_empty()).then(|| (FLAKY, names.join(", ")));
    images.chain(data).chain(metrics).chain(flaky).collect()
}

impl Entry {
    /// Returns the metrics; of a name that stands there twice, the last one. What cannot be read
    /// is left out.
    pub fn metrics(&self) -> BTreeMap<String, f64> {
        self.values(METRIC)
            .filter_map(|text| {
                let (name, value) = text.rsplit_once('=')?;
                let value: f64 = value.trim().parse().ok()?;
                value.is_finite().then(|| (unescape(name.trim_end_matches([' ', '\t'])), value))
            })
            .collect()
    }

    /// Returns the images with their digests, in order. What cannot be read is left out.
    pub fn images(&self) -> Vec<(ImageRef, Digest)> {
        self.values(IMAGE)
            .filter_map(|text| {
                let (image, digest) = text.rsplit_once('@')?;
                Some((unescape(image).parse().ok()?, digest.parse().ok()?))
            })
            .collect()
    }

    /// Returns the data version.
    pub fn data(&self) -> Option<DataVersion> {
        self.values(DATA).find_map(|text| text.parse().ok())
    }

    /// Returns what passed only when it was tried again: tests, and jobs as `job <id>`.
    pub fn flaky(&self) -> Vec<String> {
        self.values(FLAKY).flat_map(|text| text.split(", ")).map(unescape).collect()
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.fields.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Writes as `%XX` what would not come back from a line of Markdown as it is.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        let at_edge = (at == 0 || at == last) && c.is_whitespace();
        if c.is_control() || "%<`\\\u{2028}\u{2029}".contains(c) || at_edge {
            for byte in c.to_string().bytes() {
                // Writing to a String cannot fail.
                let _ = write!(escaped, "%{byte:02X}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Writes a name for a list. Names of tests are any text: the words that the copied shell line looks
/// for must not come from one.
fn escape_name(name: &str) -> String {
    escape(name).replace(',', "%2C").replace("Commit:", "Commit%3A").replace("Status:", "Status%3A")
}

/// Reads what [`escape`] wrote; any other `%` stands for itself.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok()?;
            let is_code = *first == b'%' && hex.bytes().all(|b| b.is_ascii_hexdigit());
            if is_code { u8::from_str_radix(hex, 16).ok() } else { None }
        });
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
