//! What a bake has seen, and what follows from it.
//!
//! 1. A look at an app that provably serves something else says nothing about the new release, and one
//!    that could not be made says nothing at all: neither counts, and neither rolls back.
//! 2. So many conclusive failures in a row as the configuration says: stable goes back.
//! 3. When the time is over and the last look that counts has failed, a few more looks decide: it is
//!    either a failure for good, or over.
//! 4. A bake in which no look counts has found out nothing. The release stands.

use serde::Serialize;

use crate::evidence::probes::ProbeFound;
use crate::model::CommitSha;
use crate::probe::ProbeFailure;

/// One look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// The app provably served another release.
    Older {
        /// The number of that release.
        release: u64,
        /// Its commit.
        commit: CommitSha,
    },
    /// The probe was run once.
    Probed(ProbeFound),
}

/// The looks so far.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// How many looks there were.
    pub looks: u32,
    /// How many of them passed.
    pub passed: u32,
    /// How many conclusively failed.
    pub failed: u32,
    /// How many could not be made.
    pub unknown: u32,
    /// How many saw another release.
    pub older: u32,
    /// How many of those that count have failed since the last one that passed.
    pub failed_in_a_row: u32,
    /// The last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<ProbeFailure>,
    /// Why the last look that could not be made was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_unknown: Option<String>,
    /// The other release, where the last look that could tell saw one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub still_served: Option<StillServed>,
    /// How many looks there were after the time was over.
    #[serde(skip)]
    late: u32,
}

/// A release that is served in place of the newest one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StillServed {
    /// Its number.
    pub release: u64,
    /// Its commit.
    pub commit: CommitSha,
}

/// What follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BakeVerdict {
    /// The next look decides.
    Continue,
    /// What is served works.
    Healthy,
    /// Stable goes back.
    RollBack {
        /// Why, in a sentence each.
        reasons: Vec<String>,
    },
    /// Nobody could find out.
    Inconclusive {
        /// Why.
        why: String,
    },
}

impl Watched {
    /// Takes a look. `late`: the time was over before it.
    pub fn take(&mut self, look: Look, late: bool) {
        self.looks = self.looks.saturating_add(1);
        self.late = self.late.saturating_add(u32::from(late));
        match look {
            Look::Older { release, commit } => {
                self.older = self.older.saturating_add(1);
                self.still_served = Some(StillServed { release, commit });
            }
            Look::Probed(ProbeFound::Passed { .. }) => {
                self.passed = self.passed.saturating_add(1);
                self.failed_in_a_row = 0;
                self.still_served = None;
            }
            Look::Probed(ProbeFound::Failed(failure)) => {
                self.failed = self.failed.saturating_add(1);
                self.failed_in_a_row = self.failed_in_a_row.saturating_add(1);
                self.last_failure = Some(failure);
                self.still_served = None;
            }
            Look::Probed(ProbeFound::Unknown { why }) => {
                self.unknown = self.unknown.saturating_add(1);
                self.last_unknown = Some(why);
            }
        }
    }

    /// Says what follows. `failures`: how many in a row roll back; `over`: whether the time is over.
    pub fn judge(&self, failures: u32, over: bool) -> BakeVerdict {
        let what = self.last_failure.as_ref().map_or("it failed", |failure| failure.what.as_str());
        let in_a_row = self.failed_in_a_row;
        if in_a_row > 0 && in_a_row >= failures {
            let times = if in_a_row == 1 { "look has" } else { "looks in a row have" };
            return BakeVerdict::RollBack {
                reasons: vec![format!("bake: {what}"), format!("{in_a_row} {times} failed")],
            };
        }
        if !over || self.looks == 0 {
            return BakeVerdict::Continue;
        }
        if in_a_row > 0 {
            if self.late < failures {
                return BakeVerdict::Continue;
            }
            let why =
                format!("the last look that counts has failed ({what}), and no other followed");
            return BakeVerdict::Inconclusive { why };
        }
        if self.passed > 0 {
            return BakeVerdict::Healthy;
        }
        let why = match (&self.still_served, &self.last_unknown) {
            (Some(still), _) => format!(
                "release {} ({}) was served all the time",
                still.release,
                still.commit.short()
            ),
            (None, Some(why)) => format!("no look could be made: {why}"),
            (None, None) => "there was no look".to_owned(),
        };
        BakeVerdict::Inconclusive { why }
    }

