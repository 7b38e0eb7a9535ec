//! Servers and folders that mean harm.

use serde_json::{Value, json};

use crate::harness::fault_proxy::{FaultProxy, Rule};

use super::{App, CONTAINER, database, pointer, publish, served};

#[test]
fn a_hostile_pointer_is_refused_and_nothing_else_is_asked_for() {
    let (server, _) = served(20_000);
    let app = App::new();
    app.pull(&server.url(CONTAINER)).run().success();
    let bytes = database(2, 20_000);
    let changes: [(&str, Value); 11] = [
        ("path", json!("../secret.duckdb")),
        ("path", json!("/etc/passwd")),
        ("path", json!("http://127.0.0.1:1/x.duckdb")),
        ("path", json!("//127.0.0.1:1/x.duckdb")),
        ("path", json!(format!("versions/{}.duckdb?x=1", super::sha256(&bytes)))),
        ("path", json!(["versions"])),
        ("size", json!(-1)),
        ("size", json!(1_u64 << 62)),
        ("sha256", json!("\u{1b}[2Jx")),
        ("version", json!("latest")),
        ("format", json!(2)),
    ];
    for (key, value) in changes {
        let mut hostile = pointer(&bytes);
        hostile[key] = value.clone();
        server.put("/analytics/latest.json", hostile.to_string());
        server.forget();
        let run = app.pull(&server.url(CONTAINER)).run().code(10);
        assert!(run.stderr.contains("latest.json"), "{key} {value}: {}", run.stderr);
        assert!(!run.stderr.contains('\u{1b}'), "{key} {value}: {}", run.stderr);
        assert_eq!(server.seen("").len(), 1, "{key} {value}");
        assert_eq!(app.bytes(), database(1, 20_000));
    }
    for text in [&b"null"[..], b"[]", b"{", b"\xff\xfe", b""] {
        server.put("/analytics/latest.json", text);
        app.pull(&server.url(CONTAINER)).run().code(10);
    }
    server.put("/analytics/latest.json", vec![b' '; 5 << 20]);
    let run = app.pull(&server.url(CONTAINER)).run().code(10);
    assert!(run.stderr.contains("larger than"), "{}", run.stderr);
    assert_eq!(app.left(), Vec::<String>::new());
}

#[test]
fn a_redirect_is_never_followed() {
    let (server, _) = served(20_000);
    let (other, _) = served(20_000);
    let proxy = FaultProxy::start(server.host());
    let to = other.url(CONTAINER).replace('?', "/latest.json?");
    proxy.add(Rule::on("GET", "latest.json").answer(302, &[("Location", &to)], ""));
    let app = App::new();
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    let run = app.pull(&url).run().code(9);
    assert!(run.stderr.contains("not followed"), "{}", run.stderr);
    assert!(super::SIGNATURE.iter().all(|secret| !run.stderr.contains(secret)), "{}", run.stderr);
    assert_eq!(other.seen("").len(), 0);
}

#[test]
fn a_body_that_does_not_end_is_left() {
    let (server, first) = served(20_000);
    let app = App::new();
    app.pull(&server.url(CONTAINER)).run().success();
    let second = database(2, 20_000);
    publish(&server, &second);
    let proxy = FaultProxy::start(server.host());
    proxy.add(Rule::on("GET", "/versions/").edit(|answer| answer.body.extend(vec![0; 9_000_000])));
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    let run = app.pull(&url).run().code(10);
    assert!(run.stderr.contains("20000 were expected"), "{}", run.stderr);
    assert_eq!(app.bytes(), first);
    assert_eq!(app.left(), Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn links_are_replaced_and_never_written_through() {
    use std::os::unix::fs::symlink;
    let (server, bytes) = served(20_000);
    let app = App::new();
    std::fs::create_dir(app.folder()).unwrap();
    let precious = app.folder.path().join("precious");
    std::fs::write(&precious, b"keep me").unwrap();
    symlink(&precious, app.file()).unwrap();
    let key = &super::sha256(&bytes)[..16];
    symlink(&precious, app.folder().join(format!(".analytics.duckdb.{key}.partial"))).unwrap();
    symlink(&precious, app.folder().join(".db_url_cache")).unwrap();
    symlink(&precious, app.folder().join("analytics.duckdb.wal")).unwrap();
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(std::fs::read(&precious).unwrap(), b"keep me");
    assert!(app.file().symlink_metadata().unwrap().is_file());
    assert_eq!((app.bytes(), app.left()), (bytes, Vec::new()));
    // A lock behind a link is no lock.
    std::fs::remove_file(app.folder().join(".analytics.duckdb.lock")).unwrap();
    symlink(&precious, app.folder().join(".analytics.duckdb.lock")).unwrap();
    publish(&server, &database(2, 20_000));
    let run = app.pull(&server.url(CONTAINER)).run().code(1);
    assert!(run.stderr.contains("analytics.duckdb.lock"), "{}", run.stderr);
    assert_eq!(std::fs::read(&precious).unwrap(), b"keep me");
}

#[test]
fn a_folder_at_the_target_is_refused() {
    let (server, _) = served(20_000);
    let app = App::new();
    std::fs::create_dir_all(app.file()).unwrap();
    let run = app.pull(&server.url(CONTAINER)).args(["--keep-old"]).run().code(2);
    assert!(run.stderr.contains("is no file"), "{}", run.stderr);
    assert_eq!(server.seen("").len(), 0);
}
