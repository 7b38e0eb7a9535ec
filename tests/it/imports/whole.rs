//! An API that has more pages than anybody asks for.

use serde_json::json;

use super::desks;
use crate::harness::fault_proxy::{FaultProxy, Request, Rule};
use crate::harness::tidegate::{Run, Tidegate};

fn sale() -> serde_json::Value {
    json!({
        "date": "2026-02-01", "user_id": 1, "product_name": "Tea", "quantity": 2,
        "unit_price": 2.5, "total_amount": "5.00", "region": "north"
    })
}

/// Imports what an API answers with, as `api` of the configuration says.
fn import(api: &str, headers: &[(&str, &str)], body: &serde_json::Value) -> (Run, bool) {
    let [desk, _] = desks();
    std::fs::create_dir_all(desk.path(".github")).unwrap();
    desk.write(
        ".github/tidegate.yml",
        &format!("data:\n  imports:\n    sales:\n      api: {api}\n"),
    );
    let server = FaultProxy::start("127.0.0.1:1");
    let rule = Rule::when(|request: &Request| request.path.starts_with("/sales"));
    server.add(rule.answer(200, headers, &body.to_string()));
    let run = Tidegate::new()
        .args(["data", "import", "sales"])
        .env("SALES_API_URL", format!("http://{}/sales", server.host()))
        .env("DATABASE_PATH", desk.database)
        .current_dir(desk.folder.path())
        .run();
    (run, desk.path(desk.database).exists())
}

#[test]
fn further_pages_that_nobody_declared_stop_the_import() {
    let next = [("Link", "</sales?page=2>; rel=\"next\"")];
    let wrapped = |key: &str, value: serde_json::Value| {
        let mut body = json!({"rows": [sale()]});
        body[key] = value;
        body
    };
    let cases = [
        ("{ timeout: 10s }", &next[..], json!([sale()]), "its header Link names a next page"),
        (
            "{ rows: /rows }",
            &[],
            wrapped("next_cursor", json!("c2")),
            "its /next_cursor names a next page",
        ),
        (
            "{ rows: /rows }",
            &[],
            wrapped("has_more", json!(true)),
            "its /has_more says that there are more",
        ),
    ];
    for (api, headers, body, said) in cases {
        let (run, is_there) = import(api, headers, &body);
        let run = run.code(10);
        assert!(run.stderr.contains(said), "{said}: {}", run.stderr);
        assert!(run.stderr.contains("declare how with `api.pages`"), "{}", run.stderr);
        assert!(!is_there, "{said}");
    }
}

#[test]
fn an_answer_that_says_it_is_the_last_is_imported() {
    for body in [
        json!({"rows": [sale()], "next_cursor": null, "has_more": false}),
        json!({"rows": [sale()], "next_cursor": ""}),
    ] {
        let previous = [("Link", "</sales?page=1>; rel=\"prev\"")];
        let (run, is_there) = import("{ rows: /rows }", &previous, &body);
        run.success();
        assert!(is_there);
    }
}
