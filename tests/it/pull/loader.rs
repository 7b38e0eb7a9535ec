//! The loader in Python, as apps run it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::environment::{isolated_command, require_program};
use crate::harness::fault_proxy::{Fault, FaultProxy, Rule};
use crate::harness::tidegate::Tidegate;

use super::{App, CONTAINER, SIGNATURE, database, names, pointer, publish, served, sha256};

/// The oldest Python that it is for.
const OLDEST: &str = "(3, 9)";

/// Loads, and prints what came of it.
const LOAD: &str =
    "import json, data_loader; print(json.dumps(data_loader.load(waits=(0, 0, 0, 0))))";

/// Writes the loader as people do.
pub(super) fn emit(folder: &Path) {
    let text = Tidegate::new().args(["pull", "--emit", "python"]).run().success().stdout;
    std::fs::write(folder.join("data_loader.py"), text).unwrap();
}

fn python(app: &App, script: &str, url: &str) -> Command {
    let mut command = isolated_command(require_program("python3"), app.folder.path());
    command.args(["-W", "error", "-c", script]).current_dir(app.folder.path());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("AZURE_ANALYTICS_URL", url);
    command
}

pub(super) fn load(app: &App, url: &str) -> Output {
    python(app, LOAD, url).output().unwrap()
}

