//! Promise 10: secrets are never printed, logged, put in a URL, an argument or a commit.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use crate::harness::fault_proxy::Fault;
use crate::harness::git_server::{GitServer, LoggedRequest};
use crate::harness::project::{CONFIG, GREEN, Project, RED, actions, gate_in};
use crate::harness::tidegate::{Run, Tidegate};

const TOKEN: &str = "ghp_ThrowAway0123456789abcdefghijklmnop";

/// The token of the tests that hand a URL with it to git: other tests look at all arguments of all
/// processes at that time.
const TOKEN_IN_URL: &str = "ghp_InTheUrl0123456789abcdefghijklmnop";

/// `x-access-token:<token>` in base64, as it goes over the wire.
fn encoded(token: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(format!("x-access-token:{token}"))
}

fn project() -> Project {
    project_with(TOKEN)
}

fn project_with(token: &str) -> Project {
    Project::on_server(GitServer::start_with_basic_auth("x-access-token", token))
}

fn with_token(gate: Tidegate) -> Tidegate {
    with(TOKEN, gate)
}

fn with(token: &str, gate: Tidegate) -> Tidegate {
    gate.env("TIDEGATE_TOKEN", token).env("RUST_LOG", "trace").args(["-vvv"])
}

#[track_caller]
fn says_nothing(run: &Run) {
    for secret in [TOKEN, TOKEN_IN_URL, &encoded(TOKEN), &encoded(TOKEN_IN_URL)] {
        assert!(!run.stdout.contains(secret), "stdout: {}", run.stdout);
        assert!(!run.stderr.contains(secret), "stderr: {}", run.stderr);
    }
}

/// Searches every file of a folder, also packed objects as git shows them.
#[track_caller]
fn is_nowhere_in(folder: &Path) {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                for secret in [TOKEN.to_owned(), encoded(TOKEN)] {
                    let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                    assert!(!found, "{} holds the token", path.display());
                }
            }
        }
    }
}

/// The arguments of every process of this machine.
fn all_arguments() -> Vec<String> {
    let mut list = Vec::new();
    for entry in fs::read_dir("/proc").expect("read /proc").flatten() {
        if entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()) {
            let bytes = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            list.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    list
}

#[test]
fn a_token_from_the_environment_is_used_and_never_shown() {
    let project = project();
    project.push_bad();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    project.server().before(LoggedRequest::is_push, move || {
        note.lock().unwrap().extend(all_arguments());
    });
    let run = with_token(project.gate(RED)).run().code(3);
    says_nothing(&run);
    project.assert_rolled_back_to(&project.good);
    is_nowhere_in(project.dev.path());
    is_nowhere_in(project.bare());
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|line| line.contains("gate")), "the push was looked at");
    assert!(seen.iter().all(|line| !line.contains(TOKEN) && !line.contains(&encoded(TOKEN))));
    let objects = project.remote_git(&["log", "--all", "--format=%B", "-p"]);
    assert!(!objects.contains(TOKEN));
    assert!(project.server().requests().iter().all(|request| !request.path.contains(TOKEN)));
}

