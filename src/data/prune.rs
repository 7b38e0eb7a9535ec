//! Which published versions and backups may go, and why the others stay.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::DataVersion;

/// Something that may be deleted: a version with its description, or a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prunable {
    /// The version; `None` for a backup, and for files whose name is no version's.
    pub version: Option<DataVersion>,
    /// Its paths in the container, in the order in which they are deleted: the description before
    /// the file, so that nothing is described that cannot be had.
    pub paths: Vec<String>,
    /// How much it takes, in bytes.
    pub size: u64,
    /// When it was published, or the backup made.
    pub created: Timestamp,
    /// When the store last got any of it, by the store's clock.
    pub stored: Timestamp,
}

/// How long everything stays that the store got: its release may be under way.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// What must stay whatever its age, and how long the rest stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// The days that each is kept.
    pub days: u32,
    /// How many of the newest are kept.
    pub last: usize,
    /// The version that is served.
    pub served: Option<DataVersion>,
    /// The releases that refer to a version, by version.
    pub releases: BTreeMap<DataVersion, Vec<u64>>,
}

/// Why something stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Reason {
    /// `latest.json` names it.
    Served,
    /// Releases refer to it.
    Releases {
        /// Their numbers.
        releases: Vec<u64>,
    },
    /// It is one of the newest.
    Newest {
        /// How many are kept.
        last: usize,
    },
    /// It is not old enough.
    Young {
        /// The days that each is kept.
        days: u32,
    },
    /// It was stored less than a day ago: its release may be under way.
    Fresh,
    /// Nothing says that this program made it.
    Foreign,
    /// Its description cannot be read: a newer program may have written it.
    Unreadable,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Served => f.write_str("it is served"),
            Self::Releases { releases } => {
                let shown: Vec<String> =
                    releases.iter().rev().take(3).map(u64::to_string).collect();
                let more = if releases.len() > 3 { ", ..." } else { "" };
                let word = if releases.len() == 1 { "release" } else { "releases" };
                write!(f, "{word} {}{more}", shown.join(", "))
            }
            Self::Newest { last } => write!(f, "among the newest {last}"),
            Self::Young { days } => write!(f, "younger than {days} days"),
            Self::Fresh => f.write_str("stored less than a day ago"),
            Self::Foreign => f.write_str("it has no description: not made by tidegate"),
            Self::Unreadable => f.write_str("its description cannot be read"),
        }
    }
}

/// One that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Its file.
    pub path: String,
    /// When it was published, or the backup made.
    pub created: Timestamp,
    /// Its size, in bytes.
    pub size: u64,
    /// Why it stays.
    #[serde(flatten)]
    pub reason: Reason,
}

/// One that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// Its file.
    pub path: String,
    /// When it was published, or the backup made.
    pub created: Timestamp,
    /// Its size, in bytes.
    pub size: u64,
    /// Everything that is deleted, in this order.
    #[serde(skip)]
    pub paths: Vec<String>,
    /// The version; `None` for a backup.
    #[serde(skip)]
    pub version: Option<DataVersion>,
}

/// What goes and what stays, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PrunePlan {
    /// What is deleted.
    pub remove: Vec<Removal>,
    /// What stays.
    pub keep: Vec<Kept>,
}

impl PrunePlan {
    /// Decides about versions, or about backups: the newest are counted among `all`.
    pub fn of(mut all: Vec<Prunable>, keep: &Keep, now: Timestamp) -> Self {
        all.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.paths.cmp(&b.paths)));
        let mut plan = Self::default();
        for (position, one) in all.into_iter().enumerate() {
            let Prunable { version, paths, size, created, stored } = one;
            let path = paths.last().cloned().unwrap_or_default();
            match keep.reason(version.as_ref(), (created, stored), position, now) {
                Some(reason) => plan.keep.push(Kept { path, created, size, reason }),
                None => plan.remove.push(Removal { path, created, size, paths, version }),
            }
        }
        plan
    }

    /// Moves to what stays whatever something refers to by now: a release may have come since the
    /// plan was made.
    pub fn look_again(&mut self, keep: &Keep) {
        for removal in std::mem::take(&mut self.remove) {
            match keep.referred(removal.version.as_ref()) {
                Some(reason) => self.keep.push(Kept {
                    path: removal.path,
                    created: removal.created,
                    size: removal.size,
                    reason,
                }),
                None => self.remove.push(removal),
            }
        }
    }

    /// Adds another plan after this one.
    pub fn extend(&mut self, other: Self) {
        self.remove.extend(other.remove);
        self.keep.extend(other.keep);
    }

    /// Returns how much is deleted, in bytes.
    pub fn freed(&self) -> u64 {
        self.remove.iter().map(|removal| removal.size).sum()
    }
}