    /// Says what people should know beside the verdict. `release` is the one that was watched.
    pub fn warnings(&self, release: u64) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(still) = &self.still_served {
            warnings.push(format!(
                "release {release} is not served: the app still serves release {} ({}); see whether it was deployed",
                still.release,
                still.commit.short()
            ));
        }
        if let Some(why) = &self.last_unknown {
            let looks = self.looks;
            warnings.push(format!("{} of {looks} looks could not be made: {why}", self.unknown));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed() -> Look {
        Look::Probed(ProbeFound::Passed { seen: "200".to_owned() })
    }

    fn failed() -> Look {
        Look::Probed(ProbeFound::Failed(ProbeFailure::new("GET /: 500")))
    }

    fn unknown() -> Look {
        Look::Probed(ProbeFound::Unknown { why: "no such host".to_owned() })
    }

    fn older() -> Look {
        Look::Older { release: 6, commit: "a".repeat(40).parse().unwrap() }
    }

    fn watched(looks: impl IntoIterator<Item = Look>) -> Watched {
        let mut watched = Watched::default();
        for look in looks {
            watched.take(look, false);
        }
        watched
    }

    fn rolls_back(watched: &Watched) -> bool {
        matches!(watched.judge(2, false), BakeVerdict::RollBack { .. })
    }

    #[test]
    fn failures_in_a_row_roll_back_before_the_time_is_over() {
        assert!(rolls_back(&watched([passed(), failed(), failed()])));
        let BakeVerdict::RollBack { reasons } = watched([failed(), failed()]).judge(2, false)
        else {
            panic!("no rollback");
        };
        assert_eq!(reasons, ["bake: GET /: 500", "2 looks in a row have failed"]);
    }

    #[test]
    fn a_look_that_passes_ends_the_row() {
        let flaky = watched([failed(), passed(), failed(), passed(), failed()]);
        assert_eq!(flaky.judge(2, false), BakeVerdict::Continue);
    }

    #[test]
    fn looks_that_say_nothing_neither_count_nor_end_the_row() {
        assert!(!rolls_back(&watched([unknown(), unknown(), unknown(), older(), older()])));
        assert!(!rolls_back(&watched([failed(), unknown(), older()])));
        assert!(rolls_back(&watched([failed(), unknown(), older(), failed()])));
    }

    #[test]
    fn nothing_is_decided_without_a_look() {
        assert_eq!(watched([]).judge(2, true), BakeVerdict::Continue);
        assert_eq!(watched([passed()]).judge(2, false), BakeVerdict::Continue);
    }

    #[test]
    fn what_works_at_the_end_is_healthy() {
        assert_eq!(watched([passed()]).judge(2, true), BakeVerdict::Healthy);
        assert_eq!(watched([failed(), passed()]).judge(2, true), BakeVerdict::Healthy);
        assert_eq!(watched([passed(), unknown()]).judge(2, true), BakeVerdict::Healthy);
    }

    #[test]
    fn a_failure_at_the_end_is_looked_at_again() {
        let mut open = watched([passed(), failed()]);
        assert_eq!(open.judge(2, true), BakeVerdict::Continue);
        let mut mended = open.clone();
        mended.take(passed(), true);
        assert_eq!(mended.judge(2, true), BakeVerdict::Healthy);
        let mut broken = open.clone();
        broken.take(failed(), true);
        assert!(matches!(broken.judge(2, true), BakeVerdict::RollBack { .. }));
        // And not for ever.
        open.take(unknown(), true);
        assert_eq!(open.judge(2, true), BakeVerdict::Continue);
        open.take(unknown(), true);
        assert!(matches!(open.judge(2, true), BakeVerdict::Inconclusive { .. }));
    }

    #[test]
    fn a_bake_that_saw_nothing_says_so() {
        let why = |looks: Vec<Look>| match watched(looks).judge(2, true) {
            BakeVerdict::Inconclusive { why } => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why(vec![unknown()]), "no look could be made: no such host");
        assert_eq!(why(vec![older()]), "release 6 (aaaaaaa) was served all the time");
    }

    #[test]
    fn what_is_still_served_is_told_unless_a_later_look_saw_the_new_one() {
        let told = watched([passed(), older()]).warnings(7);
        assert!(told[0].contains("still serves release 6 (aaaaaaa)"), "{told:?}");
        assert!(watched([older(), passed()]).warnings(7).is_empty());
    }
}
