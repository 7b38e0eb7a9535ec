#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2026-02-07T12:00:00Z".parse().unwrap()
}

fn sql_check() -> DataCheckConfig {
    DataCheckConfig { name: "c".into(), sql: Some("select 1".into()), ..DataCheckConfig::default() }
}

fn kind_of(kind: DataCheckKind) -> DataCheckConfig {
    DataCheckConfig {
        name: "c".into(),
        kind: Some(kind),
        table: Some("marts.sales".into()),
        column: Some("da\"y".into()),
        max_age: Some("36h".into()),
        ..DataCheckConfig::default()
    }
}

fn outcome(check: &DataCheckConfig, rows: &[Vec<Value>], served: Option<f64>) -> Outcome {
    let figures: BTreeMap<String, f64> =
        served.map(|served| ("c".to_owned(), served)).into_iter().collect();
    let columns = BTreeMap::new();
    let before = Before { figures: &figures, columns: &columns };
    judge(check, Dialect::DuckDb, rows, Some(before), now()).result.outcome
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed { why } => format!("failed: {why}"),
        Outcome::Inconclusive { why } => format!("inconclusive: {why}"),
    }
}

#[test]
fn only_true_passes_without_bounds() {
    for (rows, expected) in [
        (vec![vec![json!(true)]], "passed"),
        (vec![vec![json!(false)]], "failed: the query gave false"),
        (vec![vec![json!(null)]], "inconclusive: the query gave NULL, expected true or false"),
        (vec![vec![json!("true")]], "inconclusive: the query gave text, expected true or false"),
        (
            vec![vec![json!(1)]],
            "inconclusive: the query gave 1, and there is neither `min` nor `max`",
        ),
        (vec![], "inconclusive: the query gave no row"),
        (
            vec![vec![json!(true)], vec![json!(true)]],
            "inconclusive: the query gave more than one row",
        ),
        (vec![vec![json!(true), json!(1)]], "inconclusive: the query gave more than one column"),
    ] {
        assert_eq!(said(&outcome(&sql_check(), &rows, None)), expected);
    }
    let sqlite = |value: Value| {
        said(&judge(&sql_check(), Dialect::Sqlite, &[vec![value]], None, now()).result.outcome)
    };
    assert_eq!(sqlite(json!(1)), "passed");
    assert_eq!(sqlite(json!(0)), "failed: the query gave 0, which is false");
    assert!(sqlite(json!(2)).starts_with("inconclusive"));
}

#[test]
fn numbers_are_held_against_bounds_and_the_served_version() {
    let bounded = DataCheckConfig {
        min: Some(10.0),
        max: Some(20.5),
        max_drop: Some("10%".into()),
        max_rise: Some("2".into()),
        ..sql_check()
    };
    for (value, served, expected) in [
        (json!(10), None, "passed"),
        (json!(20.5), None, "passed"),
        (json!(9.99), None, "failed: 9.99 is below 10"),
        (json!(21), None, "failed: 21 is above 20.5"),
        (json!(18), Some(20.0), "passed"),
        (
            json!(17),
            Some(20.0),
            "failed: 17, after 20 in the served version, a drop of more than 10%",
        ),
        (
            json!(14.5),
            Some(12.0),
            "failed: 14.5, after 12 in the served version, a rise of more than 2",
        ),
        (json!(true), None, "inconclusive: the query gave true or false, expected a number"),
        (json!("NaN"), None, "inconclusive: the query gave text, expected a number"),
        (json!(null), None, "inconclusive: the query gave NULL, expected a number"),
    ] {
        assert_eq!(said(&outcome(&bounded, &[vec![value]], served)), expected);
    }
    let judged = judge(&bounded, Dialect::DuckDb, &[vec![json!(15)]], None, now());
    assert_eq!(judged.figure, Some(15.0));
    assert!(judged.note.unwrap().contains("nothing is served yet"));
    let before = Before { figures: &BTreeMap::new(), columns: &BTreeMap::new() };
    let judged = judge(&bounded, Dialect::DuckDb, &[vec![json!(15)]], Some(before), now());
    assert!(judged.note.unwrap().contains("no figure to compare with"));
}

