//! Which version is served: the commit that the app shows, held against the release records.
//!
//! What an app shows is text of others. It is compared with the commits of records, and nothing else
//! of it counts.

use std::fmt;

use serde::Serialize;

use crate::model::CommitSha;
use crate::state::State;

/// How many digits a commit has to be shown with: as many as git itself abbreviates to.
const FEWEST_DIGITS: usize = 7;

/// The digits of a whole commit.
const ALL_DIGITS: usize = 40;

/// Which version is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "served", rename_all = "snake_case")]
pub enum Served {
    /// The newest release.
    Same {
        /// Its number.
        release: u64,
        /// Its commit.
        commit: CommitSha,
    },
    /// Another release.
    Older {
        /// The number of its newest record.
        release: u64,
        /// Its commit.
        commit: CommitSha,
    },
    /// A commit that no record names.
    Unknown {
        /// What the app shows, in lower case.
        shown: String,
    },
    /// An answer that shows no commit.
    NotShown {
        /// What it shows instead.
        why: String,
    },
    /// Nobody answered.
    Unreachable {
        /// Why.
        why: String,
    },
}

impl Served {
    /// Holds what the app shows against the records.
    pub fn of(shown: &str, state: &State) -> Self {
        let shown = shown.trim().to_ascii_lowercase();
        let digits = shown.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits || !(FEWEST_DIGITS..=ALL_DIGITS).contains(&shown.len()) {
            // It may be a whole page, or a key.
            let length = shown.chars().count();
            let why = format!(
                "expected a commit of {FEWEST_DIGITS} to {ALL_DIGITS} hexadecimal digits, found {length} characters"
            );
            return Self::NotShown { why };
        }
        let newest = state.newest_number();
        let mut found: Option<(u64, &CommitSha)> = None;
        for entry in state.index.iter().rev().filter(|e| e.commit.as_str().starts_with(&shown)) {
            match found {
                Some((_, commit)) if *commit != entry.commit => {
                    let why = format!("{shown} is the beginning of several released commits");
                    return Self::NotShown { why };
                }
                Some(_) => {}
                None => found = Some((entry.number, &entry.commit)),
            }
        }
        match found {
            Some((release, commit)) if release == newest => {
                Self::Same { release, commit: commit.clone() }
            }
            Some((release, commit)) => Self::Older { release, commit: commit.clone() },
            None => Self::Unknown { shown },
        }
    }
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { release, commit } => {
                write!(f, "serves release {release} ({})", commit.short())
            }
            Self::Older { release, commit } => {
                write!(f, "still serves release {release} ({})", commit.short())
            }
            Self::Unknown { shown } => write!(f, "serves {shown}, which no release was made from"),
            Self::NotShown { why } => write!(f, "does not show its commit: {why}"),
            Self::Unreachable { why } => write!(f, "cannot be asked for its commit: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{IndexEntry, RecordKind};

    fn sha(digit: char) -> CommitSha {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn state(commits: &[&str]) -> State {
        let entry = |(number, commit): (u64, &&str)| IndexEntry {
            number,
            kind: RecordKind::Promotion,
            commit: commit.parse().unwrap(),
            created: "2026-03-01T12:00:00Z".parse().unwrap(),
        };
        State { index: (1..).zip(commits).map(entry).collect(), ..State::default() }
    }

    #[test]
    fn what_is_shown_is_held_against_the_records() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let state = state(&[&a, &b]);
        let of = |shown: &str| Served::of(shown, &state);
        assert_eq!(of(&b), Served::Same { release: 2, commit: sha('b') });
        assert_eq!(of(" BBBBBBB\n"), Served::Same { release: 2, commit: sha('b') });
        assert_eq!(of(&a[..12]), Served::Older { release: 1, commit: sha('a') });
        assert_eq!(of("ccccccc"), Served::Unknown { shown: "ccccccc".to_owned() });
    }

    #[test]
    fn a_release_that_came_back_is_the_newest() {
        let (a, b) = ("a".repeat(40), "b".repeat(40));
        let state = state(&[&a, &b, &a]);
        assert_eq!(Served::of(&a, &state), Served::Same { release: 3, commit: sha('a') });
        assert_eq!(Served::of(&b, &state), Served::Older { release: 2, commit: sha('b') });
    }

    #[test]
    fn what_is_no_commit_is_not_repeated() {
        let state = state(&[&"a".repeat(40)]);
        for shown in ["", "aaaaaa", "v1.2.3", "s3cret-value", &"a".repeat(41), "aaaaaaä"] {
            let served = Served::of(shown, &state);
            assert!(matches!(&served, Served::NotShown { .. }), "{served:?}");
            assert!(shown.is_empty() || !served.to_string().contains(shown), "{served}");
        }
    }

    #[test]
    fn what_fits_two_commits_proves_nothing() {
        let (one, other) =
            (format!("abcdef0{}", "1".repeat(33)), format!("abcdef0{}", "2".repeat(33)));
        let state = state(&[&one, &other]);
        assert!(matches!(Served::of("abcdef0", &state), Served::NotShown { .. }));
        assert!(matches!(Served::of("abcdef02", &state), Served::Same { release: 2, .. }));
    }
}
