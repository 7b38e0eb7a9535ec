//! A month with a change of the clocks, an API that is down, a schedule that is killed and started
//! again.

use super::*;

/// What happened, in the end.
#[derive(Default)]
struct World {
    /// The days of sales that were imported.
    days: Vec<String>,
    backups: Vec<String>,
    checks: usize,
    told: Vec<String>,
}

impl World {
    fn perform(&mut self, task: &Task, slot: Timestamp, now: Timestamp) -> Outcome {
        let day = now.to_string()[..10].to_owned();
        match task.name.as_str() {
            // The API is down on three nights, and has nothing on one.
            "sales" if ["2026-10-07", "2026-10-08", "2026-10-09"].contains(&day.as_str()) => {
                Outcome::failed("the API is down", Some(8))
            }
            "sales" if day == "2026-10-18" => Outcome::NoData,
            "sales" => {
                self.days.push(slot.to_string());
                Outcome::Done
            }
            "backup" => {
                self.backups.push(slot.to_string());
                Outcome::Done
            }
            _ => {
                self.checks += 1;
                Outcome::Done
            }
        }
    }
}

/// Plays a month, from one time to the next. Every `kill`-th run is begun by a schedule that is killed at once,
/// which the next one finds.
fn play(zone: &str, from: &str, hours: i64, kill: usize) -> World {
    let plan = schedule(&format!("  timezone: {zone}\n"));
    let mut world = World::default();
    let mut file = {
        let mut book = Book::default();
        book.adopt(&plan, at(from));
        book.text().unwrap()
    };
    let mut runs = 0;
    let mut now = at(from);
    let end = now + SignedDuration::from_hours(hours);
    // From the 12th to the 14th the machine is off.
    let off = at("2026-10-12T12:00:00Z")..at("2026-10-14T12:00:00Z");
    loop {
        let next = Book::parse(&file).unwrap().next(&plan, now).unwrap();
        now = if off.contains(&next) { off.end } else { next };
        if now > end {
            return world;
        }
        // For each run a process that knows nothing but the file.
        loop {
            let mut book = Book::parse(&file).unwrap();
            book.adopt(&plan, now);
            let Some(Due { task, slot }) = book.due(&plan, now).into_iter().next() else { break };
            book.begin(task, slot, now, "x.json".to_owned());
            file = book.text().unwrap();
            runs += 1;
            if kill > 0 && runs % kill == 0 {
                // Killed with its task: the next one finds nothing that was printed.
                let mut found = Book::parse(&file).unwrap();
                found.forget(&task.name);
                file = found.text().unwrap();
                continue;
            }
            let outcome = world.perform(task, slot, now);
            book.end(task, now, outcome, &["slack".to_owned()]);
            while let Some((alert, channel)) = book.to_tell(now) {
                world.told.push(alert.id.clone());
                book.tried(&alert.id, &channel, Attempt::Over, now);
            }
            file = book.text().unwrap();
        }
    }
}

#[test]
fn a_month_ends_with_the_right_runs_and_one_alert_for_each_incident() {
    for kill in [0, 7] {
        // The clocks of Berlin go back on the 25th.
        let world = play("Europe/Berlin", "2026-09-30T12:00:00Z", 32 * 24, kill);
        // 32 nights, less two that the machine was off of which one was caught up, less three with the API
        // down, less one without data.
        assert_eq!(world.days.len(), 32 - 1 - 3 - 1, "{kill}: {:?}", world.days);
        assert_eq!(world.backups.len(), 32 - 1, "{kill}: {:?}", world.backups);
        let mut days = world.days.clone();
        days.dedup();
        assert_eq!(days, world.days, "a night was imported twice");
        assert!(world.days.contains(&"2026-10-25T00:00:00Z".to_owned()), "{:?}", world.days);
        assert!(world.days.contains(&"2026-10-26T01:00:00Z".to_owned()), "{:?}", world.days);
        assert_eq!(
            world.told,
            [
                "sales-20261007T000000Z-failed",
                "sales-20261010T000000Z-recovered",
                "sales-20261018T000000Z-no-data",
                "sales-20261019T000000Z-recovered",
            ],
            "{kill}"
        );
        // Each hour but those that the machine was off, which the next one makes up for; five Sundays.
        assert_eq!(world.checks, 32 * 24 - 48 + 5, "{kill}");
    }
}

#[test]
fn a_month_in_which_the_clocks_go_forward() {
    let world = play("America/New_York", "2026-02-25T12:00:00Z", 30 * 24, 5);
    assert_eq!(world.days.len(), 30);
    // 02:00 is skipped on the 8th: at the change, which is 07:00 UTC as 02:00 was.
    assert!(world.days.contains(&"2026-03-08T07:00:00Z".to_owned()), "{:?}", world.days);
    assert!(world.days.contains(&"2026-03-09T06:00:00Z".to_owned()), "{:?}", world.days);
    assert_eq!(world.told, Vec::<String>::new());
}
