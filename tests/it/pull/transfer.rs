//! What comes over, and what does not come twice.

use std::sync::Arc;

use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::file_server::FileServer;

use super::{App, CONTAINER, SIGNATURE, database, publish, served, sha256};

#[test]
fn the_newest_version_comes_once_and_again_when_it_changes() {
    let (server, first) = served(300_000);
    let app = App::new();
    let run = app.pull(&server.url(CONTAINER)).args(["--json"]).run().success().json();
    assert_eq!((&run["outcome"], &run["received"]), (&"replaced".into(), &300_000.into()));
    assert_eq!(run["version"], format!("sha256:{}", sha256(&first)));
    assert_eq!(app.bytes(), first);

    server.forget();
    let run = app.pull(&server.url(CONTAINER)).args(["--json"]).run().success().json();
    assert_eq!((&run["outcome"], &run["received"]), (&"unchanged".into(), &0.into()));
    assert_eq!(run["version"], format!("sha256:{}", sha256(&first)));
    let seen = server.seen("");
    assert_eq!(seen.len(), 1, "one small request: {seen:?}");
    assert_eq!((seen[0].status, seen[0].path.as_str()), (304, "/analytics/latest.json"));
    assert!(seen[0].query.contains("sig="), "the signature goes with each request");

    let second = database(2, 200_000);
    publish(&server, &second);
    let run = app.pull(&server.url(CONTAINER)).run().success();
    assert!(run.stdout.contains("is new"), "{}", run.stdout);
    assert_eq!(app.bytes(), second);
    assert_eq!(app.left(), Vec::<String>::new());

    // Back to the first, as a rollback of the release does.
    publish(&server, &first);
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(app.bytes(), first);
}

#[test]
fn a_file_that_somebody_has_changed_is_fetched_again() {
    let (server, bytes) = served(100_000);
    let app = App::new();
    app.pull(&server.url(CONTAINER)).run().success();
    std::fs::write(app.file(), b"half").unwrap();
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(app.bytes(), bytes);
}

#[test]
fn a_file_that_is_the_version_already_is_taken_over() {
    let (server, bytes) = served(100_000);
    let app = App::new();
    std::fs::create_dir(app.folder()).unwrap();
    std::fs::write(app.file(), &bytes).unwrap();
    let run = app.pull(&server.url(CONTAINER)).args(["--json"]).run().success().json();
    assert_eq!(run["outcome"], "unchanged");
    assert_eq!(server.seen("versions").len(), 0);
    server.forget();
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(server.seen("")[0].status, 304, "it was noted");
}

#[test]
fn the_note_of_an_older_tool_is_replaced_and_gives_nothing_away() {
    let (server, bytes) = served(50_000);
    let app = App::new();
    std::fs::create_dir(app.folder()).unwrap();
    std::fs::write(app.file(), b"older data").unwrap();
    let note = app.folder().join(".db_url_cache");
    std::fs::write(&note, server.url(CONTAINER)).unwrap();
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(app.bytes(), bytes);
    let text = std::fs::read_to_string(&note).unwrap();
    assert!(SIGNATURE.iter().all(|secret| !text.contains(secret)), "{text}");
    assert!(!text.contains(server.host()), "{text}");
}

#[test]
fn one_file_is_fetched_by_its_etag() {
    let server = FileServer::start();
    let first = database(1, 90_000);
    server.put("/c/analytics.duckdb", &first[..]);
    let url = format!("http://{}/c/analytics.duckdb?sr=b&sig=c2VjcmV0", server.host());
    let app = App::new();
    app.pull(&url).run().success();
    assert_eq!(app.bytes(), first);
    server.forget();
    app.pull(&url).run().success();
    let statuses: Vec<u16> = server.seen("").iter().map(|seen| seen.status).collect();
    assert_eq!(statuses, [304]);
    let second = database(2, 90_000);
    server.put("/c/analytics.duckdb", &second[..]);
    app.pull(&url).run().success();
    assert_eq!(app.bytes(), second);
    // The page of a portal, an error document: anything but a database.
    server.put("/c/analytics.duckdb", "<html><body>Sign in</body></html>");
    let run = app.pull(&url).run().code(10);
    assert!(run.stderr.contains("is no database"), "{}", run.stderr);
    assert_eq!(app.bytes(), second);
    assert_eq!(app.left(), Vec::<String>::new());
}