#[test]
fn a_token_for_a_partial_clone_reaches_git_but_not_its_arguments() {
    let project = project_with(TOKEN_IN_URL);
    project.push("Bad", &[("app.py", "bad\n"), ("more.py", "more\n")]);
    let inside =
        project.url().replace("http://", &format!("http://x-access-token:{TOKEN_IN_URL}@"));
    let clone = crate::harness::repo::Repo::clone_with(&inside, &["--filter=blob:none"]);
    clone.git(&["remote", "set-url", "origin", project.url()]);
    // What actions/checkout leaves behind with `persist-credentials: true`: another token.
    let key = format!("http.http://127.0.0.1:{}/.extraheader", project.server().port());
    clone.git(&["config", &key, "Authorization: Basic eDp5"]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..20 {
        let note = Arc::clone(&seen);
        project.server().before(
            |request| request.path.ends_with("git-upload-pack"),
            move || {
                note.lock().unwrap().extend(all_arguments());
            },
        );
    }
    let run = with(TOKEN_IN_URL, gate_in(clone.path(), RED)).run().code(3);
    says_nothing(&run);
    let seen = seen.lock().unwrap();
    assert!(
        seen.iter()
            .all(|line| !line.contains(TOKEN_IN_URL) && !line.contains(&encoded(TOKEN_IN_URL)))
    );
}

#[test]
fn a_wrong_or_missing_token_is_denied_and_never_shown() {
    let project = project();
    project.push_bad();
    let wrong = "ghp_Wrong0123456789abcdefghijklmnopqrst";
    let gate = project.gate(RED).env("TIDEGATE_TOKEN", wrong).env("RUST_LOG", "trace");
    let run = project.refuses(gate, 9);
    assert!(!run.stderr.contains(wrong) && !run.stdout.contains(wrong), "{run:?}");
    assert!(run.stderr.contains("TIDEGATE_TOKEN"), "{}", run.stderr);
    let run = project.refuses(project.gate(RED), 9);
    assert!(run.stderr.contains("TIDEGATE_TOKEN"), "{}", run.stderr);
}

#[test]
fn a_token_of_github_goes_to_github_only() {
    let project = project();
    project.push_bad();
    let run = project.refuses(project.gate(RED).env("GITHUB_TOKEN", TOKEN), 9);
    assert!(run.stderr.contains("another host"), "{}", run.stderr);
    assert!(project.server().requests().iter().all(|request| !request.authorized));
    let own = format!("http://127.0.0.1:{}", project.server().port());
    let gate = project.gate(RED).env("GITHUB_TOKEN", TOKEN).env("GITHUB_SERVER_URL", own);
    gate.run().code(3);
}

#[test]
fn a_password_in_the_remote_url_is_not_shown() {
    let project = project_with(TOKEN_IN_URL);
    project.push_bad();
    let proxy = project.spoil_push(1, Fault::Close);
    let inside = format!("http://x-access-token:{TOKEN_IN_URL}@{}/app.git", proxy.host());
    project.dev.git(&["remote", "set-url", "origin", &inside]);
    let run = project.gate(RED).env("RUST_LOG", "trace").args(["-vvv"]).run().code(8);
    says_nothing(&run);
    assert!(run.stderr.contains(proxy.host()), "{}", run.stderr);
}

#[test]
fn a_secret_that_a_server_sends_back_is_not_shown() {
    let project = project();
    project.push_bad();
    let hook = format!("#!/bin/sh\necho \"bad token {TOKEN}\" >&2\nexit 1\n");
    project.server().install_hook("app", "pre-receive", &hook);
    let run = with_token(project.gate(RED)).run().code(9);
    says_nothing(&run);
    assert!(run.stderr.contains("bad token"), "{}", run.stderr);
}

#[test]
fn a_secret_in_job_outputs_is_not_recorded() {
    let project = Project::on_disk();
    project.push("Fine", &[("app.py", "fine\n")]);
    let needs = format!(
        r#"{{"tests":{{"result":"success","outputs":{{"token":"{TOKEN}","log":"{TOKEN}"}}}}}}"#
    );
    let run = project.gate(&needs).run().success();
    says_nothing(&run);
    let everything = project.remote_git(&["log", "--all", "--format=%B", "-p"]);
    assert!(!everything.contains(TOKEN));
}

#[test]
fn outputs_and_summary_hold_no_secret() {
    let project = project();
    let bad = project.push_bad();
    let folder = tempfile::tempdir().unwrap();
    let (output, summary) = (folder.path().join("output"), folder.path().join("summary"));
    for file in [&output, &summary] {
        fs::write(file, "").unwrap();
    }
    let run = with_token(Tidegate::new().args(["gate", "--needs", RED]))
        .current_dir(project.dev.path())
        .envs(actions(&bad))
        .env("GITHUB_OUTPUT", &output)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .run()
        .code(3);
    // The one place where a secret must stand: GitHub hides what it names from the log.
    let shown: String =
        run.stdout.lines().filter(|line| !line.starts_with("::add-mask::")).collect();
    assert!(!shown.contains(TOKEN) && !run.stderr.contains(TOKEN), "{run:?}");
    let text = fs::read_to_string(&output).unwrap() + &fs::read_to_string(&summary).unwrap();
    assert!(text.contains("rollback") && text.contains(&project.good), "{text}");
    assert!(!text.contains(TOKEN));
}

#[test]
fn a_configuration_error_does_not_quote_the_environment() {
    let project = Project::on_disk();
    project.push("Bad", &[(CONFIG, "version: [\n")]);
    let run = project.refuses(project.gate(GREEN).env("TIDEGATE_TOKEN", TOKEN), 2);
    says_nothing(&run);
}

/// Answers 401 to everything, and keeps what it was asked.
fn registry_that_asks_for_a_login() -> (String, Arc<Mutex<Vec<bool>>>) {
    let server = tiny_http::Server::http("127.0.0.1:0").unwrap();
    let host = server.server_addr().to_ip().unwrap().to_string();
    let logins = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&logins);
    std::thread::spawn(move || {
        for request in server.incoming_requests() {
            let login = request.headers().iter().any(|h| h.field.equiv("Authorization"));
            seen.lock().unwrap().push(login);
            let challenge = tiny_http::Header::from_bytes("WWW-Authenticate", "Basic realm=\"x\"");
            let answer = tiny_http::Response::empty(401).with_header(challenge.unwrap());
            let _ = request.respond(answer);
        }
    });
    (host, logins)
}

#[test]
fn a_registry_password_goes_to_one_registry_only() {
    let (one, one_seen) = registry_that_asks_for_a_login();
    let (other, other_seen) = registry_that_asks_for_a_login();
    let config = format!("images: [\"{one}/acme/app\", \"{other}/acme/app\"]\n");
    let project = Project::on_disk();
    project.push("Two registries", &[(CONFIG, &config)]);
    let digest = format!("sha256:{}", "a".repeat(64));
    let digests =
        format!("{{\"{one}/acme/app\": \"{digest}\", \"{other}/acme/app\": \"{digest}\"}}");
    let gate = || {
        project
            .gate(GREEN)
            .args(["--digests", digests.as_str()])
            .env("TIDEGATE_REGISTRY_USER", "me")
            .env("TIDEGATE_REGISTRY_PASSWORD", TOKEN)
    };
    let run = gate().run();
    assert_ne!(run.status, Some(0), "{run:?}");
    assert!(run.stderr.contains("TIDEGATE_REGISTRY_HOST"), "{}", run.stderr);
    for seen in [&one_seen, &other_seen] {
        assert!(!seen.lock().unwrap().is_empty());
        assert!(seen.lock().unwrap().iter().all(|login| !login), "nobody said whose it is");
    }
    gate().env("TIDEGATE_REGISTRY_HOST", &one).run();
    assert!(one_seen.lock().unwrap().iter().any(|login| *login), "it is for this one");
    assert!(other_seen.lock().unwrap().iter().all(|login| !login), "it is not for this one");
}
