use jiff::Timestamp;

use super::{Import, MaxBad, Row};
use crate::config::ImportConfig;

fn now() -> Timestamp {
    "2026-02-07T12:00:00Z".parse().unwrap()
}

fn sales() -> Import {
    Import::of("sales", None).unwrap().unwrap()
}

fn import(yaml: &str) -> Import {
    let entry: ImportConfig = serde_yaml::from_str(yaml).unwrap();
    Import::of("orders", Some(&entry)).unwrap().unwrap()
}

fn wrong(yaml: &str) -> String {
    let entry: ImportConfig = serde_yaml::from_str(yaml).unwrap();
    Import::of("orders", Some(&entry)).unwrap_err().to_string()
}

fn good(import: &Import, line: &str) -> Vec<Option<String>> {
    let mut row = Row::default();
    import.check(line.split(',').map(Some), now(), &mut row).unwrap();
    row.values().map(|value| value.map(str::to_owned)).collect()
}

fn faults(import: &Import, line: &str) -> Vec<String> {
    let mut row = Row::default();
    let faults = import.check(line.split(',').map(Some), now(), &mut row).unwrap_err();
    faults
        .into_iter()
        .map(|fault| format!("{} {:?}: {}", fault.column, fault.value, fault.rule))
        .collect()
}

#[test]
fn a_good_row_is_read_as_the_database_takes_it() {
    let values = good(&sales(), "2026-02-07,42,Tea, 3 ,2.50,7.5,north");
    let values: Vec<&str> = values.iter().flatten().map(String::as_str).collect();
    assert_eq!(values, ["2026-02-07", "42", "Tea", "3", "2.50", "7.5", "north"]);
}

#[test]
fn every_fault_of_a_row_is_named() {
    assert_eq!(
        faults(&sales(), "2026-13-07,x,,0,-1,7.555,north"),
        [
            r#"date Some("2026-13-07"): expected a day such as 2026-02-07"#,
            r#"user_id Some("x"): expected a whole number"#,
            "product_name None: expected a value",
            r#"quantity Some("0"): expected a number greater than 0"#,
            r#"unit_price Some("-1"): expected a number of at least 0"#,
            r#"total_amount Some("7.555"): expected an amount with at most 2 digits after the point"#,
        ]
    );
}