/// What a load that went well returns: the bytes, and the version.
#[track_caller]
pub(super) fn loaded(app: &App, output: &Output) -> (Vec<u8>, String) {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    let found: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let path = app.folder.path().join(found[0].as_str().unwrap());
    (std::fs::read(path).unwrap(), found[1].as_str().unwrap().to_owned())
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn versions(app: &App) -> Vec<String> {
    names(&app.folder()).into_iter().filter(|name| !name.starts_with('.')).collect()
}

fn name(bytes: &[u8]) -> String {
    format!("analytics-{}.duckdb", &sha256(bytes)[..12])
}

#[test]
fn it_is_short_and_for_old_pythons() {
    let app = App::new();
    emit(app.folder.path());
    let text = std::fs::read_to_string(app.folder.path().join("data_loader.py")).unwrap();
    assert!(text.lines().count() <= 80, "{} lines", text.lines().count());
    assert!(text.lines().all(|line| line.chars().count() <= 100));
    let parse = format!(
        "import ast, pathlib\nast.parse(pathlib.Path('data_loader.py').read_text(), feature_version={OLDEST})"
    );
    let output = python(&app, &parse, "").output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn each_version_has_a_name_of_its_own_and_the_newest_two_stay() {
    let (server, first) = served(300_000);
    let app = App::new();
    emit(app.folder.path());
    let url = server.url(CONTAINER);
    assert_eq!(loaded(&app, &load(&app, &url)), (first.clone(), sha256(&first)[..12].to_owned()));
    server.forget();
    loaded(&app, &load(&app, &url));
    assert_eq!(server.seen("").len(), 1, "one small request");
    let (second, third) = (database(2, 200_000), database(3, 100_000));
    for bytes in [&second, &third] {
        publish(&server, bytes);
        assert_eq!(loaded(&app, &load(&app, &url)).0, *bytes);
    }
    let mut kept = [name(&second), name(&third)];
    kept.sort();
    assert_eq!(versions(&app), kept);
    // A rollback of the data: the version from before is here still, and is the newest now.
    publish(&server, &second);
    server.forget();
    assert_eq!(loaded(&app, &load(&app, &url)).0, second);
    assert_eq!(server.seen("versions").len(), 0);
    drop(server);
    assert_eq!(loaded(&app, &load(&app, &url)).0, second);
}

#[test]
fn the_url_comes_from_what_holds_secrets() {
    let (server, first) = served(10_000);
    let app = App::new();
    emit(app.folder.path());
    for argument in ["{'AZURE_ANALYTICS_URL': url}", "url + '\\n'", "{'DATA': url}, key='DATA'"] {
        let script = format!(
            "import json, data_loader; url = {:?}; print(json.dumps(data_loader.load({argument})))",
            server.url(CONTAINER)
        );
        assert_eq!(loaded(&app, &python(&app, &script, "").output().unwrap()).0, first);
    }
}

#[test]
fn what_is_cut_or_wrong_is_fetched_again_or_the_old_data_stay() {
    let (server, first) = served(100_000);
    let app = App::new();
    emit(app.folder.path());
    let proxy = FaultProxy::start(server.host());
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    proxy.add(Rule::on("GET", "/versions/").times(1).fault(Fault::CutBody(50_000)));
    proxy.add(Rule::on("GET", "latest.json").times(1).answer(503, &[], ""));
    assert_eq!(loaded(&app, &load(&app, &url)).0, first);

    let second = database(2, 100_000);
    publish(&server, &second);
    let mut wrong = second.clone();
    wrong[50_000] ^= 1;
    let longer: Vec<u8> = [&second[..], &[0; 5_000_000]].concat();
    let mut other_path = pointer(&second);
    other_path["path"] = "../secret.duckdb".into();
    let mut newer = pointer(&second);
    newer["format"] = 2.into();
    let edits: [(&str, Vec<u8>); 6] = [
        ("/versions/", wrong),
        ("/versions/", longer),
        ("/versions/", second[..99_999].to_vec()),
        ("latest.json", other_path.to_string().into()),
        ("latest.json", newer.to_string().into()),
        ("latest.json", b"[".repeat(1_000_000)),
    ];
    for (path, body) in edits {
        proxy.forget();
        proxy.add(Rule::on("GET", path).edit(move |answer| answer.body.clone_from(&body)));
        let output = load(&app, &url);
        assert_eq!(loaded(&app, &output).0, first, "{path}");
        assert!(said(&output).contains("cannot be had"), "{output:?}");
        assert_eq!(versions(&app), [name(&first)]);
    }
    proxy.forget();
    proxy.add(Rule::on("GET", "latest.json").answer(403, &[], &url));
    let output = load(&app, &url);
    assert_eq!(loaded(&app, &output).0, first);
    assert!(said(&output).contains("HTTPError 403"), "{output:?}");
    proxy.forget();
    assert_eq!(loaded(&app, &load(&app, &url)).0, second);
}

#[test]
fn nothing_it_says_holds_the_url() {
    let (server, _) = served(1_000);
    let (other, _) = served(1_000);
    let app = App::new();
    emit(app.folder.path());
    let proxy = FaultProxy::start(server.host());
    let to = other.url(CONTAINER).replace('?', "/latest.json?");
    proxy.add(Rule::on("GET", "latest.json").answer(302, &[("Location", &to)], &to));
    let url = server.url(CONTAINER).replace(server.host(), proxy.host());
    for url in [
        url.clone(),
        url.replace("analytics", "ana lytics"),
        url.replace("http:", "gopher:"),
        url.replace("127.0.0.1", "acme.example"),
        server.url("no-such-container"),
    ] {
        let output = load(&app, &url);
        assert!(
            !output.status.success() && said(&output).contains("there is no data"),
            "{output:?}"
        );
        let said = said(&output);
        assert!(SIGNATURE.iter().all(|secret| !said.contains(secret)), "{said}");
    }
    assert_eq!(other.seen("").len(), 0, "the redirect was not followed");
    assert_eq!(versions(&app), Vec::<String>::new());
}

#[test]
fn of_several_at_once_one_fetches() {
    let (server, first) = served(2_000_000);
    server.hold_after(1_000_000);
    let app = App::new();
    emit(app.folder.path());
    let url = server.url(CONTAINER);
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..4).map(|_| scope.spawn(|| loaded(&app, &load(&app, &url)))).collect();
        server.wait_until_held();
        server.go_on();
        for run in runs {
            assert_eq!(run.join().unwrap().0, first);
        }
    });
    assert_eq!(server.seen("versions").len(), 1, "one download");
}

#[test]
fn what_a_killed_run_has_left_is_no_obstacle() {
    let (server, first) = served(2_000_000);
    server.hold_after(1_000_000);
    let app = App::new();
    emit(app.folder.path());
    let url = server.url(CONTAINER);
    let mut child = python(&app, LOAD, &url).spawn().unwrap();
    server.wait_until_held();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(versions(&app), Vec::<String>::new());
    server.go_on();
    assert_eq!(loaded(&app, &load(&app, &url)).0, first);
    assert_eq!(names(&app.folder()), [".analytics.lock".to_owned(), name(&first)]);
}
