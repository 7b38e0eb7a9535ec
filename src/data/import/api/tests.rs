use serde_json::value::RawValue;
use url::Url;

use super::{
    Answer, Cells, Mark, Now, Page, PagesProblem, Period, Turner, address, timeout, url_variable,
};
use crate::config::{ImportConfig, PagesConfig};
use crate::data::import::Import;

fn sales(api: &str) -> Import {
    let entry: ImportConfig = serde_yaml::from_str(&format!("api: {api}")).unwrap();
    Import::of("sales", Some(&entry)).unwrap().unwrap()
}

fn declared(yaml: &str) -> Result<Import, String> {
    let entry: ImportConfig = serde_yaml::from_str(yaml).unwrap();
    // The rules of the preset go with its own columns.
    let name = if entry.columns.is_empty() { "sales" } else { "orders" };
    Import::of(name, Some(&entry)).map(Option::unwrap).map_err(|error| error.to_string())
}

/// The parameters as `name=value`, then whether a gap is left.
fn period(import: &Import, days: Option<u32>, watermark: Option<&str>) -> String {
    let now = "2026-02-07T23:30:00Z".parse().unwrap();
    match Period::of(import, days, watermark, now) {
        Ok(period) => {
            let pairs = period.parameters.iter().map(|(name, value)| format!("{name}={value}"));
            let gap = if period.leaves_a_gap { " gap" } else { "" };
            pairs.collect::<Vec<_>>().join("&") + gap
        }
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn days_are_those_of_the_declared_zone() {
    let utc = sales("{}");
    assert_eq!(period(&utc, None, None), "");
    assert_eq!(period(&utc, Some(7), None), "start_date=2026-01-31&end_date=2026-02-07");
    let berlin = sales("{ timezone: Europe/Berlin, start_parameter: from, end_parameter: to }");
    assert_eq!(period(&berlin, Some(1), None), "from=2026-02-07&to=2026-02-08");
    assert_eq!(period(&utc, Some(0), None), "--days: expected 1 to 36525, found 0");
    assert_eq!(period(&utc, Some(u32::MAX), None), "--days: expected 1 to 36525, found 4294967295");
}

#[test]
fn the_watermark_is_where_the_next_import_begins() {
    let import = sales("{ watermark: date }");
    assert_eq!(period(&import, None, None), "");
    let from = |watermark| period(&import, None, Some(watermark));
    assert_eq!(from("2026-02-03"), "start_date=2026-02-03&end_date=2026-02-07");
    // Rows of days to come: the rest of today is asked for all the same.
    assert_eq!(from("2026-02-09"), "start_date=2026-02-07&end_date=2026-02-07");
    assert_eq!(
        from("yesterday"),
        "the watermark \"yesterday\" in tidegate_imports is no value of its column"
    );
    // Days before the watermark are asked for again; after it they would leave a gap.
    let both = |days| period(&import, Some(days), Some("2026-02-03"));
    assert_eq!(both(30), "start_date=2026-01-08&end_date=2026-02-07");
    assert_eq!(both(4), "start_date=2026-02-03&end_date=2026-02-07");
    assert_eq!(both(3), "start_date=2026-02-04&end_date=2026-02-07 gap");
}

#[test]
fn what_comes_after_today_in_the_zone_is_ahead() {
    let now = "2026-02-07T23:30:00.5Z".parse().unwrap();
    for (api, today, tomorrow) in [
        ("{}", "2026-02-07", "2026-02-08"),
        ("{ timezone: Europe/Berlin }", "2026-02-08", "2026-02-09"),
        ("{ timezone: America/New_York }", "2026-02-07", "2026-02-08"),
    ] {
        let now = Now::of(&sales(api), now).unwrap();
        assert!(!Mark::Day.is_ahead(today, &now) && Mark::Day.is_ahead(tomorrow, &now), "{api}");
        assert!(!Mark::Time.is_ahead("2026-02-07 23:30:00.5", &now), "{api}");
        assert!(Mark::Time.is_ahead("2026-02-07 23:30:00.500001", &now), "{api}");
        assert!(!Mark::Number.is_ahead("99999999", &now), "{api}");
    }
}

#[test]
fn a_time_is_asked_for_by_its_day_in_the_zone_and_a_number_as_it_is() {
    let columns = "columns: [ { name: id, type: integer }, { name: at, type: timestamp } ]";
    let times = declared(&format!("{columns}\napi: {{ watermark: at, timezone: Asia/Tokyo }}"));
    let from = period(&times.unwrap(), None, Some("2026-02-05 15:00:00.5"));
    assert_eq!(from, "start_date=2026-02-06&end_date=2026-02-08");
    let ids = declared(&format!("{columns}\napi: {{ watermark: id, start_parameter: since }}"));
    let ids = ids.unwrap();
    assert_eq!(period(&ids, None, Some("17")), "since=17");
    assert_eq!(period(&ids, None, None), "");
    let number = "--days: the watermark of the import orders is a number, and no day";
    assert_eq!(period(&ids, Some(7), Some("17")), number);
    assert_eq!(period(&ids, Some(7), None), number);
}

#[test]
fn the_largest_value_is_kept() {
    let mut largest = None;
    for value in ["9", "-3", "10"] {
        Mark::Number.raise(&mut largest, value);
    }
    assert_eq!(largest.as_deref(), Some("10"));
    let mut largest = None;
    for value in ["2026-02-05 15:00:00", "2026-02-05 15:00:00.5", "2026-01-31 23:59:59"] {
        Mark::Time.raise(&mut largest, value);
    }
    assert_eq!(largest.as_deref(), Some("2026-02-05 15:00:00.5"));
}

#[test]
fn what_is_declared_is_checked() {
    let wrong = |api: &str| declared(&format!("api: {api}")).unwrap_err();
    for (api, said) in [
        (
            "{ url: 'ftp://x.example/' }",
            "api.url: expected an address such as https://api.acme.example/sales, found one that begins with ftp:",
        ),
        (
            "{ url: 'https://u:s3cr3t@x.example/' }",
            "api.url: expected an address such as https://api.acme.example/sales, without a user or password in it",
        ),
        ("{ url: 'http://x.example/' }", "api.url: expected https://, or http:// on this machine"),
        ("{ key_env: 'A B' }", "api.key_env: expected the name of a variable, found \"A B\""),
        (
            "{ key_header: 'X Key' }",
            "api.key_header: expected the name of a header such as X-API-Key, found \"X Key\"",
        ),
        (
            "{ key_header: host }",
            "api.key_header: expected a header that carries a key, found host",
        ),
        (
            "{ rows: items }",
            "api.rows: expected a JSON pointer such as /data/items, found \"items\"",
        ),
        (
            "{ timezone: Mars/Base }",
            "api.timezone: expected an IANA time zone such as Europe/Berlin, found \"Mars/Base\"",
        ),
        ("{ watermark: day }", "api.watermark: there is no column \"day\""),
        (
            "{ watermark: region }",
            "api.watermark: expected a date, a timestamp or an integer; \"region\" is none",
        ),
        (
            "{ timeout: 11m }",
            "api.timeout: expected a time such as 30s, at most 10m, found \"11m\"",
        ),
        ("{ pages: { by: link, next: /x } }", "api.pages: `next` belongs to `by: cursor`"),
        ("{ pages: { by: cursor, first: 0 } }", "api.pages: `first` belongs to `by: page`"),
        (
            "{ pages: { by: cursor, next: x } }",
            "api.pages: `next`: expected a JSON pointer such as /data/items, found \"x\"",
        ),
        (
            "{ pages: { by: page, size: 100 } }",
            "api.pages: expected `size_parameter` and `size` together, and a size of 1 or more",
        ),
    ] {
        assert_eq!(wrong(api), format!("data.imports.sales.{said}"));
    }
    assert_eq!(timeout(None).unwrap().as_secs(), 30);
    assert_eq!(url_variable("daily-sales", &sales("{}").api), "DAILY_SALES_API_URL");
    assert!(address("https://api.acme.example/sales?team=1").is_ok());
}

fn problem(body: &str, pointer: &str) -> String {
    Answer::read(body.as_bytes(), pointer).unwrap_err().to_string()
}

#[test]
fn rows_are_found_at_a_pointer() {
    let rows = |body: &str, pointer: &str| {
        let answer = Answer::read(body.as_bytes(), pointer).unwrap();
        let mut found = Vec::new();
        let count = answer.rows::<()>(|row| {
            found.push(row.get().to_owned());
            Ok(())
        });
        assert_eq!(count, Ok(found.len() as u64));
        found.join(" ")
    };
    assert_eq!(rows("\u{feff} [ {\"a\": 1.10}, 2 ] ", ""), "{\"a\": 1.10} 2");
    assert_eq!(rows("[]", ""), "");
    assert_eq!(rows(r#"{"data": {"a/b~c": [[1], [2, 3]]}}"#, "/data/a~1b~0c/1"), "2 3");

    assert_eq!(
        problem(r#"{"items": [], "n": 0}"#, ""),
        "expected an array of rows, found an object; there are items, n"
    );
    assert_eq!(
        problem(r#"{"data": {"items": [], "\u001b[2J": 0}}"#, "/data/rows"),
        "/data: there is no \"rows\"; there are items, \"\\u{1b}[2J\""
    );
    assert_eq!(
        problem(r#"{"data": 7}"#, "/data/rows"),
        "/data: expected an object, found a number"
    );
    assert_eq!(
        problem(r#"{"data": null}"#, "/data"),
        "/data: expected an array of rows, found null"
    );
    assert_eq!(problem("[1]", "/1"), "there is no \"1\"");
    for garbage in ["", "no", "[1,]", "[1] 2", "<html>", "[1"] {
        assert!(problem(garbage, "").starts_with("it is no JSON: "), "{garbage}");
    }
}

#[test]
fn the_first_error_ends_the_rows() {
    let answer = Answer::read(b"[1, 2, 3]", "").unwrap();
    let mut seen = 0;
    let ended = answer.rows(|row| {
        seen += 1;
        if row.get() == "2" { Err("two") } else { Ok(()) }
    });
    assert_eq!((ended, seen), (Err("two"), 2));
}

/// The cells joined by `|`, `-` for none, then what is wrong.
fn cells(reader: &mut Cells, row: &str) -> String {
    let row: &RawValue = serde_json::from_str(row).unwrap();
    let fault = reader.read(row);
    let values: Vec<&str> = reader.values().map(|value| value.unwrap_or("-")).collect();
    let fault = fault.map_or(String::new(), |fault| {
        let value = fault.value.map_or(String::new(), |value| format!(" {value}"));
        format!(" !{}{value}: {}", fault.column, fault.rule)
    });
    values.join("|") + &fault
}

#[test]
fn cells_keep_their_text_and_nulls_are_told_from_missing_keys() {
    let import = declared(
        "columns: [ { name: a, type: number }, { name: b, from: bee, type: text, nullable: true } ]",
    );
    let mut reader = Cells::new(&import.unwrap());
    let mut read = |row: &str| cells(&mut reader, row);
    assert_eq!(
        read(r#"{"a": 1.10000000000000000001, "bee": true}"#),
        "1.10000000000000000001|true"
    );
    assert_eq!(read(r#"{"bee": "\u00e4\n\"", "a": 1e2, "c": {}}"#), "1e2|ä\n\"");
    assert_eq!(read(r#"{"a": null, "bee": null}"#), "-|-");
    assert_eq!(read(r#"{"a": 1}"#), "1|-");
    assert_eq!(read(r#"{"bee": ""}"#), "-| !a: expected the key, which is missing");
    assert_eq!(
        read(r#"{"a": {"x": 1}, "bee": [2]}"#),
        "{\"x\": 1}|[2] !a {\"x\": 1}: expected a single value, found an object; \
         bee: expected a single value, found an array"
    );
    assert_eq!(read("7"), "-|- !(row): expected an object, found a number");
    assert_eq!(read("null"), "-|- !(row): expected an object, found null");
    assert_eq!(
        read(r#"{"a": 1, "bee": "x\u0000y"}"#),
        "1|x\u{fffd}y !bee: expected a text without the character NUL"
    );
    assert_eq!(
        read(r#"{"a": 1, "bee": "\ud800"}"#),
        "1|\"\\ud800\" !bee \"\\ud800\": expected Unicode"
    );
    let long = format!(r#"{{"a": 1, "bee": "{}"}}"#, "x".repeat(1 << 20));
    assert_eq!(read(&long), "-|- !(row): expected a row of at most 1048576 bytes");
}

#[test]
fn a_column_that_no_row_has_is_found_and_a_password_is_never_shown() {
    let users = Import::of("users", None).unwrap().unwrap();
    let mut reader = Cells::new(&users);
    assert!(reader.never_seen().is_empty());
    let said = cells(&mut reader, r#"{"username": "ana", "initial_password": ["hunter2"]}"#);
    assert!(said.contains("!initial_password: expected a single value, found an array"), "{said}");
    assert_eq!(reader.never_seen(), ["email", "role"]);
}

fn pages(yaml: &str) -> PagesConfig {
    serde_yaml::from_str(yaml).unwrap()
}

fn turner<'a>(url: &str, config: &'a PagesConfig) -> Turner<'a> {
    let parameters = [("start_date".to_owned(), "2026-02-01".to_owned())];
    Turner::new(&url.parse().unwrap(), parameters, Some(config))
}

/// What comes after a page with this body.
fn after(
    turner: &mut Turner<'_>,
    body: &str,
    links: &[&str],
) -> Result<Option<String>, PagesProblem> {
    let pointer = if body.starts_with('{') { "/rows" } else { "" };
    let answer = Answer::read(body.as_bytes(), pointer).unwrap();
    let rows = answer.rows::<()>(|_| Ok(())).unwrap();
    let links: Vec<String> = links.iter().map(|link| (*link).to_owned()).collect();
    let sender = &"https://a.example/v1/s".parse().unwrap();
    let page = Page { rows, sender, links: &links, answer: Some(&answer), body: body.as_bytes() };
    Ok(turner.next(&page)?.map(Url::into))
}

#[test]
fn own_parameters_replace_those_of_the_address() {
    let one = Turner::new(
        &"https://a.example/s?team=x%20y&start_date=1#top".parse().unwrap(),
        [("start_date".to_owned(), "2026-02-01".to_owned())],
        None,
    )
    .first();
    assert_eq!(one.as_str(), "https://a.example/s?team=x+y&start_date=2026-02-01");
}

#[test]
fn pages_are_counted_until_one_is_empty() {
    let config = pages("{ by: page, first: 0, size_parameter: limit, size: 2 }");
    let mut turner = turner("https://a.example/s", &config);
    let base = "https://a.example/s?start_date=2026-02-01&limit=2";
    assert_eq!(turner.first().as_str(), format!("{base}&page=0"));
    assert_eq!(after(&mut turner, "[1, 2]", &[]), Ok(Some(format!("{base}&page=1"))));
    assert_eq!(after(&mut turner, "[3]", &[]), Ok(Some(format!("{base}&page=2"))));
    assert_eq!(turner.page(), 3);
    assert!(turner.may_be_over());
    assert_eq!(after(&mut turner, "[4, 5]", &[]), Ok(Some(format!("{base}&page=3"))));
    assert!(!turner.may_be_over());
    assert_eq!(after(&mut turner, "[]", &[]), Ok(None));
}

#[test]
fn an_api_that_does_not_know_the_page_is_found_out() {
    let config = pages("{ by: page }");
    let mut turner = turner("https://a.example/s", &config);
    turner.first();
    after(&mut turner, "[1, 2]", &[]).unwrap();
    let same = after(&mut turner, "[1, 2]", &[]).unwrap_err().to_string();
    assert!(same.starts_with("page 2 is the same as the page before"), "{same}");
}

#[test]
fn a_cursor_leads_on_until_there_is_none() {
    let config = pages("{ by: cursor, parameter: after, next: /meta/next }");
    let mut turner = turner("https://a.example/s", &config);
    assert_eq!(turner.first().as_str(), "https://a.example/s?start_date=2026-02-01");
    let at = |cursor: &str| format!(r#"{{"rows": [], "meta": {{"next": {cursor}}}}}"#);
    let mut next = |cursor: &str| after(&mut turner, &at(cursor), &[]);
    let base = "https://a.example/s?start_date=2026-02-01&after=";
    assert_eq!(next("\"a&b=c\""), Ok(Some(format!("{base}a%26b%3Dc"))));
    assert_eq!(next("12345678901234567890"), Ok(Some(format!("{base}12345678901234567890"))));
    assert_eq!(next("\"a&b=c\""), Err(PagesProblem::Loop { page: 3 }));
    for end in ["null", "\"\"", "false"] {
        assert_eq!(next(end), Ok(None), "{end}");
    }
    let said = next("[1]").unwrap_err().to_string();
    assert_eq!(said, "page 3, /meta/next: expected a cursor, found an array");
    assert!(next(&format!("\"{}\"", "x".repeat(5000))).is_err());
    assert_eq!(after(&mut turner, r#"{"rows": []}"#, &[]), Ok(None));
}

#[test]
fn links_lead_on_at_the_same_server_only() {
    let config = pages("{ by: link }");
    let mut turner = turner("https://a.example/v1/s", &config);
    turner.first();
    let mut next = |link: &str| after(&mut turner, "[1]", &[link]);
    let two = "<https://a.example/v1/s?page=1>; rel=prev, </v1/s?page=2,3#x>; title=\"a;b,c\"; rel=\"last Next\"";
    assert_eq!(next(two), Ok(Some("https://a.example/v1/s?page=2,3".to_owned())));
    assert_eq!(next("<?page=4>;rel=next"), Ok(Some("https://a.example/v1/s?page=4".to_owned())));
    for none in ["", "<x>", "<x>; rel=last", "<x; rel=next", "x; rel=next", "<x>; rel=\"nextone\""]
    {
        assert_eq!(next(none), Ok(None), "{none}");
    }
    for other in
        ["http://a.example/", "https://a.example:8443/", "//b.example/", "file:///etc/passwd"]
    {
        let said = next(&format!("<{other}>; rel=next")).unwrap_err();
        assert!(matches!(said, PagesProblem::Elsewhere { page: 3, .. }), "{other}: {said}");
    }
    assert!(next("<https://u:p@a.example/>; rel=next").is_err());
    assert_eq!(next("<?page=4>; rel=next"), Err(PagesProblem::Loop { page: 3 }));
}

#[test]
fn a_link_is_read_from_the_page_that_sent_it() {
    let config = pages("{ by: link }");
    let mut turner = turner("https://a.example/start", &config);
    turner.first();
    let mut next = |sender: &str, link: &str| {
        let (sender, links) = (&sender.parse().unwrap(), &[format!("<{link}>; rel=next")]);
        let page = Page { rows: 1, sender, links, answer: None, body: b"[1]" };
        turner.next(&page).unwrap().map(String::from).unwrap()
    };
    let two = next("https://a.example/start", "pages/2/items");
    assert_eq!(two, "https://a.example/pages/2/items");
    let three = next(&two, "../3/items");
    assert_eq!(three, "https://a.example/pages/3/items");
    assert_eq!(next(&three, "?page=4"), "https://a.example/pages/3/items?page=4");
    // Where a redirect led, not what was asked.
    assert_eq!(next("https://a.example/v2/5/", "6"), "https://a.example/v2/5/6");
}

#[test]
fn pages_without_end_are_bounded() {
    let config = pages("{ by: cursor, next: /next }");
    let mut turner = turner("https://a.example/s", &config);
    turner.first();
    let mut said = None;
    for number in 0..20_000 {
        let body = format!(r#"{{"rows": [], "next": {number}}}"#);
        if let Err(problem) = after(&mut turner, &body, &[]) {
            said = Some((number, problem));
            break;
        }
    }
    assert_eq!(said, Some((9_999, PagesProblem::TooMany)));
}

proptest::proptest! {
    /// Whatever a server sends: it ends, without a panic.
    #[test]
    fn any_answer_is_rows_or_an_error(text in "[\\[\\]{}:,\"a0~/ \\\\un<>;=.-]{0,60}", pointer in "(/[a0~1]{0,2}){0,3}") {
        let config = pages("{ by: link }");
        let mut turner = turner("https://a.example/s", &config);
        let page = Page { rows: 1, sender: &"https://a.example/s".parse().unwrap(), links: std::slice::from_ref(&text), answer: None, body: text.as_bytes() };
        let _ = turner.next(&page);
        if let Ok(answer) = Answer::read(text.as_bytes(), &pointer) {
            let mut reader = Cells::new(&sales("{}"));
            let _ = answer.rows::<()>(|row| {
                reader.read(row);
                Ok(())
            });
        }
    }
}