#[test]
fn without_a_strong_etag_two_versions_are_never_mixed() {
    let server = Arc::new(FileServer::start());
    let (first, second) = (database(1, 90_000), database(2, 90_000));
    server.put("/c/analytics.duckdb", &first[..]);
    let weak = FaultProxy::start(server.host());
    weak.add(Rule::on("GET", "").edit(|answer| answer.set("ETag", "W/\"1\"")));
    let cut = FaultProxy::start(weak.host());
    let (own, newer) = (Arc::clone(&server), second.clone());
    // The first request asks for the size alone.
    let publish = move |_: &_| own.put("/c/analytics.duckdb", &newer[..]);
    cut.add(Rule::on("GET", "").skip(1).times(1).after(publish).fault(Fault::CutBody(40_000)));
    let app = App::new();
    app.pull(&format!("http://{}/c/analytics.duckdb?sr=b&sig=c2VjcmV0", cut.host()))
        .run()
        .success();
    assert_eq!(app.bytes(), second);
}

#[test]
fn a_cut_at_any_byte_is_gone_on_from_there() {
    let size = 40_000;
    for cut in [0, 1, 7, 1_000, 8_192, 16_385, 39_999] {
        let (server, bytes) = served(size);
        let proxy = FaultProxy::start(server.host());
        proxy.add(Rule::on("GET", "/versions/").times(2).fault(Fault::CutBody(cut)));
        let app = App::new();
        app.pull(&server.url(CONTAINER).replace(server.host(), proxy.host())).run().success();
        assert_eq!(app.bytes(), bytes, "cut at {cut}");
        let asked: Vec<Option<String>> =
            server.seen("versions").into_iter().map(|seen| seen.range).collect();
        // The second answer is as long as what was missing, and may end before its cut.
        let connections = if size - cut > cut { 3 } else { 2 };
        let range = (cut > 0).then(|| format!("bytes={cut}-"));
        assert_eq!((asked.len(), &asked[..2]), (connections, &[None, range][..]), "cut at {cut}");
        assert_eq!(app.left(), Vec::<String>::new());
    }
}

#[test]
fn a_server_without_ranges_sends_all_of_it_again() {
    let (server, bytes) = served(40_000);
    server.without_ranges();
    let proxy = FaultProxy::start(server.host());
    proxy.add(Rule::on("GET", "/versions/").times(1).fault(Fault::CutBody(9_000)));
    let app = App::new();
    app.pull(&server.url(CONTAINER).replace(server.host(), proxy.host())).run().success();
    assert_eq!(app.bytes(), bytes);
}

#[test]
fn a_busy_server_is_asked_again() {
    let (server, bytes) = served(10_000);
    let proxy = FaultProxy::start(server.host());
    for path in ["latest.json", "/versions/"] {
        proxy.add(Rule::on("GET", path).times(1).answer(503, &[("Retry-After", "0")], ""));
        proxy.add(Rule::on("GET", path).times(1).fault(Fault::DropAnswer));
    }
    let app = App::new();
    app.pull(&server.url(CONTAINER).replace(server.host(), proxy.host())).run().success();
    assert_eq!(app.bytes(), bytes);
}

#[test]
fn a_file_that_differs_from_the_pointer_waits_for_the_next_pointer() {
    let (server, first) = served(20_000);
    let second = database(2, 20_000);
    let proxy = FaultProxy::start(server.host());
    let wrong = second.clone();
    // While the first is fetched, a publication replaces it.
    proxy.add(
        Rule::on("GET", "/versions/").times(1).edit(move |answer| answer.body = wrong.clone()),
    );
    let app = App::new();
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    app.pull(&url).run().success();
    assert_eq!(app.bytes(), first);
    assert_eq!(proxy.count("GET", "latest.json"), 2, "the pointer was read again");

    // The version is gone, and the pointer names the next one.
    proxy.forget();
    publish(&server, &second);
    let third = database(3, 30_000);
    let (gone, path) = (pointer_path(&second), pointer_path(&third));
    let (bytes, text) = (third.clone(), super::pointer(&third).to_string());
    let server = std::sync::Arc::new(server);
    let own = std::sync::Arc::clone(&server);
    proxy.add(Rule::on("GET", "/versions/").times(1).before(move |_| {
        own.remove(&gone);
        own.put(&path, bytes.clone());
        own.put("/analytics/latest.json", text.clone());
    }));
    app.pull(&url).run().success();
    assert_eq!(app.bytes(), third);
}

fn pointer_path(bytes: &[u8]) -> String {
    format!("/{CONTAINER}/versions/{}.duckdb", sha256(bytes))
}