#[test]
fn the_total_is_the_product_within_a_cent() {
    let sales = sales();
    good(&sales, "2026-02-07,1,Tea,3,3.33,10.00,north");
    assert_eq!(
        faults(&sales, "2026-02-07,1,Tea,3,3.33,10.01,north"),
        [r#"total_amount Some("10.01"): expected quantity × unit_price = 9.99, to within 0.01"#]
    );
}

#[test]
fn a_day_that_has_begun_somewhere_is_not_in_the_future() {
    let sales = sales();
    good(&sales, "2026-02-08,1,Tea,1,1,1,north");
    assert_eq!(
        faults(&sales, "2026-02-09,1,Tea,1,1,1,north"),
        [r#"date Some("2026-02-09"): expected a day that is not in the future"#]
    );
}

#[test]
fn users_have_known_roles_and_addresses() {
    let users = Import::of("users", None).unwrap().unwrap();
    assert_eq!(
        users.sources().collect::<Vec<_>>(),
        ["username", "email", "role", "initial_password"]
    );
    let values = good(&users, "ana,Ana@Acme.Example,admin,secret");
    assert_eq!(values[1].as_deref(), Some("ana@acme.example"));
    for address in [
        "ana",
        "@acme.example",
        "ana@acme",
        "a na@acme.example",
        "ana@-x.example",
        "a..b@x.example",
    ] {
        assert_eq!(faults(&users, &format!("ana,{address},admin,")).len(), 1, "{address}");
    }
    let said = faults(&users, "ana,ana@acme.example,root,hunter2").concat();
    assert!(said.starts_with("role") && !said.contains("hunter2"), "{said}");
}

#[test]
fn the_types_are_read_strictly() {
    let kinds = import(
        "columns: [ { name: n, type: number }, { name: b, type: boolean }, { name: t, type: timestamp, nullable: true } ]",
    );
    let values = good(&kinds, "1e-7,TRUE,2026-02-07T21:53:58.25+02:00");
    let values: Vec<&str> = values.iter().flatten().map(String::as_str).collect();
    assert_eq!(values, ["0.0000001", "true", "2026-02-07 19:53:58.25"]);
    assert_eq!(good(&kinds, "-1,0,")[2], None);
    for number in ["1,5", "0x1", "NaN", "inf", "1_000", "--1", "."] {
        let mut row = Row::default();
        let cells = [Some(number), Some("1"), None];
        assert!(kinds.check(cells.into_iter(), now(), &mut row).is_err(), "{number}");
    }
    assert_eq!(faults(&kinds, "1,1,2026-02-07 19:53:58").len(), 1, "a time without its offset");
}

#[test]
fn numbers_are_written_as_databases_read_them() {
    let kinds = import("columns: [ { name: a, type: amount }, { name: n, type: number } ]");
    let written = |line: &str| {
        let values = good(&kinds, line).into_iter().flatten();
        values.collect::<Vec<_>>().join(",")
    };
    assert_eq!(written("12.50,-0.125"), "12.50,-0.125");
    assert_eq!(written("007.5, 1.0 "), "7.5,1.0");
    assert_eq!(
        written("9999999999999999.99,123456789012345678901234567"),
        "9999999999999999.99,123456789012345678901234567"
    );
    assert_eq!(written("1.500,1E3"), "1.500,1000");
    assert_eq!(faults(&kinds, "10000000000000000,1").len(), 1);
    assert_eq!(faults(&kinds, "1.234,1.2.3").len(), 2);
    assert_eq!(faults(&kinds, "-,.").len(), 2);
}

#[test]
fn a_preset_is_changed_by_what_an_entry_names() {
    let changed = import("{ preset: sales, key: [date, user_id], on_conflict: keep }");
    assert_eq!((changed.table.as_str(), changed.key.clone()), ("orders", Some(vec![0, 1])));
    assert_eq!(changed.columns.len(), 7);
}

#[test]
fn a_wrong_declaration_is_named() {
    assert_eq!(
        wrong("columns: [ { name: a, type: text } ]\nkey: [b]"),
        r#"data.imports.orders.key: there is no column "b""#
    );
    assert_eq!(
        wrong("columns: [ { name: a, type: text, min: 1 } ]"),
        r#"data.imports.orders.columns: "a": `min`, `max` and `above` need a number"#
    );
    assert_eq!(
        wrong("columns: [ { name: a, type: text, nullable: true } ]\nkey: [a]"),
        r#"data.imports.orders.key: "a" may be empty, so no row is known by it"#
    );
    assert!(
        wrong("columns: [ { name: a, type: text } ]\nrules: [ { name: r } ]").contains("either")
    );
    assert!(wrong("columns: [ { name: a, type: text } ]\nmax_bad: some").contains("1% or 20"));
    assert_eq!(Import::of("orders", None).unwrap().map(|import| import.name), None);
}

#[test]
fn a_pattern_is_whole_by_itself() {
    for pattern in ["a)|(b", "a)(?:", "(", "(?:a"] {
        let said = wrong(&format!("columns: [ {{ name: a, type: text, pattern: '{pattern}' }} ]"));
        let problem = format!("data.imports.orders.columns: {pattern:?} is no regular expression");
        assert_eq!(said, problem);
    }
    let either = import("columns: [ { name: a, type: text, pattern: 'a|(b)' } ]");
    good(&either, "a");
    good(&either, "b");
    assert_eq!((faults(&either, "aXYZ").len(), faults(&either, "qqb").len()), (1, 1));
}

#[test]
fn names_of_tidegate_itself_are_taken() {
    let column = "columns: [ { name: a, type: text } ]";
    for table in
        ["tidegate_imports", "main.tidegate_imports", "Tidegate_Imports", "main.TIDEGATE_x"]
    {
        let said = wrong(&format!("{column}\ntable: {table}"));
        assert!(said.starts_with("data.imports.orders.table: expected a name"), "{table}: {said}");
    }
    for name in ["tidegate_row", "TIDEGATE_ROW", "Tidegate_key"] {
        let said = wrong(&format!("columns: [ {{ name: {name}, type: text }} ]"));
        assert!(said.starts_with("data.imports.orders.columns: expected a name"), "{name}: {said}");
        let said = wrong(&format!("{column}\npassword: {{ column: p, into: {name} }}"));
        assert!(said.starts_with("data.imports.orders.password: expected names"), "{name}: {said}");
    }
    assert_eq!(import(&format!("{column}\ntable: main.orders")).table, "main.orders");
}

#[test]
fn too_many_bad_rows_are_a_number_or_a_share() {
    let share = MaxBad::parse("1%").unwrap();
    assert!(!share.is_exceeded(10, 1000) && share.is_exceeded(11, 1000));
    let rows = MaxBad::parse("2").unwrap();
    assert!(!rows.is_exceeded(2, 3) && rows.is_exceeded(3, 1000));
    assert_eq!((MaxBad::parse("101%"), MaxBad::parse("x")), (None, None));
}

#[test]
fn a_share_is_exact() {
    for percent in 0..=100 {
        let share = MaxBad::parse(&format!("{percent}%")).unwrap();
        assert_eq!(share.most(100), percent, "{percent}%");
    }
    assert_eq!(MaxBad::parse("0.1%").unwrap().most(1000), 1);
    assert_eq!(MaxBad::parse("33.3%").unwrap().most(3), 0);
    assert_eq!(MaxBad::parse("100%").unwrap().most(u64::MAX), u64::MAX);
    let said = ["0.50%", "20", "100%"].map(|text| MaxBad::parse(text).unwrap().to_string());
    assert_eq!(said, ["0.5%", "20", "100%"]);
}

proptest::proptest! {
    /// A space before a number keeps it from being read the quick way.
    #[test]
    fn numbers_are_read_alike_in_both_ways(text in "-?[0-9]{1,20}(\\.[0-9]{0,4})?") {
        let read = |kind: &str, text: &str| {
            let import = import(&format!("columns: [{{ name: it, type: {kind}, max: 100000000000000000 }}]"));
            let mut row = Row::default();
            match import.check([Some(text)].into_iter(), now(), &mut row) {
                Ok(()) => Ok(row.values().flatten().map(str::to_owned).collect::<Vec<_>>()),
                Err(faults) => Err(faults.into_iter().map(|fault| fault.rule).collect::<Vec<_>>()),
            }
        };
        for kind in ["integer", "number", "amount"] {
            let spaced = format!(" {text}");
            proptest::prop_assert_eq!(read(kind, &text), read(kind, &spaced), "{} {}", kind, text);
        }
    }
}
