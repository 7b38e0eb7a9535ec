//! What failed in a run whose failed jobs are tried again: `retries/<commit>.json`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{CommitSha, RunIdentity};

/// A first try that failed. A later attempt of the same run finds here what it may call flaky.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryNote {
    /// The version of the format.
    pub version: u32,
    /// The commit that was tested.
    pub commit: CommitSha,
    /// The run, and the attempt that failed.
    pub run: RunIdentity,
    /// The path of the workflow's file, where the runner says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The ids of the required jobs that failed, in this attempt or an earlier one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_jobs: Vec<String>,
    /// The tests that failed, in this attempt or an earlier one, as `class::name`; at most
    /// [`RetryNote::MOST_NAMES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<String>,
    /// Whether GitHub has accepted the start of the retry workflow. The note is written before, so
    /// that a gate that is killed in between leaves it `false`, and the next one starts it.
    #[serde(default)]
    pub dispatched: bool,
    /// When it was first written.
    pub created: Timestamp,
}

impl RetryNote {
    /// So many names of jobs, and of tests, are kept.
    pub const MOST_NAMES: usize = 200;

    /// So many notes are kept on the branch: a retry is over within hours.
    pub const KEPT: usize = 50;

    /// Returns the note with what failed in earlier attempts of the same run, and with what is
    /// known about this very attempt already.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Self>) -> Self {
        if let Some(earlier) = earlier.filter(|earlier| earlier.run.id == self.run.id) {
            add(&mut self.failed_jobs, &earlier.failed_jobs);
            add(&mut self.failed_tests, &earlier.failed_tests);
            if earlier.run.attempt == self.run.attempt {
                self.dispatched |= earlier.dispatched;
                self.created = earlier.created;
            }
        }
        self.failed_jobs.truncate(Self::MOST_NAMES);
        self.failed_tests.truncate(Self::MOST_NAMES);
        self
    }

    /// Whether it was written by an earlier attempt of this run.
    pub fn is_before(&self, run: &RunIdentity) -> bool {
        self.run.id == run.id && self.run.attempt < run.attempt
    }
}

fn add(names: &mut Vec<String>, more: &[String]) {
    for name in more {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
}

/// Returns the notes that have to go once `new` is written, so that the newest ones stay.
pub(super) fn outdated<'a>(
    notes: &'a BTreeMap<CommitSha, RetryNote>,
    new: &RetryNote,
) -> Vec<&'a CommitSha> {
    let mut others: Vec<&RetryNote> =
        notes.values().filter(|note| note.commit != new.commit).collect();
    others.sort_by_key(|note| std::cmp::Reverse(note.created));
    others.into_iter().skip(RetryNote::KEPT - 1).map(|note| &note.commit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(commit: char, attempt: u32, tests: &[&str]) -> RetryNote {
        RetryNote {
            version: super::super::FORMAT,
            commit: commit.to_string().repeat(40).parse().unwrap(),
            run: RunIdentity { id: 7, attempt },
            workflow: None,
            failed_jobs: vec!["tests".to_owned()],
            failed_tests: tests.iter().map(|name| (*name).to_owned()).collect(),
            dispatched: false,
            created: Timestamp::from_second(i64::from(attempt)).unwrap(),
        }
    }

    #[test]
    fn a_later_attempt_remembers_what_failed_before() {
        let first = RetryNote { dispatched: true, ..note('a', 1, &["t::a", "t::b"]) };
        let second = note('a', 2, &["t::b", "t::c"]).after(Some(&first));
        assert_eq!(second.failed_tests, ["t::b", "t::c", "t::a"]);
        assert_eq!(second.failed_jobs, ["tests"]);
        assert!(!second.dispatched, "another attempt needs another dispatch");
        let other = RetryNote { run: RunIdentity { id: 8, attempt: 1 }, ..first };
        assert_eq!(note('a', 2, &[]).after(Some(&other)).failed_tests, [""; 0]);
    }

    #[test]
    fn the_same_attempt_again_changes_nothing() {
        let first = RetryNote { dispatched: true, ..note('a', 1, &["t::a"]) };
        let later = RetryNote { created: Timestamp::now(), ..note('a', 1, &["t::a"]) };
        assert_eq!(later.after(Some(&first)), first);
    }

    #[test]
    fn names_are_bounded() {
        let names: Vec<String> =
            (0..RetryNote::MOST_NAMES + 5).map(|n| format!("t::{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(note('a', 1, &names).after(None).failed_tests.len(), RetryNote::MOST_NAMES);
    }

    #[test]
    fn the_oldest_notes_go() {
        let mut notes = BTreeMap::new();
        for number in 0..RetryNote::KEPT {
            let commit: CommitSha = format!("{number:040x}").parse().unwrap();
            let created = Timestamp::from_second(i64::try_from(number).unwrap()).unwrap();
            notes.insert(commit.clone(), RetryNote { commit, created, ..note('f', 1, &[]) });
        }
        let new = note('a', 1, &[]);
        let gone: Vec<&str> = outdated(&notes, &new).iter().map(|commit| commit.as_str()).collect();
        assert_eq!(gone, ["0".repeat(40)]);
        let again = notes.values().next_back().unwrap().clone();
        assert!(outdated(&notes, &again).is_empty());
    }
}
