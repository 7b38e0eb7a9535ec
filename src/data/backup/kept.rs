//! What there is of backups, and which of them may go.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::{BackupDescription, DESCRIPTION, UNFINISHED};
use crate::data::{Kept, PrunePlan, Reason, Removal};

/// How long what is not whole stays: it may be under way.
const FRESH: SignedDuration = SignedDuration::from_hours(24);

/// A backup in its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Backup {
    /// Its name.
    pub name: String,
    /// When it was made, as its name says.
    pub created: Timestamp,
    /// The size of the copy, in bytes; `None` where only its description is there.
    pub size: Option<u64>,
    /// When the store last got any of it, by the store's clock.
    pub stored: Timestamp,
    /// The version of the copy that the store tells (its `ETag`); empty where it has none.
    #[serde(skip)]
    pub etag: String,
    /// Its description; `None` where there is none, or none that can be read.
    pub description: Option<BackupDescription>,
    /// Why its description cannot be read, or what else was found wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether the note lies beside it that a run of this program makes it, or has begun to delete it.
    #[serde(skip)]
    pub noted: bool,
}

impl Backup {
    /// Tells whether it was finished, and the copy is there in its size.
    pub fn is_whole(&self) -> bool {
        self.why_not_whole().is_none()
    }

    /// Says why it cannot be used.
    pub fn why_not_whole(&self) -> Option<String> {
        if let Some(problem) = &self.problem {
            return Some(problem.clone());
        }
        let Some(description) = &self.description else {
            let why = if self.noted {
                "it was not finished: it has no description"
            } else {
                "it has no description: another program made it, or its description was deleted"
            };
            return Some(why.to_owned());
        };
        match self.size {
            Some(size) if size == description.size => None,
            Some(size) => {
                Some(format!("it has {size} bytes, and was made with {}", description.size))
            }
            None => Some("its file is gone, and only its description is there".to_owned()),
        }
    }

    /// Tells whether this program never finished it, so that nobody counts on it.
    pub fn is_unfinished(&self) -> bool {
        self.description.is_none() && self.problem.is_none() && self.noted
    }

    /// Tells whether nothing says that this program made it: it is somebody's all the same.
    pub fn is_foreign(&self) -> bool {
        self.description.is_none() && self.problem.is_none() && !self.noted
    }

    /// Sorts backups newest first: by the order in which they were made; what is not described, by time.
    pub fn sort(backups: &mut [Self]) {
        let number = |backup: &Self| backup.description.as_ref().map(|known| known.number);
        backups.sort_by(|a, b| match (number(a), number(b)) {
            (Some(one), Some(other)) if one != other => other.cmp(&one),
            // Neither time nor number alone would order all of them: the described come first.
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(_), Some(_)) | (None, None) => {
                b.created.cmp(&a.created).then_with(|| b.name.cmp(&a.name))
            }
        });
    }

    /// Everything that is deleted with it, in this order: first what says that it can be used, and
    /// last what says whose the rest is.
    fn paths(&self) -> Vec<String> {
        let ends = [DESCRIPTION, "", UNFINISHED];
        ends.into_iter().map(|end| format!("{}{end}", self.name)).collect()
    }
}

