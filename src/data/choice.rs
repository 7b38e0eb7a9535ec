//! Which version a person means: by its digest, a time, a commit or a release.

use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::PublishedVersion;
use crate::model::{CommitSha, InvalidValue};

/// A release that has served a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serving {
    /// The number of its record.
    pub release: u64,
    /// The commit of its code.
    pub commit: CommitSha,
    /// When it was made.
    pub since: Timestamp,
}

/// A version that can be had, and the releases that refer to it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownVersion {
    /// What it is.
    pub published: PublishedVersion,
    /// The releases, oldest first.
    pub releases: Vec<Serving>,
}

/// What a person names a version by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionChoice {
    /// The beginning of the version's digest, or of a commit: at least 7 digits.
    Digits(String),
    /// The beginning of the digest alone, as it stands after `sha256:`.
    Digest(String),
    /// The number of a release.
    Release(u64),
    /// What was served at that time.
    At(Timestamp),
    /// What was served before the version that is served now.
    Previous,
}

/// Why no version was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// None fits.
    #[error("no published version fits")]
    None,
    /// More than one fits.
    #[error("more than one published version fits: {}", .0.join(", "))]
    Several(Vec<String>),
}

const EXPECTED: &str = "a version (at least 7 digits of its sha256), a commit, a release (12), a time (2026-02-07T19:53Z) or a day (2026-02-07), or `previous`";

fn is_hex(text: &str, most: usize) -> bool {
    (7..=most).contains(&text.len()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

impl FromStr for VersionChoice {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if text == "previous" {
            return Ok(Self::Previous);
        }
        if let Some(digits) = text.strip_prefix("sha256:") {
            let digits = is_hex(digits, 64).then(|| Self::Digest(digits.to_owned()));
            return digits.ok_or_else(|| InvalidValue::new(text, EXPECTED));
        }
        // Seven digits and more may be the beginning of a digest.
        if text.len() < 7
            && let Ok(release) = text.parse()
        {
            return Ok(Self::Release(release));
        }
        if is_hex(text, 64) {
            return Ok(Self::Digits(text.to_owned()));
        }
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        // The whole day counts: what was served at its end.
        let day: Option<Date> = text.parse().ok();
        let end = day.and_then(|day| day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok());
        end.map(|end| Self::At(end.timestamp())).ok_or_else(|| InvalidValue::new(text, EXPECTED))
    }
}

impl VersionChoice {
    /// Finds the version that is meant. Where releases refer to versions, they say what was served
    /// when; before the first release, and without any, the times at which versions were first
    /// published do.
    ///
    /// # Errors
    /// [`ChoiceError`]
    pub fn of<'a>(
        &self,
        known: &'a [KnownVersion],
        served: Option<&PublishedVersion>,
    ) -> Result<&'a KnownVersion, ChoiceError> {
        let fits = |version: &KnownVersion| match self {
            Self::Digits(digits) => {
                let commits = version.releases.iter().map(|serving| &serving.commit);
                version.published.sha256.starts_with(digits)
                    || version
                        .published
                        .commit
                        .iter()
                        .chain(commits)
                        .any(|commit| commit.as_str().starts_with(digits))
            }
            Self::Digest(digits) => version.published.sha256.starts_with(digits),
            Self::Release(number) => {
                version.releases.iter().any(|serving| serving.release == *number)
            }
            Self::At(_) | Self::Previous => false,
        };
        match self {
            Self::Digits(_) | Self::Digest(_) | Self::Release(_) => {
                let found: Vec<&KnownVersion> = known.iter().filter(|v| fits(v)).collect();
                match found.as_slice() {
                    [one] => Ok(one),
                    [] => Err(ChoiceError::None),
                    several => Err(ChoiceError::Several(
                        several.iter().map(|v| v.published.short().to_owned()).collect(),
                    )),
                }
            }
            Self::At(time) => {
                let mut events = events(known);
                events.retain(|(since, _)| since <= time);
                events.last().map(|(_, version)| *version).ok_or(ChoiceError::None)
            }
            Self::Previous => {
                let is_served = |version: &KnownVersion| {
                    served.is_some_and(|served| served.version == version.published.version)
                };
                let events = events(known);
                let now = events.iter().rposition(|(_, version)| is_served(version));
                let before = &events[..now.unwrap_or(events.len())];
                let before = before.iter().rev().map(|(_, version)| *version);
                before.into_iter().find(|version| !is_served(version)).ok_or(ChoiceError::None)
            }
        }
    }
}

