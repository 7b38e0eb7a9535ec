//! Bad ends: the file that was there stays, nothing half is left, and the error says what to do.

use std::process::Command;

use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};

use super::{App, CONTAINER, SIGNATURE, database, names, publish, served};

/// An app that has the first version, and the server that has a second one.
fn with_old(size: usize) -> (crate::harness::file_server::FileServer, App, Vec<u8>, Vec<u8>) {
    let (server, first) = served(size);
    let app = App::new();
    app.pull(&server.url(CONTAINER)).run().success();
    let second = database(2, size);
    publish(&server, &second);
    server.forget();
    (server, app, first, second)
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    let (server, app, first, second) = with_old(3_000_000);
    server.hold_after(2_000_000);
    let (mut child, _home) = app.pull(&server.url(CONTAINER)).start();
    server.wait_until_held();
    // It writes beside what it receives: wait for what has to be there.
    let partial = loop {
        let left = app.left();
        let found = left.first().map(|name| app.folder().join(name));
        if let Some(found) =
            found.filter(|found| found.metadata().is_ok_and(|m| m.len() > 1_000_000))
        {
            break found;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(app.bytes(), first, "nothing half is visible");
    let length = partial.metadata().unwrap().len();
    server.go_on();
    server.forget();
    let run = app.pull(&server.url(CONTAINER)).args(["--json"]).run().success().json();
    assert_eq!(run["received"].as_u64().unwrap(), 3_000_000 - length);
    assert_eq!(server.seen("versions")[0].range, Some(format!("bytes={length}-")));
    assert_eq!(app.bytes(), second);
    assert_eq!(app.left(), Vec::<String>::new());
}

#[test]
fn what_is_left_of_another_version_or_of_none_is_removed() {
    let (server, app, _, second) = with_old(50_000);
    let key = &super::sha256(&second)[..16];
    let other = app.folder().join(".analytics.duckdb.0123456789abcdef.partial");
    let damaged = app.folder().join(format!(".analytics.duckdb.{key}.partial"));
    let not_ours = app.folder().join(".analytics.duckdb.notes.partial");
    for path in [&other, &damaged, &not_ours] {
        std::fs::write(path, [7_u8; 20_000]).unwrap();
    }
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(app.bytes(), second, "what was left is checked at the end");
    assert_eq!(app.left(), [".analytics.duckdb.notes.partial"]);
}

#[test]
fn logs_of_the_old_file_are_removed_before_the_new_one_is_there() {
    let (server, app, _, second) = with_old(50_000);
    let logs = ["analytics.duckdb.wal", "analytics.duckdb-wal", "analytics.duckdb-shm"];
    for log in logs {
        std::fs::write(app.folder().join(log), b"old rows").unwrap();
    }
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!((app.bytes(), app.left()), (second, Vec::new()));
    // Without a new version nothing is touched: the log may be the app's own.
    std::fs::write(app.folder().join(logs[0]), b"own rows").unwrap();
    app.pull(&server.url(CONTAINER)).run().success();
    assert_eq!(app.left(), [logs[0]]);
}

#[test]
fn a_wrong_hash_never_replaces_the_file() {
    let (server, app, first, mut second) = with_old(50_000);
    let path = format!("/{CONTAINER}/versions/{}.duckdb", super::sha256(&second));
    second[40_000] ^= 1;
    server.put(&path, second);
    let run = app.pull(&server.url(CONTAINER)).run().code(10);
    assert!(run.stderr.contains("is not what latest.json says"), "{}", run.stderr);
    assert_eq!((app.bytes(), app.left()), (first, Vec::new()));
    assert_eq!(server.seen("latest.json").len(), 4, "it was asked again, and not for ever");
}

#[test]
fn a_store_that_is_gone_keeps_the_app_going_where_that_is_asked_for() {
    let (server, app, first, _) = with_old(50_000);
    let url = server.url(CONTAINER);
    drop(server);
    let run = app.pull(&url).run().code(8);
    assert!(run.stderr.contains("could not connect"), "{}", run.stderr);
    let run = app.pull(&url).args(["--keep-old"]).run().success();
    assert!(run.stderr.contains("warning:"), "{}", run.stderr);
    assert!(run.stdout.contains("was kept"), "{}", run.stdout);
    assert_eq!((app.bytes(), app.left()), (first, Vec::new()));
    // Without any data there is nothing to start with.
    App::new().pull(&url).args(["--keep-old"]).run().code(8);
}

#[test]
fn a_signature_that_ran_out_says_until_when_it_was_valid_and_what_to_do() {
    let (server, app, first, _) = with_old(50_000);
    let proxy = FaultProxy::start(server.host());
    let document = "<?xml version=\"1.0\"?><Error><Code>AuthenticationFailed</Code><Message>Server \
        failed</Message><StringToSign>c2VjcmV0LXNpZ25hdHVyZQ==</StringToSign></Error>";
    let date = [("Date", "Sun, 22 Nov 2026 12:00:00 GMT")];
    proxy.add(Rule::on("GET", "latest.json").answer(403, &date, document));
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    for (validity, said) in [
        ("&se=2026-11-01T00%3A00%3A00Z", "valid until 2026-11-01T00:00:00Z"),
        ("&st=2026-11-23T00%3A00%3A00Z", "valid from 2026-11-23T00:00:00Z"),
        ("&se=2027-11-01T00%3A00%3A00Z", "403 Forbidden, AuthenticationFailed"),
    ] {
        let run = app.pull(&format!("{url}{validity}")).args(["-vvv"]).run().code(9);
        assert!(run.stderr.contains(said), "{}", run.stderr);
        assert!(run.stderr.contains("tidegate sync"), "{}", run.stderr);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(SIGNATURE.iter().all(|secret| !all.contains(secret)), "{all}");
        assert_eq!((app.bytes(), app.left()), (first.clone(), Vec::new()));
    }
    assert_eq!(proxy.count("GET", "latest.json"), 3, "a refusal is not asked again");
}

#[test]
fn nothing_that_is_said_holds_the_signature() {
    let (server, app, ..) = with_old(50_000);
    let proxy = FaultProxy::start(server.host());
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    let check = |code: i32| {
        let run = app.pull(&url).args(["-vvv", "--timeout", "30s"]).run().code(code);
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(SIGNATURE.iter().all(|secret| !all.contains(secret)), "{all}");
    };
    check(0);
    for fault in [
        Fault::Answer(crate::harness::fault_proxy::Answer::new(404, &[], &url)),
        Fault::Answer(crate::harness::fault_proxy::Answer::new(400, &[], &url)),
        Fault::Answer(crate::harness::fault_proxy::Answer::new(200, &[], &url)),
    ] {
        proxy.forget();
        proxy.add(Rule::on("GET", "latest.json").fault(fault));
        check(10);
    }
    proxy.forget();
    proxy.add(Rule::on("GET", "latest.json").fault(Fault::Close));
    check(8);
}

#[test]
fn in_actions_the_url_and_its_signature_are_masked_first() {
    let (server, _) = served(10_000);
    let url = server.url(CONTAINER);
    let app = App::new();
    let pull = app.pull(&url).args(["--url-env", "AZURE_ANALYTICS_URL"]);
    let run = pull.env("GITHUB_ACTIONS", "true").run().success();
    let masks: Vec<&str> = run.stdout.lines().take(3).collect();
    assert_eq!(masks[0], format!("::add-mask::{}", url.replace('%', "%25")));
    assert_eq!(masks[1], "::add-mask::c2VjcmV0LXNpZ25hdHVyZQ%253D%253D");
    assert_eq!(masks[2], "::add-mask::c2VjcmV0LXNpZ25hdHVyZQ==");
}

#[test]
fn a_full_disk_keeps_the_file_and_leaves_nothing() {
    // A mount needs root; the workflow's runner has it by sudo.
    let folder = tempfile::tempdir().unwrap();
    let (server, first) = served(20_000);
    let mount = |arguments: &[&str]| {
        let root = rustix::process::geteuid().is_root();
        let mut command = Command::new(if root { arguments[0] } else { "sudo" });
        let done = command.args(&arguments[usize::from(root)..]).arg(folder.path()).output();
        let done = done.expect("mount");
        assert!(done.status.success(), "{arguments:?}: {done:?}");
    };
    mount(&["mount", "-t", "tmpfs", "-o", "size=128k,mode=777", "none"]);
    let target = folder.path().join("analytics.duckdb");
    let pull = || {
        crate::harness::tidegate::Tidegate::new()
            .args(["pull", "--to"])
            .args([&target])
            .env("AZURE_ANALYTICS_URL", server.url(CONTAINER))
            .run()
    };
    let filled = pull();
    publish(&server, &database(2, 1_000_000));
    let full = pull();
    let (bytes, left) = (std::fs::read(&target), names(folder.path()));
    mount(&["umount"]);
    filled.success();
    let full = full.code(15);
    assert!(full.stderr.contains("no space is left"), "{}", full.stderr);
    assert_eq!(bytes.unwrap(), first);
    assert_eq!(left, [".analytics.duckdb.lock", ".db_url_cache", "analytics.duckdb"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let (server, _) = served(10_000);
    let app = App::new();
    std::fs::write(app.folder(), b"a file where the folder should be").unwrap();
    let run = app.pull(&server.url(CONTAINER)).run();
    assert!(run.status != Some(0) && run.stderr.contains("data"), "{}", run.stderr);
}

/// Makes the note of a file one of an earlier start of the machine.
fn restart(app: &App) {
    let note = app.folder().join(".db_url_cache");
    let text = std::fs::read_to_string(&note).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(value["boot"].is_string(), "{text}");
    value["boot"] = "0123456789abcdef".into();
    std::fs::write(note, value.to_string()).unwrap();
}

#[test]
fn after_a_restart_of_the_machine_the_file_is_checked_once() {
    let (server, first) = served(50_000);
    let app = App::new();
    let url = server.url(CONTAINER);
    app.pull(&url).run().success();
    restart(&app);
    server.forget();
    let run = app.pull(&url).args(["--json"]).run().success().json();
    assert_eq!((&run["outcome"], server.seen("").len()), (&"unchanged".into(), 1));
    let note = std::fs::read_to_string(app.folder().join(".db_url_cache")).unwrap();
    assert!(!note.contains("0123456789abcdef"), "{note}");

    // What a power cut leaves: the size and the time, and not the bytes.
    restart(&app);
    let modified = app.file().metadata().unwrap().modified().unwrap();
    std::fs::write(app.file(), vec![0; 50_000]).unwrap();
    std::fs::File::options().write(true).open(app.file()).unwrap().set_modified(modified).unwrap();
    let proxy = FaultProxy::start(server.host());
    proxy.add(Rule::on("GET", "latest.json").answer(404, &[], ""));
    let down = url.replace(server.host(), proxy.host());
    let run = app.pull(&down).args(["--keep-old"]).run().code(10);
    assert!(run.stderr.contains("was damaged"), "{}", run.stderr);
    app.pull(&url).args(["--keep-old"]).run().success();
    assert_eq!(app.bytes(), first);
}