/// Decides which of them go, newest first. The newest whole one always stays, and so does what is
/// younger than a day by the store's clock.
pub fn prune_backups(backups: &[Backup], days: u32, last: u32, now: Timestamp) -> PrunePlan {
    let last = usize::try_from(last).unwrap_or(usize::MAX).max(1);
    let mut plan = PrunePlan::default();
    let mut whole = 0;
    for backup in backups {
        // What is not whole takes nobody's place.
        let position = backup.is_whole().then(|| {
            whole += 1;
            whole
        });
        let (path, created) = (backup.name.clone(), backup.created);
        let size = backup.size.unwrap_or_default();
        let age = now.duration_since(created);
        let young = age < SignedDuration::from_hours(24 * i64::from(days));
        let fresh = now.duration_since(backup.stored) < FRESH;
        let reason = match position {
            Some(position) if position <= last => Some(Reason::Newest { last }),
            Some(_) if young => Some(Reason::Young { days }),
            Some(_) | None if fresh => Some(Reason::Fresh),
            None if backup.is_foreign() => Some(Reason::Foreign),
            // A description that nobody can read may be that of a good copy.
            None if backup.problem.is_some() => Some(Reason::Unreadable),
            None if young && !backup.is_unfinished() => Some(Reason::Young { days }),
            Some(_) | None => None,
        };
        match reason {
            Some(reason) => plan.keep.push(Kept { path, created, size, reason }),
            None => {
                let paths = backup.paths();
                plan.remove.push(Removal { path, created, size, paths, version: None });
            }
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

    use super::*;
    use crate::data::BackupChoice;

    fn now() -> Timestamp {
        "2026-03-01T00:00:00Z".parse().unwrap()
    }

    fn aged(number: u64, days: i64) -> Backup {
        let created = now() - SignedDuration::from_hours(24 * days);
        Backup {
            name: format!("x_{number}.db"),
            created,
            size: Some(10),
            stored: created,
            etag: String::new(),
            description: Some(BackupDescription {
                format: 1,
                number,
                sha256: "0".repeat(64),
                size: 10,
                engine: String::new(),
                storage_format: String::new(),
                wal: None,
                permissions: None,
                created,
                tables: [].into(),
            }),
            problem: None,
            noted: false,
        }
    }

    fn sorted(mut backups: Vec<Backup>) -> Vec<Backup> {
        Backup::sort(&mut backups);
        backups
    }

    fn names(plan: &PrunePlan) -> Vec<&str> {
        plan.remove.iter().map(|removal| removal.path.as_str()).collect()
    }

    #[test]
    fn old_ones_go_and_the_newest_stay() {
        let all = sorted(vec![aged(1, 100), aged(2, 60), aged(3, 31), aged(4, 29), aged(5, 1)]);
        let plan = prune_backups(&all, 30, 2, now());
        assert_eq!(names(&plan), ["x_3.db", "x_2.db", "x_1.db"]);
        assert_eq!(plan.remove[0].paths, ["x_3.db.json", "x_3.db", "x_3.db.unfinished"]);
        let plan = prune_backups(&all, 30, 4, now());
        assert_eq!(names(&plan), ["x_1.db"]);
    }

    #[test]
    fn the_newest_whole_one_stays_whatever_is_asked_for() {
        let mut damaged = aged(3, 40);
        damaged.size = Some(9);
        let unfinished = Backup { description: None, noted: true, ..aged(4, 35) };
        let all = sorted(vec![aged(1, 100), aged(2, 60), damaged, unfinished]);
        let plan = prune_backups(&all, 0, 0, now());
        let kept: Vec<&str> = plan.keep.iter().map(|kept| kept.path.as_str()).collect();
        assert_eq!(kept, ["x_2.db"]);
        assert_eq!(plan.keep[0].reason, Reason::Newest { last: 1 });
    }

    #[test]
    fn what_this_program_did_not_make_or_cannot_read_stays() {
        let foreign = Backup { description: None, ..aged(3, 400) };
        let problem = Some("a newer program made it".to_owned());
        let newer = Backup { description: None, problem, ..aged(4, 400) };
        let all = sorted(vec![aged(1, 100), aged(2, 60), foreign, newer]);
        let plan = prune_backups(&all, 0, 1, now());
        assert_eq!(names(&plan), ["x_1.db"]);
        let reasons: Vec<&Reason> = plan.keep.iter().map(|kept| &kept.reason).collect();
        assert!(reasons.contains(&&Reason::Foreign) && reasons.contains(&&Reason::Unreadable));
    }

    #[test]
    fn what_is_under_way_stays() {
        let unfinished = Backup { description: None, noted: true, ..aged(2, 0) };
        let all = sorted(vec![aged(1, 3), unfinished]);
        assert_eq!(names(&prune_backups(&all, 0, 1, now())), [""; 0]);
    }

    #[test]
    fn a_clock_that_was_wrong_does_not_make_an_old_backup_the_newest() {
        // The second was made with a clock 20 years ahead; the third after it was set back.
        let all = sorted(vec![aged(1, 2), aged(2, -7300), aged(3, 1)]);
        let order: Vec<&str> = all.iter().map(|backup| backup.name.as_str()).collect();
        assert_eq!(order, ["x_3.db", "x_2.db", "x_1.db"]);
        assert_eq!(BackupChoice::Latest.of(&all).unwrap().name, "x_3.db");
        let at = BackupChoice::At(now() - SignedDuration::from_hours(36));
        assert_eq!(at.of(&all).unwrap().name, "x_1.db");
        assert_eq!(names(&prune_backups(&all, 30, 1, now())), [""; 0]);
    }
}
