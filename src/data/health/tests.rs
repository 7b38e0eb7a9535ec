#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::data::BackupDescription;

fn now() -> Timestamp {
    "2026-02-08T12:00:00Z".parse().unwrap()
}

fn ago(hours: i64) -> Timestamp {
    now() - SignedDuration::from_hours(hours)
}

fn seen() -> Observed {
    Observed {
        database: "data/sales.db".to_owned(),
        engine: Some("SQLite 3.50".to_owned()),
        dialect: Dialect::Sqlite,
        opened: Opened::Yes,
        damage: None,
        size: Some(1_000_000),
        free: Some(50_000_000),
        tables: [("sales".to_owned(), 3), ("users".to_owned(), 2)].into(),
        newest: BTreeMap::new(),
        imports: Ok(Vec::new()),
        backups: Ok(Vec::new()),
        backup_read: Some(BackupReading { at: now(), found: BackupRead::Whole }),
        backups_expected: false,
        urls: Vec::new(),
    }
}

fn backup(hours: i64) -> Backup {
    let created = ago(hours);
    let description = BackupDescription {
        format: 1,
        number: 1,
        sha256: "0".repeat(64),
        size: 10,
        engine: String::new(),
        storage_format: String::new(),
        wal: None,
        permissions: None,
        created,
        tables: [("sales".to_owned(), 3)].into(),
    };
    Backup {
        name: "sales_1.db".to_owned(),
        created,
        size: Some(10),
        stored: created,
        etag: String::new(),
        description: Some(description),
        problem: None,
        noted: false,
    }
}

fn import(hours: i64) -> ImportState {
    ImportState {
        name: "sales".to_owned(),
        table: "sales".to_owned(),
        watermark: None,
        imported_at: ago(hours),
        rows: 3,
        source: "sales.csv".to_owned(),
    }
}

fn config(yaml: &str) -> HealthConfig {
    serde_yaml::from_str(yaml).unwrap()
}

/// The status of the whole, and what is not healthy.
fn of(observed: Observed, yaml: &str) -> (HealthStatus, Vec<(HealthPart, String)>) {
    let health = Health::of(observed, &config(yaml), now());
    let bad = health.findings.into_iter().filter(|one| one.status != HealthStatus::Healthy);
    (health.status, bad.map(|one| (one.part, one.detail)).collect())
}

fn only(observed: Observed, yaml: &str) -> (HealthStatus, HealthPart, String) {
    let (status, mut found) = of(observed, yaml);
    assert_eq!(found.len(), 1, "{found:?}");
    let (part, detail) = found.remove(0);
    (status, part, detail)
}

#[test]
fn nothing_asked_for_and_nothing_wrong_is_healthy() {
    assert_eq!(of(seen(), "{}"), (HealthStatus::Healthy, Vec::new()));
}

#[test]
fn a_database_that_cannot_be_used_is_an_error_and_one_in_use_a_warning() {
    let broken = Observed { opened: Opened::No("no such file".to_owned()), ..seen() };
    let (status, part, detail) = only(broken, "{tables: {sales: {}}}");
    assert_eq!((status, part), (HealthStatus::Error, HealthPart::Database));
    assert_eq!(detail, "no such file");
    let held = Observed { opened: Opened::InUse("process 7 (python)".to_owned()), ..seen() };
    assert!(!Health::of(held.clone(), &config("{}"), now()).looked);
    assert!(Health::of(seen(), &config("{}"), now()).looked);
    let (status, _, detail) = only(held, "{tables: {gone: {}}}");
    assert_eq!(status, HealthStatus::Warning);
    assert!(detail.contains("process 7 (python)"), "{detail}");
    let damaged = Observed { damage: Some("row 3 missing".to_owned()), ..seen() };
    let (status, _, detail) = only(damaged, "{}");
    assert_eq!((status, detail.as_str()), (HealthStatus::Error, "it is damaged: row 3 missing"));
}

#[test]
fn tables_have_to_be_there_with_their_rows() {
    let (status, part, detail) = only(seen(), "{tables: {prices: {}, main.SALES: {min_rows: 3}}}");
    assert_eq!((status, part), (HealthStatus::Error, HealthPart::Table));
    assert_eq!(detail, "there is no prices");
    let (status, _, detail) = only(seen(), "{tables: {sales: {min_rows: 4}}}");
    assert_eq!(status, HealthStatus::Error);
    assert_eq!(detail, "sales has 3 rows, at least 4 are expected");
    let gone = Observed {
        imports: Ok(vec![ImportState { table: "old".to_owned(), ..import(1) }]),
        ..seen()
    };
    assert_eq!(only(gone, "{}").2, "there is no old");
}

