//! `tidegate smoke`, as a person calls it.

use std::net::TcpListener;

use serde_json::json;

use crate::harness::streamlit::Streamlit;
use crate::harness::tidegate::{Run, Tidegate};

fn smoke(kind: &str, url: &str, more: &[&str]) -> Run {
    Tidegate::new().args(["smoke", "--kind", kind, "--url", url]).args(more).run()
}

/// An HTTP server that answers every request the same, until the test's process ends.
fn http(body: &'static str) -> String {
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.server_addr().to_ip().unwrap());
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            let _ = request.respond(tiny_http::Response::from_string(body));
        }
    });
    url
}

/// The lines without the last one, which tells a time.
fn untimed(run: &Run) -> String {
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines.pop().is_some_and(|line| line.starts_with("  1 attempt, ")), "{}", run.stdout);
    lines.join("\n")
}

#[test]
fn an_app_that_works_and_one_that_does_not() {
    let good = Streamlit::start("1.67.0", "good", &[]);
    let run = smoke("streamlit", good.url().as_str(), &["--require-text", "Sales"]).success();
    let at = good.url();
    let seen = "1 page, 6 elements, Streamlit 1.67.0";
    assert_eq!(untimed(&run), format!("✓ streamlit of {at} works: {seen}"));

    let bad = Streamlit::start("1.67.0", "uncaught", &[]);
    let (at, folder) =
        (bad.url(), concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/streamlit"));
    let run = smoke("streamlit", at.as_str(), &[]).code(13);
    assert_eq!(run.stderr, "");
    let shown = untimed(&run).replace(at.as_str(), "URL").replace(folder, "FOLDER");
    insta::assert_snapshot!(shown, @r#"
    ✗ streamlit of URL fails: page "app": KeyError: 'price'

        Traceback (most recent call last):
          File "FOLDER/uncaught/app.py", line 9, in <module>
            st.text(load())
                    ^^^^^^
          File "FOLDER/uncaught/app.py", line 5, in load
            return {"amount": 1}["price"]
                   ~~~~~~~~~~~~~^^^^^^^^^
        KeyError: 'price'
    "#);
    let found = smoke("streamlit", at.as_str(), &["--json"]).code(13).json();
    assert_eq!(found["schema"], "tidegate/smoke/1");
    assert_eq!((&found["found"], &found["kind"]), (&json!("failed"), &json!("streamlit")));
    assert_eq!(found["what"], "page \"app\": KeyError: 'price'");
    assert!(found["detail"].as_str().unwrap().ends_with("KeyError: 'price'"), "{found}");
}

#[test]
fn answers_over_http_are_held_against_the_options() {
    let url = http(r#"{"status":"ok","ready":3}"#);
    let passes = ["--status", "200", "--body", "ready", "--json-pointer", "/status=ok"];
    smoke("http", &url, &passes).success();
    smoke("http", &url, &["--json-pointer", "/ready=3"]).success();
    let run = smoke("http", &url, &["--json-pointer", "/status=starting"]).code(13);
    assert!(run.stdout.starts_with("✗ http of http://127.0.0.1:"), "{}", run.stdout);
    smoke("http", &url, &["--status", "204"]).code(13);
}

#[test]
fn a_port_is_open_or_closed_and_a_name_that_nobody_knows_proves_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    smoke("tcp", &url, &[]).success();
    drop(listener);
    smoke("tcp", &url, &["--retries", "1", "--interval", "10ms"]).code(13);
    let run = smoke("streamlit", "http://no-such-host.invalid/", &[]).code(8);
    assert!(run.stdout.contains("nobody can tell: cannot resolve"), "{}", run.stdout);
}

#[test]
fn wrong_options_are_named() {
    let url = "http://127.0.0.1:1";
    for (kind, url, options, named) in [
        ("http", "ftp://127.0.0.1", &[][..], "--url: "),
        ("http", url, &["--page", "Sales"], "--page: belongs to probes of the kind streamlit"),
        ("streamlit", url, &["--status", "200"], "--status: belongs to probes of the kind http"),
        ("http", url, &["--json-pointer", "status=ok"], "--json-pointer: "),
        ("streamlit", url, &["--timeout", "soon"], "--timeout: "),
        ("streamlit", url, &["--host", "a b"], "--host: expected a host"),
        ("http", "http://user:secret@127.0.0.1", &[], "--url: "),
    ] {
        let run = smoke(kind, url, options).code(2);
        assert!(run.stderr.contains(named), "{options:?}: {}", run.stderr);
        assert!(!run.stderr.contains("secret"), "{}", run.stderr);
    }
}
