//! `data import` from an API: a server on this machine with pages, limits and faults.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Desk, desks};
use crate::harness::duckdb;
use crate::harness::fault_proxy::{Answer, Fault, FaultProxy, Request, Rule};
use crate::harness::tidegate::{Run, Tidegate};

mod places;

const KEY: &str = "s3cr3t-k3y-0123456789";

/// An API; what no rule answers is an error of the test.
fn api() -> FaultProxy {
    FaultProxy::start("127.0.0.1:1")
}

/// Answers requests whose address has the part.
fn on(part: &str) -> Rule {
    let part = part.to_owned();
    Rule::when(move |request: &Request| request.method == "GET" && request.path.contains(&part))
}

fn rows(rows: &[Value]) -> String {
    serde_json::to_string(rows).unwrap()
}

/// A sale as APIs write it: numbers with all their digits.
fn sale(day: &str, user: u32) -> Value {
    json!({
        "id": user, "date": day, "user_id": user, "product_name": "Tea", "quantity": 2,
        "unit_price": 2.5, "total_amount": "5.00", "region": "north"
    })
}

/// One SQLite desk: where the engine makes no difference.
fn desk() -> Desk {
    let [desk, _] = desks();
    desk
}

fn config(desk: &Desk, api: &str) {
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    let text = format!("data:\n  imports:\n    sales:\n      api: {api}\n");
    desk.write(".github/tidegate.yml", &text);
}

