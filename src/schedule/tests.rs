//! The schedule on a clock that the tests move.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::config::{ScheduleConfig, TaskConfig, TaskKind};

mod month;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn config(yaml: &str) -> ScheduleConfig {
    let text = format!("schedule:\n{yaml}");
    let parsed = crate::config::Config::parse(text.as_bytes(), "tidegate.yml");
    parsed.unwrap_or_else(|error| panic!("{error}\n{text}")).schedule.unwrap_or_default()
}

fn schedule(yaml: &str) -> Schedule {
    Schedule::of(&config(yaml), at("2026-01-01T00:00:00Z")).unwrap()
}

fn refused(yaml: &str) -> String {
    Schedule::of(&config(yaml), at("2026-01-01T00:00:00Z")).unwrap_err().to_string()
}

/// All times between two instants.
fn times(fields: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let cron = Cron::new(fields, zone).unwrap();
    let (mut now, to) = (at(from), at(to));
    let mut times = Vec::new();
    while let Some(next) = cron.next(now, cron.doubled()).unwrap().filter(|next| *next <= to) {
        times.push(next.to_string());
        now = next;
    }
    times
}

#[test]
fn a_time_that_the_clocks_skip_runs_once_at_the_change() {
    let berlin =
        times("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z");
    assert_eq!(berlin, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    let new_york =
        times("30 2 * * *", "America/New_York", "2026-03-07T05:00:00Z", "2026-03-10T05:00:00Z");
    assert_eq!(new_york, ["2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"]);
    // All sixty minutes that are skipped are one time.
    let minutes =
        times("* 2 * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z");
    assert_eq!(minutes, ["2026-03-29T01:00:00Z"]);
}

#[test]
fn a_time_that_comes_twice_runs_once() {
    let berlin =
        times("30 2 * * *", "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-27T00:00:00Z");
    assert_eq!(berlin, ["2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let new_york =
        times("30 1 * * *", "America/New_York", "2026-10-31T00:00:00Z", "2026-11-03T00:00:00Z");
    assert_eq!(new_york, ["2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"]);
    // Asked in the middle of the repeated hour, too.
    let cron = Cron::new("30 2 * * *", "Europe/Berlin").unwrap();
    let next = cron.next(at("2026-10-25T01:10:00Z"), Doubled::Once).unwrap();
    assert_eq!(next, Some(at("2026-10-26T01:30:00Z")));
}

#[test]
fn what_runs_every_hour_goes_on_while_the_clocks_change() {
    let hours = |from: &str, to: &str| times("0 * * * *", "Europe/Berlin", from, to);
    assert_eq!(
        hours("2026-10-24T23:30:00Z", "2026-10-25T03:00:00Z"),
        [
            "2026-10-25T00:00:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T03:00:00Z"
        ]
    );
    assert_eq!(
        hours("2026-03-28T23:30:00Z", "2026-03-29T02:00:00Z"),
        ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]
    );
}

/// The times of a zone, each written as a person reads it off the wall, by counting minutes.
fn walls(zone: &TimeZone, from: Timestamp, to: Timestamp) -> BTreeMap<DateTime, usize> {
    let mut walls = BTreeMap::new();
    let mut now = from;
    while now <= to {
        *walls.entry(zone.to_datetime(now)).or_default() += 1;
        now += SignedDuration::from_mins(1);
    }
    walls
}

#[test]
fn each_wall_clock_time_runs_exactly_once() {
    let changes = [
        ("Europe/Berlin", "2026-03-15T00:00:00Z"),
        ("Europe/Berlin", "2026-10-10T00:00:00Z"),
        ("America/New_York", "2026-02-25T00:00:00Z"),
        ("America/New_York", "2026-10-20T00:00:00Z"),
        // Half an hour, and in the other half of the year.
        ("Australia/Lord_Howe", "2026-03-25T00:00:00Z"),
        ("UTC", "2026-03-15T00:00:00Z"),
    ];
    let gap = |zone: &TimeZone, wall: DateTime| zone.to_ambiguous_timestamp(wall).offset();
    for (name, from) in changes {
        let zone = TimeZone::get(name).unwrap();
        let from = at(from);
        let to = from + SignedDuration::from_hours(31 * 24);
        let shown = walls(&zone, from, to);
        for minute in [0, 15, 30, 59] {
            for hour in 0..24 {
                let fields = format!("{minute} {hour} * * *");
                let cron = Cron::new(&fields, name).unwrap();
                let (mut now, mut runs) = (from - SignedDuration::from_secs(1), Vec::new());
                while let Some(next) = cron.next(now, cron.doubled()).unwrap() {
                    if next > to {
                        break;
                    }
                    runs.push(next);
                    now = next;
                }
                // One run for each day of the wall clock, at that time or at the change over it.
                let mut days: Vec<_> =
                    runs.iter().map(|run| zone.to_datetime(*run).date()).collect();
                days.dedup();
                assert_eq!(days.len(), runs.len(), "{fields} in {name}: {runs:?}");
                for run in &runs {
                    let wall = zone.to_datetime(*run);
                    let wanted = wall.date().at(hour, minute, 0, 0);
                    let skipped =
                        matches!(gap(&zone, wanted), jiff::tz::AmbiguousOffset::Gap { .. });
                    assert!(wall == wanted || skipped, "{fields} in {name} ran at {wall}");
                }
                let wanted = shown.keys().filter(|wall| {
                    i32::from(wall.hour()) == i32::from(hour) && wall.minute() == minute
                });
                let wanted: Vec<_> = wanted.map(|wall| wall.date()).collect();
                assert!(
                    wanted.iter().all(|day| days.contains(day)),
                    "{fields} in {name} left a day out"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the fields: the times that are asked for one by one are those that are looked for
    /// backwards, and each is after the one before.
    #[test]
    fn the_last_time_is_one_of_the_next(
        minute in 0..60u8, hour in 0..24u8, every in prop::bool::ANY,
        start in 0..(300 * 24 * 60i64), length in 1..(12 * 24 * 60i64),
    ) {
        let fields = if every { format!("{minute} * * * *") } else { format!("{minute} {hour} * * *") };
        let cron = Cron::new(&fields, "Europe/Berlin").unwrap();
        let after = at("2026-01-10T00:00:00Z") + SignedDuration::from_mins(start);
        let now = after + SignedDuration::from_mins(length);
        let (mut last, mut from) = (None, after);
        while let Some(next) = cron.next(from, cron.doubled()).unwrap().filter(|next| *next <= now) {
            prop_assert!(next > from);
            last = Some(next);
            from = next;
        }
        prop_assert_eq!(cron.last(after, now, cron.doubled()).unwrap(), last);
    }
}

#[test]
fn the_usual_tasks_are_there_and_can_be_changed() {
    let usual = Schedule::of(&ScheduleConfig::default(), at("2026-01-01T00:00:00Z")).unwrap();
    let shown: Vec<String> = usual
        .tasks
        .iter()
        .map(|task| format!("{} {}: {}", task.name, task.fields, task.what.arguments().join(" ")))
        .collect();
    assert_eq!(
        shown,
        [
            "sales 0 2 * * *: data import sales",
            "health 0 * * * *: data health-check",
            "backup 0 3 * * *: data backup",
            "prune 0 4 * * SUN: data backup --prune --yes",
        ]
    );
    let own = schedule(
        "  timezone: Europe/Berlin\n  grace: 5m\n  tasks:\n    sales: { days: 7, timeout: 90m }\n    \
         health: { off: true }\n    prune: { cron: '0 5 * * MON', timezone: UTC }\n    \
         orders: { import: orders, cron: '*/5 * * * *' }\n    kpi: { run: aggregates, cron: '* * * * *' }\n",
    );
    let names: Vec<&str> = own.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["sales", "backup", "prune", "kpi", "orders"]);
    let sales = own.task("sales").unwrap();
    assert_eq!(sales.what.arguments(), ["data", "import", "sales", "--days", "7"]);
    assert_eq!((sales.timezone.as_str(), sales.timeout.as_secs()), ("Europe/Berlin", 5400));
    assert_eq!(own.task("prune").unwrap().timezone, "UTC");
    assert_eq!(own.task("kpi").unwrap().what, What::Kind(TaskKind::Aggregates));
    assert_eq!(own.grace.as_secs(), 300);
}

#[test]
fn what_is_wrong_is_said_with_its_key() {
    for (yaml, expected) in [
        ("  tasks: { x: { run: sync } }\n", "schedule.tasks.x.cron: expected five fields"),
        ("  tasks: { x: { cron: '0 2 * * *' } }\n", "schedule.tasks.x: expected `import` or `run`"),
        (
            "  tasks: { sales: { cron: '0 25 * * *' } }\n",
            "schedule.tasks.sales.cron: \"0 25 * * *\"",
        ),
        ("  tasks: { sales: { cron: '0 0 2 * * *' } }\n", "has 6 fields"),
        ("  tasks: { sales: { cron: '0 0 31 2 *' } }\n", "no time in the next four years"),
        ("  timezone: Berlin\n", "schedule.tasks.sales.timezone: \"Berlin\""),
        ("  tasks: { health: { days: 2 } }\n", "schedule.tasks.health.days: only an import"),
        ("  tasks: { sales: { import: x, off: true } }\n", "found more"),
        ("  tasks: { sales: { import: '--api' } }\n", "schedule.tasks.sales.import"),
        ("  tasks: { sales: { timeout: 7h } }\n", "at most 6h"),
        ("  grace: 2h\n", "schedule.grace"),
        ("  tasks: { '../x': { run: sync, cron: '* * * * *' } }\n", "letters, digits"),
    ] {
        let said = refused(yaml);
        assert!(said.contains(expected), "{yaml}: {said}");
    }
}

fn sales_alone() -> Schedule {
    schedule("  tasks: { health: { off: true }, backup: { off: true }, prune: { off: true } }\n")
}

/// Runs the only task that is due, and returns its slot.
fn run(book: &mut Book, schedule: &Schedule, now: Timestamp, outcome: Outcome) -> Option<String> {
    let due = book.due(schedule, now);
    assert!(due.len() < 2);
    let Due { task, slot } = due.into_iter().next()?;
    book.begin(task, slot, now, "x.json".to_owned());
    assert!(book.due(schedule, now).is_empty(), "what runs is due again");
    book.end(task, now, outcome, &["slack".to_owned()]);
    Some(slot.to_string())
}

#[test]
fn missed_runs_are_caught_up_once() {
    let plan = sales_alone();
    let mut book = Book::default();
    book.adopt(&plan, at("2026-05-01T12:00:00Z"));
    let mut done = |now: &str| run(&mut book, &plan, at(now), Outcome::Done);
    assert_eq!(done("2026-05-01T12:00:00Z"), None, "nothing is caught up at the first start");
    assert_eq!(done("2026-05-02T01:59:59Z"), None);
    assert_eq!(done("2026-05-02T02:00:00Z").as_deref(), Some("2026-05-02T02:00:00Z"));
    assert_eq!(done("2026-05-02T02:00:01Z"), None);
    // Four nights without a schedule.
    assert_eq!(done("2026-05-06T09:00:00Z").as_deref(), Some("2026-05-06T02:00:00Z"));
    assert_eq!(done("2026-05-06T09:00:01Z"), None);
}

#[test]
fn other_times_begin_anew() {
    let mut book = Book::default();
    book.adopt(&sales_alone(), at("2026-05-01T12:00:00Z"));
    let moved = schedule(
        "  tasks: { sales: { cron: '0 9 * * *' }, health: { off: true }, backup: { off: true }, prune: { off: true } }\n",
    );
    let now = at("2026-05-02T10:00:00Z");
    book.adopt(&moved, now);
    assert!(book.due(&moved, now).is_empty(), "09:00 was no time of the task then");
    assert_eq!(book.due(&moved, at("2026-05-03T09:00:00Z")).len(), 1);
    // A clock that ran ahead and was set right.
    book.adopt(&moved, at("2030-01-01T00:00:00Z"));
    let mut ahead = book.clone();
    ahead.tasks.get_mut("sales").unwrap().done = at("2030-01-01T00:00:00Z");
    ahead.adopt(&moved, now);
    assert_eq!(ahead.due(&moved, at("2026-05-03T09:00:00Z")).len(), 1);
}

/// Whether a task runs at each of these times, one after the other.
fn runs(plan: &Schedule, times: &[&str]) -> Vec<bool> {
    let mut book = Book::default();
    book.adopt(plan, at(times[0]) - SignedDuration::from_secs(10));
    let mut runs = Vec::new();
    for time in times {
        let now = at(time);
        book.set_right(plan, now);
        runs.push(run(&mut book, plan, now, Outcome::Done).is_some());
    }
    runs
}

#[test]
fn a_clock_that_is_set_back_runs_nothing_twice_and_stops_nothing_for_hours() {
    let daily = sales_alone();
    let hourly = schedule(
        "  tasks: { sales: { off: true }, backup: { off: true }, prune: { off: true } }\n",
    );
    // By seconds, as time servers do.
    let little = ["2026-05-02T02:00:00Z", "2026-05-02T01:59:58Z", "2026-05-02T02:00:01Z"];
    assert_eq!(runs(&daily, &little), [true, false, false]);
    assert_eq!(runs(&hourly, &little), [true, false, false]);
    // By three hours: 02:00 comes again, 00:00 has not been.
    let much = ["2026-05-02T02:00:00Z", "2026-05-01T23:00:01Z", "2026-05-02T00:00:00Z"];
    let much = [&much[..], &["2026-05-02T02:00:00Z", "2026-05-03T02:00:00Z"]].concat();
    assert_eq!(runs(&daily, &much), [true, false, false, false, true]);
    assert_eq!(runs(&hourly, &much), [true, false, true, true, true]);
    let even = schedule(
        "  tasks: { sales: { cron: '0 */2 * * *' }, health: { off: true }, backup: { off: true }, prune: { off: true } }\n",
    );
    assert_eq!(runs(&even, &much), [true, false, true, true, true]);
    // By years: the clock was wrong, and no day is waited for.
    let years = ["2030-01-01T02:00:00Z", "2026-05-01T12:00:00Z", "2026-05-02T02:00:00Z"];
    assert_eq!(runs(&daily, &years), [true, false, true]);
}

#[test]
fn a_clock_that_is_set_back_does_not_hold_alerts_up() {
    let plan = sales_alone();
    let mut book = Book::default();
    book.adopt(&plan, at("2026-05-01T12:00:00Z"));
    let now = at("2026-05-02T02:00:00Z");
    run(&mut book, &plan, now, Outcome::failed("down", None)).unwrap();
    let (alert, channel) = book.to_tell(now).unwrap();
    book.tried(&alert.id, &channel, Attempt::Failed, now);
    assert_eq!(book.to_tell(now + SignedDuration::from_secs(20)), None, "it waits");
    assert!(book.to_tell(at("2026-05-01T20:00:00Z")).is_some());
}

#[test]
fn a_run_that_was_stopped_or_whose_end_was_not_seen_is_due_again() {
    let plan = sales_alone();
    let mut book = Book::default();
    book.adopt(&plan, at("2026-05-01T12:00:00Z"));
    let now = at("2026-05-02T02:00:10Z");
    assert!(run(&mut book, &plan, now, Outcome::Stopped).is_some());
    assert!(book.alerts.is_empty());
    assert_eq!(book.due(&plan, now).len(), 1, "it was stopped");

    // Killed while it ran, and after it ended but before that was written: the file says "running".
    let Due { task, slot } = book.due(&plan, now).remove(0);
    book.begin(task, slot, now, "sales.1.json".to_owned());
    let mut after = Book::parse(&book.text().unwrap()).unwrap();
    assert_eq!(after, book);
    after.adopt(&plan, now);
    assert!(after.due(&plan, now).is_empty(), "nobody knows yet whether it runs");
    let mut found = after.clone();
    // What its program had printed was whole: it has ended, and does not run again.
    found.end(task, now, Outcome::of(&task.what, None, Some(&json!({"rows": 9})), ""), &[]);
    assert!(found.due(&plan, now).is_empty());
    assert_eq!(found.tasks["sales"].last.as_ref().unwrap().outcome, Outcome::Done);
    after.forget("sales");
    assert_eq!(after.due(&plan, now).len(), 1);
}

#[test]
fn an_incident_is_told_once_and_its_end_once() {
    let plan = sales_alone();
    let mut book = Book::default();
    book.adopt(&plan, at("2026-05-01T12:00:00Z"));
    let failed = || Outcome::failed("the API is down", Some(8));
    let days = [failed(), failed(), Outcome::NoData, Outcome::Done, Outcome::Done, Outcome::NoData];
    let mut events = Vec::new();
    for (day, outcome) in (2..).zip(days) {
        run(&mut book, &plan, at(&format!("2026-05-0{day}T02:00:00Z")), outcome).unwrap();
        for Outgoing { alert, .. } in std::mem::take(&mut book.alerts) {
            events.push(format!("{} {} after {}", alert.id, alert.reason, alert.failures));
        }
    }
    assert_eq!(
        events,
        [
            "sales-20260502T020000Z-failed the API is down after 1",
            "sales-20260505T020000Z-recovered the API is down after 3",
            "sales-20260507T020000Z-no-data its source had no rows after 1",
        ]
    );
}

#[test]
fn an_alert_is_tried_again_only_when_it_was_certainly_not_told() {
    let plan = sales_alone();
    let mut book = Book::default();
    book.adopt(&plan, at("2026-05-01T12:00:00Z"));
    let now = at("2026-05-02T02:00:00Z");
    run(&mut book, &plan, now, Outcome::failed("down", None)).unwrap();
    let (alert, channel) = book.to_tell(now).unwrap();
    book.trying(&alert.id, &channel);
    assert!(book.to_tell(now).is_none());
    // Killed here: whether it was told, nobody knows.
    let mut killed = Book::parse(&book.text().unwrap()).unwrap();
    assert_eq!(killed.give_up(now), [(alert.id.clone(), "slack".to_owned())]);
    assert!(killed.alerts.is_empty());

    book.tried(&alert.id, &channel, Attempt::Failed, now);
    assert!(book.to_tell(now).is_none(), "it waits");
    let again = book.next_tell().unwrap();
    assert_eq!(again, now + SignedDuration::from_secs(30));
    // What comes after it waits behind it.
    run(&mut book, &plan, at("2026-05-03T02:00:00Z"), Outcome::Done).unwrap();
    assert_eq!(book.to_tell(now), None);
    assert_eq!(book.to_tell(again).unwrap().0.id, alert.id);
    book.tried(&alert.id, &channel, Attempt::Over, again);
    let (next, channel) = book.to_tell(again).unwrap();
    assert_eq!(next.event, AlertEvent::Recovered);
    book.tried(&next.id, &channel, Attempt::Failed, again);
    let old = at("2026-05-04T02:00:01Z");
    assert_eq!(book.give_up(old), [(next.id, "slack".to_owned())]);
}

#[test]
fn ends_are_read_from_exit_codes_and_json() {
    let import = What::Import { import: "sales".to_owned(), days: None };
    let of = |exit: Option<i32>, document: Option<serde_json::Value>, said: &str| {
        Outcome::of(&import, exit, document.as_ref(), said)
    };
    assert_eq!(of(Some(0), Some(json!({"rows": 3})), ""), Outcome::Done);
    assert_eq!(of(Some(0), Some(json!({"rows": 0})), ""), Outcome::NoData);
    assert_eq!(of(Some(0), None, ""), Outcome::Done);
    let error =
        json!({"schema": "tidegate/error/1", "code": 8, "error": "no answer", "causes": ["reset"]});
    let reason = "no answer: reset (exit code 8)".to_owned();
    let expected = Outcome::Failed { reason, exit: Some(8) };
    assert_eq!(of(Some(8), Some(error.clone()), "x"), expected);
    assert_eq!(of(None, Some(error), ""), expected, "whoever finds the file knows the code");
    assert_eq!(
        of(Some(14), None, "warning: a\nerror: bad rows\n\n"),
        Outcome::Failed { reason: "bad rows (exit code 14)".to_owned(), exit: Some(14) }
    );
    let reason = |document: serde_json::Value| match of(Some(14), Some(document), "last words") {
        Outcome::Failed { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        reason(json!({"rows": 9, "bad": 2, "bad_rows": [
            {"place": {"line": 7}, "faults": [{"column": "quantity", "value": "-1", "rule": "expected a number greater than 0"}]}
        ]})),
        "2 bad rows; line 7: quantity: expected a number greater than 0 (exit code 14)"
    );
    assert_eq!(
        reason(json!({"rows": 9, "bad": 1, "bad_rows": [
            {"place": {"answer": {"page": 2, "pointer": "/data/4"}}, "faults": [{"column": "quantity", "rule": "x"}]}
        ]})),
        "1 bad row; page 2, /data/4: quantity: x (exit code 14)"
    );
    assert_eq!(
        reason(json!({"status": "error", "findings": [
            {"status": "warning", "detail": "x"}, {"part": "signed_url", "status": "error", "detail": "it ran out"}
        ]})),
        "signed url: it ran out (exit code 14)"
    );
    assert_eq!(
        reason(
            json!({"database": {"steps": [{"name": "dbt run", "outcome": "failed", "why": "exit status: 1"}]}})
        ),
        "dbt run: exit status: 1 (exit code 14)"
    );
    let stopped = json!({"rows": 9, "stopped": true});
    assert!(matches!(of(None, Some(stopped), ""), Outcome::Failed { exit: Some(14), .. }));
    let health = What::Kind(TaskKind::HealthCheck);
    let sick = json!({"status": "error"});
    assert!(matches!(Outcome::of(&health, None, Some(&sick), ""), Outcome::Failed { .. }));
    let held = json!({"schema": "tidegate/health/1", "status": "warning", "looked": false});
    assert_eq!(Outcome::of(&health, Some(0), Some(&held), ""), Outcome::Inconclusive);
    assert!(matches!(Outcome::of(&health, Some(14), Some(&held), ""), Outcome::Failed { .. }));
    let long = Outcome::failed("é\n".repeat(1000), None);
    let Outcome::Failed { reason, .. } = long else { panic!() };
    assert_eq!(reason.chars().count(), 401);
}

#[test]
fn a_file_of_others_is_refused() {
    assert!(matches!(Book::parse(b"{"), Err(BookError::Unreadable(_))));
    let text = Book::default().text().unwrap();
    let newer = String::from_utf8(text).unwrap().replace("state/1", "state/2");
    assert!(matches!(Book::parse(newer.as_bytes()), Err(BookError::Schema(_))));
}

#[test]
fn github_gets_the_same_plan() {
    let text = github::workflow(&schedule(
        "  timezone: Europe/Berlin\n  tasks:\n    kpi: { run: aggregates, cron: '* * * * *', timezone: UTC }\n",
    ))
    .unwrap();
    assert!(
        text.contains("    - cron: \"0 2 * * *\"\n      timezone: \"Europe/Berlin\"\n"),
        "{text}"
    );
    assert!(text.contains("    - cron: \"* * * * *\"\n  workflow_dispatch"), "{text}");
    assert!(text.contains("github.event.schedule == '0 4 * * SUN' || inputs.task == 'prune'"));
    let parsed: serde_json::Value = serde_yaml::from_str(&text).unwrap();
    assert_eq!(parsed["jobs"].as_object().unwrap().len(), 5);
    // Tasks with the same fields are jobs of one run, and must wait for each other.
    assert!(parsed.get("concurrency").is_none());
    for (name, job) in parsed["jobs"].as_object().unwrap() {
        assert_eq!(job["concurrency"]["group"], "tidegate-schedule", "{name}");
    }

    let week = schedule("  tasks: { prune: { cron: '0 4 * * 7' } }\n");
    let said = github::workflow(&week).unwrap_err().to_string();
    assert!(said.starts_with("task prune: GitHub does not take the cron \"0 4 * * 7\""), "{said}");

    let twice =
        schedule("  tasks: { a: { run: sync, cron: '0 2 * * *', timezone: Asia/Tokyo } }\n");
    let said = github::workflow(&twice).unwrap_err().to_string();
    assert!(said.contains("tasks sales and a have the same cron"), "{said}");
}

#[test]
fn what_is_written_in_two_ways_is_one_thing_to_github() {
    // Its expressions compare texts without their case.
    let days = "  tasks:\n    a: { run: sync, cron: '5 2 * * sun', timezone: Asia/Tokyo }\n    b: { run: sync, cron: '5 2 * * SUN' }\n";
    let said = github::workflow(&schedule(days)).unwrap_err().to_string();
    assert!(said.contains("tasks a and b have the same cron"), "{said}");
    let names = "  tasks: { kpi: { run: sync, cron: '1 1 * * *' }, KPI: { run: sync, cron: '2 1 * * *' } }\n";
    let said = github::workflow(&schedule(names)).unwrap_err().to_string();
    assert!(said.contains("KPI and kpi"), "{said}");
    // Blanks, line breaks and zones in any case are written as they are usual.
    let odd =
        "  timezone: europe/berlin\n  tasks: { a: { run: sync, cron: \"5  2\\n * * sun\" } }\n";
    let text = github::workflow(&schedule(odd)).unwrap();
    let lines = "    - cron: \"5 2 * * SUN\"\n      timezone: \"Europe/Berlin\"\n";
    assert!(text.contains(lines) && text.contains("== '5 2 * * SUN'"), "{text}");
    serde_yaml::from_str::<serde_json::Value>(&text).unwrap();
}

#[test]
fn what_github_starts_too_rarely_is_warned_of() {
    let now = at("2026-01-01T00:00:00Z");
    let warned = |cron: &str| {
        let tasks = format!("  tasks: {{ a: {{ run: sync, cron: '{cron}' }} }}\n");
        github::warnings(&schedule(&tasks), now).len()
    };
    for often in ["* * * * *", "*/1 * * * *", "0-59 * * * *", "0,1,2 4 * * *", "*/4 * * * *"] {
        assert_eq!(warned(often), 1, "{often}");
    }
    for seldom in ["*/5 * * * *", "0 * * * *", "3,33 4 1 * *"] {
        assert_eq!(warned(seldom), 0, "{seldom}");
    }
}

#[test]
fn a_question_mark_is_any_day() {
    for (cron, same) in
        [("0 2 ? * MON", "0 2 * * MON"), ("0 2 1 * ?", "0 2 1 * *"), ("0 2 ? * ?", "0 2 * * *")]
    {
        let next = |cron: &str| {
            let cron = Cron::new(cron, "UTC").unwrap();
            cron.next(at("2026-01-10T00:00:00Z"), cron.doubled()).unwrap()
        };
        assert_eq!(next(cron), next(same), "{cron}");
    }
    assert!(Cron::new("? 2 * * *", "UTC").is_err());
}

#[test]
fn too_many_tasks_are_refused() {
    let one = TaskConfig {
        cron: Some("0 0 * * *".to_owned()),
        run: Some(TaskKind::Sync),
        ..TaskConfig::default()
    };
    let tasks = (0..51).map(|index| (format!("t{index}"), one.clone())).collect();
    let config = ScheduleConfig { tasks, ..ScheduleConfig::default() };
    assert!(Schedule::of(&config, at("2026-01-01T00:00:00Z")).is_err());
}

#[test]
fn the_reason_is_the_error_and_not_what_to_do_about_it() {
    let task = What::Kind(crate::config::TaskKind::HealthCheck);
    let said =
        "warning: 3 rows\nerror: cannot write x\n  caused by: no space\nhint: free some space\n";
    let of = |said: &str| match Outcome::of(&task, Some(15), None, said) {
        Outcome::Failed { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(of(said), "cannot write x: no space (exit code 15)");
    // Others say it in their own words.
    assert_eq!(of("one\ntwo\n\n"), "two (exit code 15)");
    assert_eq!(of("two\nhint: look\n"), "two (exit code 15)");
    assert_eq!(of("hint: look\n"), "exit code 15");
}