#[test]
fn the_newest_row_has_an_age() {
    let with = |value: Value| {
        let rows = vec![vec![value, json!("text")]];
        Observed { newest: [("sales".to_owned(), Ok(rows))].into(), ..seen() }
    };
    let yaml = "{tables: {sales: {column: date, max_age: 36h}}}";
    let fresh = with(json!("2026-02-07 19:00:00"));
    let health = Health::of(fresh, &config(yaml), now());
    assert_eq!(health.status, HealthStatus::Healthy);
    let sales = health.tables.iter().find(|table| table.name == "sales").unwrap();
    assert_eq!(
        (sales.newest.as_deref(), sales.age_hours),
        (Some("2026-02-07 19:00:00"), Some(17.0))
    );
    let (status, part, detail) = only(with(json!("2026-02-05")), yaml);
    assert_eq!((status, part), (HealthStatus::Error, HealthPart::Freshness));
    assert!(detail.contains("3 d 12 h old"), "{detail}");
    let unbound = "{tables: {sales: {column: date}}}";
    assert_eq!(of(with(json!("1999-02-05")), unbound).0, HealthStatus::Healthy);
    assert_eq!(of(with(Value::Null), unbound).0, HealthStatus::Warning);
    assert_eq!(of(with(Value::Null), yaml).0, HealthStatus::Error);
    let unknown =
        Observed { newest: [("sales".to_owned(), Err("no column".to_owned()))].into(), ..seen() };
    assert_eq!(of(unknown, yaml).0, HealthStatus::Error);
}

#[test]
fn a_bound_that_is_set_is_an_error_and_a_usual_one_a_warning() {
    let old = || Observed { backups: Ok(vec![backup(27)]), backups_expected: true, ..seen() };
    assert_eq!(only(old(), "{}").0, HealthStatus::Warning);
    assert_eq!(only(old(), "{max_backup_age: 12h}").0, HealthStatus::Error);
    assert_eq!(of(old(), "{max_backup_age: 28h}").0, HealthStatus::Healthy);
    let unasked = Observed { backups_expected: false, ..old() };
    assert_eq!(only(unasked, "{}").0, HealthStatus::Warning);
    let none = || Observed { backups_expected: true, ..seen() };
    assert_eq!(only(none(), "{}").0, HealthStatus::Warning);
    assert_eq!(only(none(), "{max_backup_age: 12h}").0, HealthStatus::Error);
    let full = || Observed { free: Some(1_999_999), ..seen() };
    assert_eq!(only(full(), "{}").0, HealthStatus::Warning);
    assert_eq!(only(full(), "{min_free: 2MB}").0, HealthStatus::Error);
    assert_eq!(of(full(), "{min_free: 1MB}").0, HealthStatus::Healthy);
    let stale = || Observed { imports: Ok(vec![import(1), import(27)]), ..seen() };
    assert_eq!(of(stale(), "{}").0, HealthStatus::Healthy);
    let (status, part, detail) = only(stale(), "{max_import_age: 26h}");
    assert_eq!((status, part), (HealthStatus::Error, HealthPart::Import));
    assert!(detail.contains("27 h ago"), "{detail}");
    assert_eq!(only(seen(), "{max_import_age: 26h}").2, "nothing was ever imported");
}

#[test]
fn a_damaged_backup_is_told_and_the_one_before_counts() {
    let damaged = Backup { name: "sales_2.db".to_owned(), size: Some(9), ..backup(1) };
    let unfinished = Backup { description: None, noted: true, ..backup(0) };
    let backups = Ok(vec![unfinished, damaged, backup(25)]);
    let observed = Observed { backups, backups_expected: true, ..seen() };
    let health = Health::of(observed.clone(), &config("{}"), now());
    assert_eq!(health.last_backup.unwrap().name, "sales_1.db");
    let (status, _, detail) = only(observed, "{}");
    assert_eq!(status, HealthStatus::Warning);
    assert!(detail.contains("sales_2.db: it has 9 bytes"), "{detail}");
}

#[test]
fn what_is_wrong_with_backups_before_the_last_one_is_told_no_more() {
    let old = Backup { name: "sales_0.db".to_owned(), size: Some(9), ..backup(200) };
    let observed = Observed { backups: Ok(vec![backup(1), old]), backups_expected: true, ..seen() };
    assert_eq!(of(observed, "{}"), (HealthStatus::Healthy, Vec::new()));
}

#[test]
fn it_is_told_when_the_last_backup_was_read_and_whether_all_of_it() {
    let read = |at: Timestamp, found: BackupRead| {
        let backup_read = Some(BackupReading { at, found });
        let observed = Observed { backups: Ok(vec![backup(3)]), backup_read, ..seen() };
        let health = Health::of(observed, &config("{}"), now());
        let finding = health.findings.iter().find(|one| one.part == HealthPart::Backup);
        let finding = finding.unwrap();
        assert_eq!(finding.status, HealthStatus::Healthy);
        assert_eq!(health.last_backup.unwrap().read_at, at);
        finding.detail.clone()
    };
    assert!(read(now(), BackupRead::Whole).contains("3 h ago, read now: unchanged"));
    assert!(read(ago(2), BackupRead::Whole).contains("3 h ago, read 2 h ago: unchanged"));
    assert!(read(now(), BackupRead::TooLarge).contains("too large to be read now"));
}

#[test]
fn signed_urls_are_told_a_week_before_they_end() {
    let with = |expires: Option<Timestamp>| Observed {
        urls: vec![UrlHealth::of("url.txt", Ok(expires))],
        ..seen()
    };
    assert_eq!(of(with(Some(ago(-24 * 8))), "{}").0, HealthStatus::Healthy);
    assert_eq!(only(with(Some(ago(-24 * 6))), "{}").0, HealthStatus::Warning);
    assert_eq!(only(with(Some(ago(0))), "{}").0, HealthStatus::Error);
    assert_eq!(only(with(None), "{}").0, HealthStatus::Warning);
}