/// Runs `tidegate data import sales` with the variables of the field; the key is nowhere.
fn import(desk: &Desk, server: &FaultProxy, args: &[&str]) -> Run {
    std::fs::create_dir_all(desk.path("tmp")).unwrap();
    let run = Tidegate::new()
        .args(["data", "import", "sales"])
        .args(args)
        .env("SALES_API_URL", format!("http://{}/sales?team=7&signature=abc", server.host()))
        .env("SALES_API_KEY", KEY)
        .env("DATABASE_PATH", desk.database)
        .env("TMPDIR", desk.path("tmp"))
        .env("PATH", duckdb::path())
        .current_dir(desk.folder.path())
        .run();
    for text in [&run.stdout, &run.stderr] {
        assert!(!text.contains(KEY), "the key is shown: {text}");
        assert!(!text.contains("signature"), "the query is shown: {text}");
    }
    for seen in server.seen() {
        assert!(!seen.path.contains(KEY), "the key is in an address: {}", seen.path);
    }
    let left: Vec<_> = std::fs::read_dir(desk.path("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    run
}

fn json(desk: &Desk, server: &FaultProxy, args: &[&str], code: i32) -> Value {
    import(desk, server, &[args, &["--json"]].concat()).code(code).json()
}

/// What was said about a failed import; nothing was written.
fn failure(desk: &Desk, server: &FaultProxy, code: i32) -> String {
    let run = import(desk, server, &[]).code(code);
    assert!(!desk.path(desk.database).exists(), "a database was made");
    run.stderr
}

fn watermark(desk: &Desk) -> Vec<String> {
    desk.sql("SELECT watermark FROM tidegate_imports WHERE name = 'sales'")
}

#[test]
fn an_api_is_imported_with_its_key_and_twice_changes_nothing() {
    for desk in desks() {
        let server = api();
        server.add(on("/sales").answer(
            200,
            &[("Content-Type", "application/json")],
            &rows(&[sale("2026-02-01", 1), sale("2026-02-02", 2)]),
        ));
        let done = json(&desk, &server, &[], 0);
        assert_eq!((&done["rows"], &done["inserted"]), (&json!(2), &json!(2)));
        assert_eq!(done["source"], json!(format!("http://{}/sales", server.host())));
        let again = json(&desk, &server, &[], 0);
        assert_eq!((&again["inserted"], &again["unchanged"]), (&json!(0), &json!(2)));
        assert_eq!(desk.sql("SELECT user_id FROM sales ORDER BY user_id"), ["1", "2"]);
        let seen = server.seen();
        assert_eq!(seen[0].get("authorization"), Some(format!("Bearer {KEY}").as_str()));
        assert_eq!(seen[0].path, "/sales?team=7&signature=abc");
        let sources = desk.sql("SELECT source FROM tidegate_imports");
        assert_eq!(sources, [format!("http://{}/sales", server.host())]);
    }
}

#[test]
fn the_next_import_begins_at_the_watermark_which_moves_with_the_rows() {
    for desk in desks() {
        config(&desk, "{ watermark: date, key_header: X-API-Key, rows: /data/items }");
        let server = api();
        let answer = |rows: &[Value]| json!({"data": {"items": rows}}).to_string();
        server.add(on("/sales").times(1).answer(
            200,
            &[],
            &answer(&[sale("2026-02-03", 1), sale("2026-02-01", 2)]),
        ));
        // A bad row stops the second import, so its watermark does not move.
        let mut bad = sale("2026-02-09", 4);
        bad["quantity"] = json!(0);
        server.add(on("/sales").times(2).answer(200, &[], &answer(&[sale("2026-02-05", 3), bad])));
        server.add(on("/sales").answer(200, &[], &answer(&[])));

        assert_eq!(json(&desk, &server, &[], 0)["watermark"], json!("2026-02-03"));
        assert_eq!(watermark(&desk), ["2026-02-03"]);
        let stopped = json(&desk, &server, &[], 14);
        assert_eq!(
            stopped["bad_rows"][0]["place"],
            json!({"answer": {"page": 1, "pointer": "/data/items/1"}})
        );
        assert_eq!(watermark(&desk), ["2026-02-03"]);

        // The good row is written, and only that one moves it.
        let done = json(&desk, &server, &["--accept-good-rows"], 0);
        assert_eq!((&done["inserted"], &done["bad"]), (&json!(1), &json!(1)));
        assert_eq!(watermark(&desk), ["2026-02-05"]);
        let rejects = desk.read("sales.rejects.csv");
        assert!(rejects.contains("2026-02-09"), "{rejects}");
        // It can be mended and imported as a file.
        desk.write("sales.rejects.csv", &rejects.replace("\"0\"", "\"2\"").replace(",0,", ",2,"));
        let mended = desk.json(&["sales", "sales.rejects.csv"], 0);
        assert_eq!(mended["inserted"], json!(1), "{rejects}");
        assert_eq!(watermark(&desk), ["2026-02-05"], "a file leaves it as it is");

        // No rows are told apart from rows, and nothing moves.
        let none = json(&desk, &server, &[], 0);
        assert_eq!((&none["rows"], &none["written"]), (&json!(0), &json!(true)));
        assert_eq!(watermark(&desk), ["2026-02-05"]);

        let seen = server.seen();
        assert_eq!(seen[0].get("x-api-key"), Some(KEY));
        assert_eq!(seen[0].get("authorization"), None);
        let starts: Vec<_> = seen.iter().map(|seen| start(&seen.path)).collect();
        let expected = ["", "2026-02-03", "2026-02-03", "2026-02-05"];
        assert_eq!(starts, expected);
    }
}

/// The value of `start_date` in an address.
fn start(path: &str) -> &str {
    let after = path.split_once("start_date=").map(|(_, after)| after);
    after.map_or("", |after| after.split('&').next().unwrap_or_default())
}

#[test]
fn days_that_leave_a_gap_after_the_watermark_do_not_move_it() {
    let desk = desk();
    config(&desk, "{ watermark: date }");
    let server = api();
    server.add(on("/sales").times(1).answer(200, &[], &rows(&[sale("2020-01-01", 1)])));
    server.add(on("/sales").answer(200, &[], &rows(&[sale("2026-02-05", 2)])));
    json(&desk, &server, &[], 0);
    let done = json(&desk, &server, &["--days", "3"], 0);
    assert_eq!((&done["inserted"], &done["watermark"]), (&json!(1), &Value::Null));
    assert_eq!(watermark(&desk), ["2020-01-01"]);
    let asked = &server.seen()[1].path;
    assert!(asked.contains("start_date=20") && asked.contains("&end_date=20"), "{asked}");
    json(&desk, &server, &[], 0);
    assert_eq!(watermark(&desk), ["2026-02-05"]);
}

#[test]
fn every_way_of_pages_ends_with_all_rows() {
    let page = |numbers: std::ops::Range<u32>| -> Vec<Value> {
        numbers.map(|number| sale("2026-02-01", number)).collect()
    };
    // By the header Link.
    let (by_link, server) = (desk(), api());
    config(&by_link, "{ pages: { by: link } }");
    let last = "<?token=zz>; rel=\"prev\"";
    server.add(on("token=zz").answer(200, &[("Link", last)], &rows(&page(3..5))));
    let next = "<?token=zz>; rel=\"next\", <?token=1>; rel=\"first\"";
    server.add(on("/sales").answer(200, &[("Link", next)], &rows(&page(1..3))));
    assert_eq!(json(&by_link, &server, &[], 0)["inserted"], json!(4));
    assert!(server.seen().iter().all(|seen| seen.get("authorization").is_some()));

    // By a cursor.
    let (by_cursor, server) = (desk(), api());
    config(&by_cursor, "{ rows: /rows, pages: { by: cursor, next: /next } }");
    let answer = |rows: Vec<Value>, next: Value| json!({"rows": rows, "next": next}).to_string();
    server.add(on("cursor=c3").answer(200, &[], &answer(page(3..4), Value::Null)));
    server.add(on("cursor=c2").answer(200, &[], &answer(vec![], json!("c3"))));
    server.add(on("/sales").answer(200, &[], &answer(page(1..3), json!("c2"))));
    assert_eq!(json(&by_cursor, &server, &[], 0)["inserted"], json!(3));
    assert_eq!(server.seen().len(), 3);

    // By numbers.
    let (by_page, server) = (desk(), api());
    config(&by_page, "{ pages: { by: page, size_parameter: limit, size: 2 } }");
    server.add(on("limit=2&page=1").answer(200, &[], &rows(&page(1..3))));
    server.add(on("limit=2&page=2").answer(200, &[], &rows(&page(3..4))));
    server.add(on("limit=2&page=3").answer(200, &[], &rows(&page(4..5))));
    server.add(on("limit=2&page=4").answer(404, &[], "no such page"));
    assert_eq!(
        json(&by_page, &server, &[], 0)["inserted"],
        json!(4),
        "short pages are not the end"
    );
    // 404 after a whole page is no end: rows may be missing.
    let (broken, server) = (desk(), api());
    config(&broken, "{ pages: { by: page, size_parameter: limit, size: 2 } }");
    server.add(on("limit=2&page=1").answer(200, &[], &rows(&page(1..3))));
    server.add(on("limit=2&page=2").answer(404, &[], ""));
    assert!(failure(&broken, &server, 10).contains("answered 404"));
}

#[test]
fn the_page_after_the_last_is_empty_or_not_there() {
    let first = || rows(&[sale("2026-02-01", 1), sale("2026-02-01", 2)]);
    for (status, body) in [(200, "[]"), (204, "")] {
        let (desk, server) = (self::desk(), api());
        config(&desk, "{ pages: { by: page } }");
        server.add(on("page=1").answer(200, &[], &first()));
        server.add(on("page=2").answer(status, &[], body));
        assert_eq!(json(&desk, &server, &[], 0)["inserted"], json!(2), "{status}");
        assert_eq!(server.seen().len(), 2);
    }
    // Nobody said how many rows a page has: whether all are there cannot be told.
    let (desk, server) = (self::desk(), api());
    config(&desk, "{ pages: { by: page } }");
    server.add(on("page=1").answer(200, &[], &first()));
    server.add(on("page=2").answer(404, &[], "no such page"));
    assert!(failure(&desk, &server, 10).contains("answered 404"));
    // The first page is missing: the address is wrong.
    let (desk, server) = (self::desk(), api());
    config(&desk, "{ pages: { by: page, size_parameter: limit, size: 2 } }");
    server.add(on("page=1").answer(404, &[], ""));
    assert!(failure(&desk, &server, 10).contains("answered 404"));
}

#[test]
fn limits_and_short_failures_are_waited_for() {
    for desk in desks() {
        let server = api();
        let limit = "{\"message\": \"slow down\"}";
        server.add(Rule::number(1).answer(429, &[("Retry-After", "1")], limit));
        server.add(Rule::number(2).answer(500, &[], "oops"));
        server.add(Rule::number(3).fault(Fault::Close));
        server.add(on("/sales").answer(200, &[], &rows(&[sale("2026-02-01", 1)])));
        assert_eq!(json(&desk, &server, &[], 0)["inserted"], json!(1));
        assert_eq!(server.seen().len(), 4);
    }
}

#[test]
fn an_answer_that_is_cut_is_asked_for_again() {
    let desk = desk();
    let server = api();
    server.add(on("/sales").answer(
        200,
        &[],
        &rows(&[sale("2026-02-01", 1), sale("2026-02-02", 2)]),
    ));
    let between = FaultProxy::start(server.host());
    between.add(Rule::number(1).fault(Fault::CutBody(40)));
    assert_eq!(json(&desk, &between, &[], 0)["inserted"], json!(2));
    assert_eq!(between.seen().len(), 2);
}

#[test]
fn an_api_that_fails_on_a_later_page_writes_nothing() {
    let desk = desk();
    config(&desk, "{ timeout: 1s, pages: { by: page } }");
    let server = api();
    server.add(on("page=1").answer(200, &[], &rows(&[sale("2026-02-01", 1)])));
    let said = format!("{{\"message\": \"no {KEY} today\"}}");
    server.add(on("page=2").answer(503, &[], &said));
    let said = failure(&desk, &server, 8);
    assert!(
        said.contains("/sales cannot answer now (503 Service Unavailable: no *** today"),
        "{said}"
    );
    assert!(said.contains("nothing was written: run it again later"), "{said}");
}

#[test]
fn an_api_that_hangs_is_given_up() {
    let desk = desk();
    config(&desk, "{ timeout: 100ms }");
    let server = api();
    server.add(on("/sales").fault(Fault::Hang));
    let said = failure(&desk, &server, 8);
    assert!(said.contains("/sales gave no rows") && said.contains("in time"), "{said}");
}

#[test]
fn what_is_wrong_with_an_answer_is_said() {
    let row = |key: &str, value: Value| {
        let mut row = sale("2026-02-01", 1);
        row[key] = value;
        rows(&[row])
    };
    let mut renamed = sale("2026-02-01", 1);
    let moved = renamed.as_object_mut().unwrap().remove("total_amount").unwrap();
    renamed["amount"] = moved;
    let html = "<!doctype html><title>Log in</title>";
    for (status, body, code, parts) in [
        (
            401,
            "{\"message\": \"bad key\"}",
            9,
            ["does not allow it (401 Unauthorized: bad key)", "is the key in SALES_API_KEY right"],
        ),
        (403, "", 9, ["does not allow it (403 Forbidden)", "may it read this"]),
        (
            404,
            "nothing here",
            10,
            ["answered 404 Not Found: nothing here", "is the address complete?"],
        ),
        (
            200,
            html,
            10,
            ["answered with a web page, not with JSON", "is it the address of the API"],
        ),
        (200, "[{\"date\": ", 10, ["page 1: it is no JSON: EOF", "call it with curl"]),
        (
            200,
            "{\"rows\": []}",
            10,
            ["page 1: expected an array of rows, found an object; there are rows", "`api.rows`"],
        ),
        (
            200,
            &rows(&[renamed]),
            10,
            ["page 1: /0: no row has the key total_amount; there are id, date", "`columns`"],
        ),
        (200, &row("region", json!({"id": 3})), 14, ["", ""]),
        (200, "[1]", 14, ["", ""]),
        (200, "[null]", 14, ["", ""]),
    ] {
        let (desk, server) = (desk(), api());
        server.add(on("/sales").answer(status, &[], body));
        let said = failure(&desk, &server, code);
        for part in parts {
            assert!(said.contains(part), "{status} {body}: {said}");
        }
    }
}

#[test]
fn rows_of_another_shape_are_named_by_their_pointers() {
    for desk in desks() {
        let server = api();
        let mut nested = sale("2026-02-01", 2);
        nested["region"] = json!({"name": "north"});
        let mut missing = sale("2026-02-01", 3);
        missing.as_object_mut().unwrap().remove("user_id");
        let mut null = sale("2026-02-01", 4);
        null["user_id"] = Value::Null;
        let sent = rows(&[sale("2026-02-01", 1), nested, missing, null, json!("x")]);
        server.add(on("/sales").answer(200, &[], &sent));
        let done = json(&desk, &server, &["--accept-good-rows"], 0);
        assert_eq!((&done["inserted"], &done["bad"]), (&json!(1), &json!(4)));
        let said: Vec<String> = done["bad_rows"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let fault = &row["faults"][0];
                let place = text(&row["place"]["answer"]["pointer"]);
                format!("{place} {}: {}", text(&fault["column"]), text(&fault["rule"]))
            })
            .collect();
        assert_eq!(
            said,
            [
                "/1 region: expected a single value, found an object",
                "/2 user_id: expected the key, which is missing",
                "/3 user_id: expected a value",
                "/4 (row): expected an object, found a text",
            ]
        );
    }
}

#[test]
fn pages_that_never_end_are_stopped() {
    let (looping, server) = (desk(), api());
    config(&looping, "{ rows: /rows, pages: { by: cursor, next: /next } }");
    let answer = json!({"rows": [sale("2026-02-01", 1)], "next": "again"}).to_string();
    server.add(on("/sales").answer(200, &[], &answer));
    let said = failure(&looping, &server, 10);
    assert!(said.contains("page 2 leads to a page that was read before"), "{said}");

    let (deaf, server) = (desk(), api());
    config(&deaf, "{ pages: { by: page } }");
    server.add(on("/sales").answer(200, &[], &rows(&[sale("2026-02-01", 1)])));
    let said = failure(&deaf, &server, 10);
    assert!(said.contains("page 2 is the same as the page before"), "{said}");
}

#[test]
fn the_key_stays_with_its_server() {
    let elsewhere = Arc::new(Mutex::new(Vec::<Request>::new()));
    let other = api();
    let seen = Arc::clone(&elsewhere);
    other.add(
        Rule::when(|_| true)
            .before(move |request| seen.lock().unwrap().push(request.clone()))
            .answer(200, &[], &rows(&[sale("2026-02-01", 1)])),
    );
    let there = format!("http://{}/sales", other.host());

    for api_config in ["{ pages: { by: link } }", "{ key_header: X-Key, pages: { by: link } }"] {
        let (moved, server) = (desk(), api());
        config(&moved, api_config);
        server.add(on("/sales").answer(302, &[("Location", &there)], ""));
        let said = failure(&moved, &server, 10);
        assert!(said.contains("redirects to") && said.contains(other.host()), "{said}");

        let (linked, server) = (desk(), api());
        config(&linked, api_config);
        let link = format!("<{there}>; rel=next");
        server.add(on("/sales").answer(200, &[("Link", &link)], &rows(&[sale("2026-02-01", 1)])));
        let said = failure(&linked, &server, 10);
        assert!(said.contains("leads to another server"), "{said}");
    }
    assert!(elsewhere.lock().unwrap().is_empty(), "the other server was asked");

    // A redirect at the same server is followed.
    let (same, server) = (desk(), api());
    server.add(on("/v2/").answer(200, &[], &rows(&[sale("2026-02-01", 1)])));
    server.add(on("/sales").answer(307, &[("Location", "/v2/s")], ""));
    assert_eq!(json(&same, &server, &[], 0)["inserted"], json!(1));
    assert!(server.seen()[1].get("authorization").is_some());
}

#[test]
fn a_key_that_a_server_says_back_is_not_shown() {
    // Where a redirect leads, with the key in its path.
    let (moved, server) = (desk(), api());
    let there = format!("http://127.0.0.1:1/login/{KEY}");
    server.add(on("/sales").answer(302, &[("Location", &there)], ""));
    let said = failure(&moved, &server, 10);
    assert!(said.contains("redirects to http://127.0.0.1:1/login/***"), "{said}");
    json(&moved, &server, &[], 10);
    // As a key of a row, and in the place of the next page.
    let (strange, server) = (desk(), api());
    server.add(on("/sales").answer(200, &[], &rows(&[json!({ KEY: 1 })])));
    let said = failure(&strange, &server, 10);
    assert!(said.contains("***"), "{said}");
    let (linked, server) = (desk(), api());
    config(&linked, "{ pages: { by: link } }");
    let link = format!("<http://{KEY}.example/sales>; rel=next");
    server.add(on("/sales").answer(200, &[("Link", &link)], &rows(&[sale("2026-02-01", 1)])));
    let said = failure(&linked, &server, 10);
    assert!(said.contains("***"), "{said}");
}

#[test]
fn what_would_give_the_key_away_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = |url: &str, more: &[(&str, &str)]| {
        let run = Tidegate::new()
            .args(["data", "import", "sales", "--api", url, "--database", "app.db"])
            .env("SALES_API_KEY", KEY)
            .envs(more.iter().copied())
            .current_dir(folder.path())
            .run()
            .code(2);
        assert!(!run.stderr.contains(KEY), "{}", run.stderr);
        run.stderr
    };
    let said = run("http://api.acme.example/sales?x=1", &[]);
    assert!(
        said.contains("http://api.acme.example/sales is plain http on another machine"),
        "{said}"
    );
    let said = run(&format!("https://api.acme.example/sales?key={KEY}"), &[]);
    assert!(said.contains("the address of the API holds the key of SALES_API_KEY"), "{said}");
    let said = run(&format!("https://user:{KEY}@api.acme.example/"), &[]);
    assert!(said.contains("without a user or password in it"), "{said}");
    let said = run("https://api.acme.example/", &[("SALES_API_KEY", "two\u{7f}words")]);
    assert!(said.contains("the key in SALES_API_KEY holds characters"), "{said}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is written");
}

#[test]
fn nobody_says_where_the_rows_are() {
    let desk = desk();
    let said = desk.import(&["sales"]).code(2).stderr;
    assert!(said.contains("nobody says which file or API to import as sales"), "{said}");
    assert!(said.contains("SALES_API_URL"), "{said}");
    let said = desk.import(&["sales", "--days", "7"]).code(2).stderr;
    assert!(said.contains("nobody says where the API of sales is"), "{said}");
    let said = desk.import(&["sales", "sales.csv", "--days", "7"]).code(2).stderr;
    assert!(said.contains("cannot be used with"), "{said}");
}

#[test]
fn a_plan_asks_and_writes_nothing() {
    for desk in desks() {
        config(&desk, "{ watermark: date }");
        let server = api();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        server.add(
            on("/sales")
                .before(move |_| {
                    count.fetch_add(1, Ordering::Relaxed);
                })
                .fault(Fault::Answer(Answer::new(200, &[], &rows(&[sale("2026-02-01", 1)])))),
        );
        let done = json(&desk, &server, &["--plan"], 0);
        assert_eq!((&done["inserted"], &done["written"]), (&json!(1), &json!(false)));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        assert!(!desk.path(desk.database).exists());
    }
}