/// Lists since when each version was served, oldest first. Since the first release only releases let
/// anything be served: what none refers to is a candidate that was never released.
fn events(known: &[KnownVersion]) -> Vec<(Timestamp, &KnownVersion)> {
    let mut events = Vec::new();
    let first = known.iter().flat_map(|version| &version.releases).map(|s| s.since).min();
    for version in known {
        let before_releases = first.is_none_or(|first| version.published.created < first);
        if version.releases.is_empty() && before_releases {
            events.push((version.published.created, version));
        }
        events.extend(version.releases.iter().map(|serving| (serving.since, version)));
    }
    events.sort_by_key(|(since, _)| *since);
    events
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn version(digit: char, created: &str, releases: &[(u64, &str)]) -> KnownVersion {
        let sha256: String = std::iter::repeat_n(digit, 64).collect();
        let commit: CommitSha = format!("{digit}0").repeat(20).parse().unwrap();
        KnownVersion {
            published: PublishedVersion {
                version: format!("sha256:{sha256}").parse().unwrap(),
                path: format!("versions/{sha256}.duckdb"),
                sha256,
                size: 1,
                created: created.parse().unwrap(),
                commit: Some(commit.clone()),
                storage_format: "duckdb v1.2.0".to_owned(),
                content: None,
                figures: std::collections::BTreeMap::default(),
                columns: std::collections::BTreeMap::default(),
            },
            releases: releases
                .iter()
                .map(|(release, since)| Serving {
                    release: *release,
                    commit: commit.clone(),
                    since: since.parse().unwrap(),
                })
                .collect(),
        }
    }

    fn chosen(text: &str, known: &[KnownVersion], served: Option<usize>) -> String {
        let choice: VersionChoice = text.parse().unwrap();
        match choice.of(known, served.map(|at| &known[at].published)) {
            Ok(version) => version.published.sha256[..1].to_owned(),
            Err(ChoiceError::None) => "none".to_owned(),
            Err(ChoiceError::Several(several)) => format!("{} of them", several.len()),
        }
    }

    #[test]
    fn versions_without_releases_are_found() {
        let known = [
            version('a', "2026-02-01T10:00:00Z", &[]),
            version('b', "2026-02-02T10:00:00Z", &[]),
            version('c', "2026-02-03T10:00:00Z", &[]),
        ];
        for (text, expected) in [
            ("aaaaaaa", "a"),
            ("sha256:bbbbbbb", "b"),
            ("b0b0b0b0", "b"),
            ("2026-02-02T10:00Z", "b"),
            ("2026-02-02T09:59Z", "a"),
            ("2026-02-02", "b"),
            ("2026-01-31", "none"),
            ("ddddddd", "none"),
            ("12", "none"),
            ("previous", "b"),
        ] {
            assert_eq!(chosen(text, &known, Some(2)), expected, "{text}");
        }
        assert_eq!(chosen("previous", &known[..1], Some(0)), "none");
    }

    #[test]
    fn releases_say_what_was_served_when() {
        // The second release went back to the first data.
        let known = [
            version(
                'a',
                "2026-02-01T10:00:00Z",
                &[(1, "2026-02-01T11:00:00Z"), (3, "2026-02-03T11:00:00Z")],
            ),
            version('b', "2026-02-01T10:30:00Z", &[(2, "2026-02-02T11:00:00Z")]),
        ];
        for (text, expected) in [
            ("1", "a"),
            ("2", "b"),
            ("3", "a"),
            ("2026-02-02T12:00Z", "b"),
            ("2026-02-03T12:00Z", "a"),
            ("previous", "b"),
        ] {
            assert_eq!(chosen(text, &known, Some(0)), expected, "{text}");
        }
    }

    #[test]
    fn a_candidate_that_was_never_released_was_never_served() {
        let known = [
            version('a', "2026-01-01T10:00:00Z", &[]),
            version('b', "2026-02-01T10:00:00Z", &[(1, "2026-02-01T11:00:00Z")]),
            version('c', "2026-02-02T10:00:00Z", &[]),
            version('d', "2026-02-03T10:00:00Z", &[(2, "2026-02-03T11:00:00Z")]),
        ];
        for (text, expected) in
            [("previous", "b"), ("2026-02-02T12:00Z", "b"), ("2026-01-15", "a"), ("ccccccc", "c")]
        {
            assert_eq!(chosen(text, &known, Some(3)), expected, "{text}");
        }
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let mut known =
            [version('a', "2026-02-01T10:00:00Z", &[]), version('b', "2026-02-02T10:00:00Z", &[])];
        known[1].published.commit = known[0].published.commit.clone();
        assert_eq!(chosen("a0a0a0a", &known, None), "2 of them");
        for text in ["", "abc", "sha256:", "sha256:xyz", "yesterday", "-1", "AAAAAAA", "2026-02-30"]
        {
            assert!(text.parse::<VersionChoice>().is_err(), "{text}");
        }
    }
}
