use proptest::prelude::*;

use super::*;

fn freeze(cron: &str, duration: &str, timezone: &str) -> FreezeConfig {
    FreezeConfig {
        cron: cron.into(),
        duration: duration.into(),
        timezone: timezone.into(),
        reason: "no weekend releases".into(),
    }
}

/// Returns when the window closes that is open at `now`.
fn open_until(config: &FreezeConfig, now: &str) -> Option<String> {
    let windows = open_windows(std::slice::from_ref(config), now.parse().unwrap()).unwrap();
    windows.first().map(|window| window.until.to_string())
}

#[test]
fn the_weekend_of_the_example() {
    let weekend = freeze("0 16 * * FRI", "64h", "Europe/Berlin");
    // Friday 16:00 in Berlin is 14:00 UTC in summer; 64 hours later it is Monday 08:00.
    let until = Some("2026-07-06T06:00:00Z".to_owned());
    assert_eq!(open_until(&weekend, "2026-07-03T13:59:59Z"), None);
    assert_eq!(open_until(&weekend, "2026-07-03T14:00:00Z"), until);
    assert_eq!(open_until(&weekend, "2026-07-05T12:00:00.5Z"), until);
    assert_eq!(open_until(&weekend, "2026-07-06T05:59:59Z"), until);
    assert_eq!(open_until(&weekend, "2026-07-06T06:00:00Z"), None);
    assert_eq!(open_until(&weekend, "2026-01-02T14:30:00Z"), None);
    assert_eq!(
        open_until(&weekend, "2026-01-02T15:00:00Z").as_deref(),
        Some("2026-01-05T07:00:00Z")
    );
}

#[test]
fn the_length_is_elapsed_time_over_a_change_of_the_clocks() {
    // The clocks go back on 2026-10-25: the window closes at 07:00 on the wall, not at 08:00.
    let weekend = freeze("0 16 * * FRI", "64h", "Europe/Berlin");
    assert_eq!(
        open_until(&weekend, "2026-10-25T12:00:00Z").as_deref(),
        Some("2026-10-26T06:00:00Z")
    );
}

#[test]
fn a_time_that_the_clocks_skip_opens_at_the_change() {
    let night = freeze("30 2 * * *", "1h", "Europe/Berlin");
    // 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    assert_eq!(open_until(&night, "2026-03-29T00:59:59Z"), None);
    assert_eq!(open_until(&night, "2026-03-29T01:00:00Z").as_deref(), Some("2026-03-29T02:00:00Z"));
    assert_eq!(open_until(&night, "2026-03-29T02:00:00Z"), None);
}

#[test]
fn a_time_that_comes_twice_opens_twice() {
    let night = freeze("30 2 * * *", "20m", "Europe/Berlin");
    // 2026-10-25: 02:30 is 00:30 and again 01:30 UTC.
    assert!(open_until(&night, "2026-10-25T00:35:00Z").is_some());
    assert_eq!(open_until(&night, "2026-10-25T00:55:00Z"), None);
    assert!(open_until(&night, "2026-10-25T01:35:00Z").is_some());
    assert_eq!(open_until(&night, "2026-10-25T02:35:00Z"), None);
}

#[test]
fn zones_far_from_utc() {
    let noon = freeze("0 0 * * *", "2h", "Pacific/Kiritimati");
    assert!(open_until(&noon, "2026-05-01T10:30:00Z").is_some());
    assert_eq!(open_until(&noon, "2026-05-01T12:30:00Z"), None);
    // Samoa had no 2011-12-30; what would have opened then opens at the change.
    let skipped = freeze("0 12 30 12 *", "1h", "Pacific/Apia");
    assert!(open_until(&skipped, "2011-12-30T10:30:00Z").is_some());
    assert_eq!(open_until(&skipped, "2011-12-30T12:00:00Z"), None);
}

#[test]
fn long_windows_and_dense_expressions() {
    let year = freeze("0 0 1 1 *", "366d", "UTC");
    assert!(open_until(&year, "2026-12-31T23:59:00Z").is_some());
    let dense = freeze("* * * 1 *", "366d", "UTC");
    assert_eq!(open_until(&dense, "2026-12-15T00:00:00Z").as_deref(), Some("2027-02-01T23:59:00Z"));
    let leap_day = freeze("0 0 29 2 *", "1d", "UTC");
    assert!(open_until(&leap_day, "2028-02-29T12:00:00Z").is_some());
    assert_eq!(open_until(&leap_day, "2027-02-28T12:00:00Z"), None);
}