impl Keep {
    fn reason(
        &self,
        version: Option<&DataVersion>,
        (created, stored): (Timestamp, Timestamp),
        position: usize,
        now: Timestamp,
    ) -> Option<Reason> {
        if let Some(reason) = self.referred(version) {
            return Some(reason);
        }
        if position < self.last {
            return Some(Reason::Newest { last: self.last });
        }
        let age = now.duration_since(created);
        // What is of the future by our clock is not old.
        let young = age < SignedDuration::from_hours(24 * i64::from(self.days));
        if young {
            return Some(Reason::Young { days: self.days });
        }
        (now.duration_since(stored) < FRESH).then_some(Reason::Fresh)
    }

    /// Says what refers to a version.
    fn referred(&self, version: Option<&DataVersion>) -> Option<Reason> {
        let version = version?;
        if self.served.as_ref() == Some(version) {
            return Some(Reason::Served);
        }
        let releases = self.releases.get(version)?;
        Some(Reason::Releases { releases: releases.clone() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;

    fn version(number: u32) -> DataVersion {
        format!("sha256:{number:064x}").parse().unwrap()
    }

    fn now() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn aged(number: u32, days: i64) -> Prunable {
        Prunable {
            version: Some(version(number)),
            paths: vec![format!("versions/{number}.json"), format!("versions/{number}.duckdb")],
            size: 10,
            created: now() - SignedDuration::from_hours(24 * days),
            stored: now() - SignedDuration::from_hours(24 * days),
        }
    }

    #[test]
    fn each_stays_for_a_reason_and_the_rest_goes() {
        let all = [(1, 100), (2, 90), (3, 80), (4, 40), (5, 10), (6, 1), (7, -1)];
        let all = all.map(|(number, days)| aged(number, days)).to_vec();
        let keep = Keep {
            days: 30,
            last: 2,
            served: Some(version(2)),
            releases: [(version(1), vec![3, 4]), (version(2), vec![5])].into(),
        };
        let plan = PrunePlan::of(all, &keep, now());
        let reasons: Vec<String> = plan.keep.iter().map(|kept| kept.reason.to_string()).collect();
        assert_eq!(
            reasons,
            [
                "among the newest 2",
                "among the newest 2",
                "younger than 30 days",
                "it is served",
                "releases 4, 3"
            ]
        );
        let removed: Vec<&str> = plan.remove.iter().map(|r| r.path.as_str()).collect();
        assert_eq!(removed, ["versions/4.duckdb", "versions/3.duckdb"]);
        assert_eq!(plan.remove[0].paths, ["versions/4.json", "versions/4.duckdb"]);
        assert_eq!(plan.freed(), 20);
    }

    #[test]
    fn nothing_is_kept_that_nobody_asked_to_keep() {
        let plan = PrunePlan::of(vec![aged(1, 1)], &Keep::default(), now());
        assert_eq!((plan.remove.len(), plan.keep.len()), (1, 0));
    }

    #[test]
    fn what_came_a_moment_ago_stays_whatever_its_age() {
        let fresh = Prunable { stored: now() - SignedDuration::from_hours(23), ..aged(1, 90) };
        let plan = PrunePlan::of(vec![fresh, aged(2, 90)], &Keep::default(), now());
        let reasons: Vec<&Reason> = plan.keep.iter().map(|kept| &kept.reason).collect();
        assert_eq!((plan.remove.len(), reasons), (1, vec![&Reason::Fresh]));
    }

    #[test]
    fn what_is_referred_to_by_now_stays() {
        let all = [1, 2, 3].map(|number| aged(number, 90)).to_vec();
        let mut plan = PrunePlan::of(all, &Keep::default(), now());
        let served = Some(version(1));
        let releases = [(version(3), vec![7])].into();
        plan.look_again(&Keep { served, releases, ..Keep::default() });
        assert_eq!(plan.remove.len(), 1);
        assert_eq!(plan.remove[0].version, Some(version(2)));
        let reasons: Vec<String> = plan.keep.iter().map(|kept| kept.reason.to_string()).collect();
        assert_eq!(reasons, ["it is served", "release 7"]);
    }

    #[test]
    fn the_day_itself_still_counts() {
        let keep = Keep { days: 30, ..Keep::default() };
        let plan = PrunePlan::of(vec![aged(1, 30), aged(2, 29)], &keep, now());
        assert_eq!((plan.remove.len(), plan.keep.len()), (1, 1));
    }
}