#[test]
fn freshness_is_an_age() {
    let fresh = kind_of(DataCheckKind::Freshness);
    for (value, expected) in [
        (json!("2026-02-06"), "passed"),
        (json!("2026-02-06 00:00:01+00"), "passed"),
        (
            json!("2026-02-05"),
            "failed: the newest value 2026-02-05 is 2 d 12 h old, at most 36 h are allowed",
        ),
        (json!("2026-02-08 11:00:00"), "passed"),
        (
            json!("2027-02-07 12:00:00"),
            "failed: the newest value 2027-02-07 12:00:00 lies 365 d 0 h in the future",
        ),
        (json!(null), "inconclusive: the column has no value"),
        (
            json!(1_770_000_000),
            "inconclusive: the newest value is a number, expected a date or a time: use `sql` instead",
        ),
    ] {
        let row = vec![value, json!("VARCHAR")];
        assert_eq!(said(&outcome(&fresh, &[row], None)), expected);
    }
    let unreadable = outcome(&fresh, &[vec![json!("yesterday"), json!("VARCHAR")]], None);
    assert!(
        said(&unreadable).starts_with("inconclusive: the newest value \"yesterday\" (VARCHAR)")
    );
    let days = DataCheckConfig { max_age: Some("3d".into()), ..fresh };
    assert_eq!(outcome(&days, &[vec![json!("2026-02-05"), json!("DATE")]], None), Outcome::Passed);
}

#[test]
fn columns_may_come_and_not_go() {
    let check = kind_of(DataCheckKind::Schema);
    let row = |name: &str, kind: &str| vec![json!(name), json!(kind)];
    let rows = vec![row("day", "DATE"), row("price", "DOUBLE"), row("new", "INTEGER")];
    let served = |columns: &[(&str, &str)]| {
        let columns: Columns =
            columns.iter().map(|(name, kind)| ((*name).to_owned(), (*kind).to_owned())).collect();
        BTreeMap::from([("marts.sales".to_owned(), columns)])
    };
    let figures = BTreeMap::new();
    let compared = |rows: &[Vec<Value>], columns: &BTreeMap<String, Columns>| {
        let before = Before { figures: &figures, columns };
        said(&judge(&check, Dialect::DuckDb, rows, Some(before), now()).result.outcome)
    };
    assert_eq!(compared(&rows, &served(&[("day", "DATE")])), "passed");
    assert_eq!(
        compared(&rows, &served(&[("day", "TIMESTAMP"), ("gone", "DATE")])),
        "failed: day is DATE, was TIMESTAMP, gone is missing"
    );
    assert_eq!(
        compared(&[], &served(&[("day", "DATE")])),
        "failed: there is no table marts.sales any more"
    );
    assert_eq!(compared(&[], &BTreeMap::new()), "inconclusive: there is no table marts.sales");
    let first = judge(&check, Dialect::DuckDb, &rows, None, now());
    assert_eq!(first.result.outcome, Outcome::Passed);
    assert_eq!(first.columns.unwrap().1.len(), 3);
}

#[test]
fn names_in_questions_stay_names() {
    let asked = question(&kind_of(DataCheckKind::Nulls), Dialect::DuckDb);
    assert_eq!(
        asked.sql,
        r#"SELECT count(*) AS value FROM "marts"."sales" AS t WHERE t."da""y" IS NULL"#
    );
    let asked = question(&kind_of(DataCheckKind::Schema), Dialect::Sqlite);
    assert_eq!(asked.parameters, [json!("sales"), json!("marts")]);
}

#[test]
fn numbers_are_shown_briefly() {
    for (number, text) in
        [(3.0, "3"), (0.25, "0.25"), (1.0 / 3.0, "0.3333"), (1e-9, "1e-9"), (-0.5, "-0.5")]
    {
        assert_eq!(shown(number), text);
    }
}

#[test]
fn an_age_has_one_length() {
    assert_eq!(duration("2d"), Some(Duration::from_hours(48)));
    for wrong in ["1mo", "1y", "-2h", "soon", ""] {
        assert_eq!(duration(wrong), None, "{wrong}");
    }
}