#[test]
fn each_open_entry_is_named() {
    let entries = [
        freeze("0 0 * * *", "1h", "UTC"),
        freeze("0 6 * * *", "1h", "UTC"),
        freeze("* * * * *", "5m", "UTC"),
    ];
    let now = "2026-05-01T06:30:00Z".parse().unwrap();
    let open: Vec<usize> =
        open_windows(&entries, now).unwrap().iter().map(|window| window.entry).collect();
    assert_eq!(open, [2, 3]);
    assert_eq!(open_windows(&[], now).unwrap(), []);
}

#[test]
fn a_bad_entry_is_named_even_if_it_would_be_closed() {
    let good = freeze("0 16 * * FRI", "64h", "UTC");
    let now = "2026-05-01T06:30:00Z".parse().unwrap();
    for (bad, expected) in [
        (freeze("0 16 * *", "1h", "UTC"), "has 4 fields; expected five fields"),
        (freeze("0 0 16 * * FRI", "1h", "UTC"), "has 6 fields"),
        (freeze("0 16 * * FRI Europe/Berlin", "1h", "UTC"), "has 6 fields"),
        (freeze("61 16 * * FRI", "1h", "UTC"), "0..=59"),
        (freeze("a b c d e", "1h", "UTC"), "expected five fields"),
        (freeze("ä ö ü ß €", "1h", "UTC"), "expected five fields"),
        (freeze("", "1h", "UTC"), "has 0 fields"),
        (freeze("0 0 31 2 *", "1h", "UTC"), "would never open"),
        (freeze("0 16 * * FRI", "1h", "Europe/Berlim"), "Europe/Berlim"),
        (freeze("0 16 * * FRI", "1h", ""), "timezone"),
        (freeze("0 16 * * FRI", "1h", "../../etc/passwd"), "timezone"),
        (freeze("0 16 * * FRI", "64", "UTC"), "duration \"64\""),
        (freeze("0 16 * * FRI", "", "UTC"), "duration"),
        (freeze("0 16 * * FRI", "0h", "UTC"), "duration"),
        (freeze("0 16 * * FRI", "-1h", "UTC"), "duration"),
        (freeze("0 16 * * FRI", "1.5h", "UTC"), "duration"),
        (freeze("0 16 * * FRI", "367d", "UTC"), "from 1m to 366d"),
        (freeze("0 16 * * FRI", "999999d", "UTC"), "duration"),
        (freeze("0 16 * * FRI", "99999999999999999999m", "UTC"), "duration"),
        (freeze("0 16 * * FRI", "64ö", "UTC"), "duration"),
    ] {
        let error = open_windows(&[good.clone(), bad], now).unwrap_err().to_string();
        assert!(error.starts_with("freeze entry 2: ") && error.contains(expected), "{error}");
        assert!(!error.contains('\n'), "{error:?}");
    }
}

#[test]
fn the_ends_of_time_are_an_error() {
    let error = open_windows(&[freeze("0 0 * * *", "1d", "UTC")], Timestamp::MAX).unwrap_err();
    assert!(error.to_string().starts_with("freeze entry 1: "), "{error}");
}

proptest! {
    /// On UTC, the search from the last hour back agrees with going through every opening.
    #[test]
    fn the_search_agrees_with_a_list(
        minute in 0..60_i64, hour in 0..24_i64, day in 0..7_i64, length in 1..200_i64,
        now in 1_780_000_000..1_790_000_000_i64,
    ) {
        let config = freeze(&format!("{minute} {hour} * * {day}"), &format!("{length}h"), "UTC");
        // 1970-01-04 was a Sunday.
        let first = (3 + day) * 86_400 + hour * 3_600 + minute * 60;
        let last = now - (now - first).rem_euclid(7 * 86_400);
        let expected = (now < last + length * 3_600).then_some(last + length * 3_600);
        let windows = open_windows(&[config], Timestamp::from_second(now).unwrap()).unwrap();
        prop_assert_eq!(windows.first().map(|window| window.until.as_second()), expected);
    }

    /// Nothing in the configuration makes it panic.
    #[test]
    fn hostile_entries(cron in "\\PC{0,30}", duration in "\\PC{0,6}", zone in "\\PC{0,20}") {
        let now = Timestamp::from_second(1_780_000_000).unwrap();
        let error = open_windows(&[freeze(&cron, &duration, &zone)], now);
        prop_assert!(error.is_err());
    }

    #[test]
    fn hostile_cron_fields(cron in "[-0-9*/,LW#HA-Z ]{0,24}") {
        let now = Timestamp::from_second(1_780_000_000).unwrap();
        if let Err(error) = open_windows(&[freeze(&cron, "1h", "UTC")], now) {
            prop_assert!(error.to_string().starts_with("freeze entry 1: cron"));
        }
    }
}
