//! Faults outside of the files: the remote, the state branch, registries, GitHub.

use std::fs;

use tempfile::TempDir;
use tidegate::adapters::registry::layout::Builder;

use super::{CONFIG, CONFIG_TEXT, PASSED, doctor, finding, ids, right, right_on, unchecked};
use crate::harness::git_server::LoggedRequest;
use crate::harness::github::world::World;
use crate::harness::github::{GitHub, TOKEN};
use crate::harness::oci_registry::{Auth, OciRegistry, PASSWORD, USER, free_port};
use crate::harness::project::{LEDGER, Project, TITLE, actions};
use crate::harness::repo::Repo;
use crate::harness::tidegate::Tidegate;

#[test]
fn a_shallow_clone_is_named() {
    let project = right();
    let clone = Repo::clone_with(project.url(), &["--depth=1"]);
    let run = Tidegate::new().args(["doctor", "--json"]).current_dir(clone.path()).run().code(0);
    assert_eq!(finding(&run, "shallow-clone")["mend"], "git fetch --unshallow");
    let unchecked = unchecked(&run).join("\n");
    assert!(unchecked.contains("last good"), "{unchecked}");
}

#[test]
fn branches_of_the_remote_are_named_where_they_are_wrong() {
    let project = right();
    let run = doctor(&project).args(["--branch", "nope"]).run().code(10);
    assert!(finding(&run, "branch-missing")["problem"].as_str().unwrap().contains("nope"));

    project.dev.write(CONFIG, format!("{CONFIG_TEXT}ledger: {{ branch: books }}\n"));
    let run = doctor(&project).run().code(10);
    assert_eq!(finding(&run, "ledger-branch-missing")["severity"], "error");
    project.dev.write(CONFIG, CONFIG_TEXT);

    project.remote_git(&["tag", "stable", "main"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["stable-tag"], "{}", run.stdout);
    assert!(finding(&run, "stable-tag")["mend"].as_str().unwrap().ends_with("refs/tags/stable"));
    project.remote_git(&["tag", "-d", "stable"]);

    project.remote_git(&["update-ref", "-d", "refs/heads/stable"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["projection-pending", "stable-missing"], "{}", run.stdout);
    assert!(finding(&run, "projection-pending")["mend"].as_str().unwrap().contains("repair"));
}

#[test]
fn a_remote_that_only_lets_read_is_found_without_a_push() {
    let project = right_on(Project::on_http());
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
    assert!(project.server().requests().iter().any(LoggedRequest::is_push_advertisement));
    project.remote_git(&["config", "http.receivepack", "false"]);
    let before = project.server().requests().iter().filter(|own| own.is_push()).count();
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "push-denied")["severity"], "warning", "{}", run.stdout);
    // In Actions the login is that of the gate.
    let run = doctor(&project).envs(actions(&project.dev.head())).run().code(10);
    assert_eq!(finding(&run, "push-denied")["severity"], "error");
    let after = project.server().requests().iter().filter(|own| own.is_push()).count();
    assert_eq!(after, before, "doctor pushed");
}

#[test]
fn a_remote_that_does_not_answer_is_a_warning() {
    let project = right_on(Project::on_http());
    let url = format!("http://127.0.0.1:{}/app.git", free_port());
    project.dev.git(&["remote", "set-url", "origin", &url]);
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "remote-unreachable")["severity"], "warning");
    project.dev.git(&["remote", "remove", "origin"]);
    let run = doctor(&project).run().code(10);
    assert_eq!(finding(&run, "remote-missing")["severity"], "error");
}

#[test]
fn a_damaged_state_branch_is_an_error() {
    let project = right();
    project.dev.git(&["fetch", "-q", "origin", "tidegate"]);
    project.dev.git(&["checkout", "-q", "-b", "damage", "FETCH_HEAD"]);
    project.dev.commit("Scratch", &[("notices/scratched.json", "{")]);
    project.dev.git(&["push", "-q", "origin", "damage:tidegate"]);
    project.dev.checkout("main");
    let run = doctor(&project).run().code(0);
    let found = finding(&run, "state-file-unreadable");
    assert!(found["problem"].as_str().unwrap().contains("notices/scratched.json"), "{found:#}");
    project.dev.checkout("damage");
    project.dev.commit("Damage", &[("index.json", "{")]);
    project.dev.git(&["push", "-q", "origin", "damage:tidegate"]);
    project.dev.checkout("main");
    let run = doctor(&project).run().code(10);
    let found = finding(&run, "state-unreadable");
    assert!(found["problem"].as_str().unwrap().contains("index.json"), "{found:#}");
}

#[test]
fn conflict_markers_and_hidden_skip_markers_are_found() {
    let project = right();
    let conflict = "<<<<<<< HEAD\na\n=======\nb\n>>>>>>> topic\n";
    let commit = project.push(
        "Mend the loader (#12)\n\n* Try again [skip ci]\n* Done",
        &[("app.py", &format!("x = 1\n{conflict}"))],
    );
    project.push("Mend a word [skip ci]", &[("README.md", "word\n")]);
    let run = doctor(&project).run().code(10);
    assert_eq!(ids(&run), ["conflict-markers", "skip-marker-hidden", "skip-marker"]);
    let found = finding(&run, "conflict-markers");
    assert_eq!(found["place"]["file"], "app.py");
    assert_eq!(found["place"]["line"], 2);
    let hidden = finding(&run, "skip-marker-hidden");
    assert!(hidden["problem"].as_str().unwrap().contains(&commit[..7]), "{hidden:#}");

    project.dev.write(CONFIG, format!("{CONFIG_TEXT}preflight: {{ ignore: [\"*.py\"] }}\n"));
    assert!(!ids(&doctor(&project).run().code(0)).contains(&"conflict-markers".to_owned()));
}

#[test]
fn a_ledger_that_does_not_help_is_named_with_its_line() {
    let project = right();
    let text = project.show("main", LEDGER);
    let broken = format!(
        "{text}\n---\n\n**Branch**: main\n**Commit**: abc1234\n**Status**: ✅ Tests Passed\n"
    );
    project.push("Add an entry", &[(LEDGER, &broken)]);
    let run = doctor(&project).run().code(0);
    let found = finding(&run, "ledger-entry-skipped");
    assert_eq!(found["place"]["file"], LEDGER);
    project.push("Merge", &[(LEDGER, &format!("{text}\n<<<<<<< HEAD\n=======\n>>>>>>> x\n"))]);
    let run = doctor(&project).run().code(10);
    let found = finding(&run, "ledger-unreadable");
    let line = text.lines().count() + 1;
    assert_eq!(found["place"]["line"], line, "{found:#}");

    let fresh = Project::on_disk();
    fresh.push("Empty the ledger", &[(LEDGER, TITLE)]);
    let run = doctor(&fresh).run().code(0);
    assert_eq!(finding(&run, "no-good-commit")["severity"], "warning");
}

#[test]
fn holds_and_quarantines_that_end_are_named() {
    let project = right();
    let bad = project.push("Bad", &[("app.py", "print('bad')\n")]);
    let tidegate = |args: &[&str]| {
        Tidegate::new().args(args).current_dir(project.dev.path()).run().code(0);
    };
    tidegate(&["hold", "fair in Berlin", "--for", "3d"]);
    tidegate(&["quarantine", &bad, "leaks memory", "--for", "5d"]);
    tidegate(&["quarantine", &project.good, "old", "--for", "60d"]);
    tidegate(&["hold", "waiting for the fair", "--for", "60d"]);
    let run = doctor(&project).run().code(0);
    assert_eq!(ids(&run), ["hold-ends", "quarantine-ends", "hold-in-force"], "{}", run.stdout);
    assert!(finding(&run, "hold-ends")["problem"].as_str().unwrap().contains("fair in Berlin"));
    let ends = finding(&run, "quarantine-ends");
    assert!(ends["problem"].as_str().unwrap().contains("leaks memory"), "{ends:#}");
}

#[test]
fn a_notice_that_reached_nobody_is_named() {
    let project = right();
    let hook = "after_promote: [{ run: \"exit 7\" }]\n";
    project.push("Tell somebody", &[(CONFIG, &format!("{CONFIG_TEXT}{hook}"))]);
    project.gate(PASSED).run().code(0);
    project.pull();
    let run = doctor(&project).run().code(0);
    let found = finding(&run, "notice-undelivered");
    assert!(found["problem"].as_str().unwrap().contains("after_promote/0"), "{found:#}");
    // Once the channel works again, it is well.
    let hook = "after_promote: [{ run: \"true\" }]\n";
    project.push("Mend the hook", &[(CONFIG, &format!("{CONFIG_TEXT}{hook}"))]);
    project.gate(PASSED).run().code(0);
    project.pull();
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
}

/// A project with an image in a layout, released.
fn with_image() -> (Project, TempDir, String) {
    let images = TempDir::new().unwrap();
    let project = Project::on_disk();
    let config = CONFIG_TEXT.replace("[]", &format!("[\"oci:{}\"]", images.path().display()));
    let commit = project.push(
        "With an image",
        &[(CONFIG, &config), (super::GATE, super::GATE_TEXT), (super::RETRY, super::RETRY_TEXT)],
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tags = ["main-candidate".parse().unwrap()];
    let builder = Builder::new(commit.parse().unwrap(), "2026-01-01T00:00:00Z".parse().unwrap())
        .two_platforms(&[b"layer".to_vec()]);
    let index = runtime.block_on(builder.write(images.path(), &tags)).unwrap();
    let digest = index.digest.to_string();
    project.gate(PASSED).args(["--digest", &digest]).run().code(0);
    project.pull();
    (project, images, digest)
}

#[test]
fn a_released_image_that_lost_a_platform_is_an_error() {
    let (project, images, digest) = with_image();
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());
    let blobs = images.path().join("blobs/sha256");
    let index = fs::read(blobs.join(digest.trim_start_matches("sha256:"))).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    let child = index["manifests"][1]["digest"].as_str().unwrap().to_owned();
    let hex = child.trim_start_matches("sha256:");
    fs::remove_file(blobs.join(hex)).unwrap();
    let run = doctor(&project).run().code(10);
    let found = finding(&run, "release-image-incomplete");
    let problem = found["problem"].as_str().unwrap();
    assert!(problem.contains("release 1") && problem.contains(&hex[..7]), "{found:#}");
}

#[test]
fn registries_that_refuse_or_are_silent_are_told_apart() {
    let project = right();
    let image = |host: &str| CONFIG_TEXT.replace("[]", &format!("[\"{host}/acme/app\"]"));
    let open = OciRegistry::start();
    project.dev.write(CONFIG, image(open.host()));
    assert_eq!(ids(&doctor(&project).run().code(0)), Vec::<String>::new());

    let closed = OciRegistry::start_with(Auth::Basic);
    project.dev.write(CONFIG, image(closed.host()));
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "registry-denied")["severity"], "warning");
    let run = doctor(&project)
        .env("TIDEGATE_REGISTRY_USER", USER)
        .env("TIDEGATE_REGISTRY_PASSWORD", PASSWORD)
        .run()
        .code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    assert!(!run.stdout.contains(PASSWORD));

    project.dev.write(CONFIG, image(&format!("127.0.0.1:{}", free_port())));
    let run = doctor(&project).run().code(0);
    assert_eq!(finding(&run, "registry-unreachable")["severity"], "warning");
    let run = doctor(&project).args(["--offline"]).run().code(0);
    assert!(unchecked(&run).iter().any(|own| own.contains("acme/app")), "{}", run.stdout);
}

#[test]
fn github_is_asked_with_the_token_and_says_what_it_may() {
    let project = right();
    let github = GitHub::start();
    let ask = || {
        doctor(&project)
            .env("TIDEGATE_GITHUB_API_URL", github.url())
            .env("GITHUB_REPOSITORY", "acme/app")
            .env("TIDEGATE_TOKEN", github.token())
    };
    let run = ask().run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    // What a token of Actions may not read is said.
    assert_eq!(unchecked(&run).len(), 1, "{}", run.stdout);
    assert!(unchecked(&run)[0].contains("open pull requests"), "{}", run.stdout);

    github.world().has_issues = false;
    github.world().default_branch = "develop".to_owned();
    let run = ask().run().code(0);
    assert_eq!(ids(&run), ["issues-off", "retry-workflow-default-branch"], "{}", run.stdout);

    let may_write = |world: &mut World, level: &str| {
        let token = world.tokens.get_mut(TOKEN).expect("the token");
        token.permissions.insert("contents".to_owned(), level.to_owned())
    };
    assert_eq!(may_write(&mut github.world(), "read").as_deref(), Some("write"));
    let run = ask().run().code(0);
    assert_eq!(finding(&run, "token-may-not-push")["severity"], "warning");

    let run = ask().env("TIDEGATE_TOKEN", "ghs_unknown").run().code(10);
    assert_eq!(finding(&run, "token-refused")["severity"], "error");
    assert!(!run.stdout.contains("ghs_unknown"), "{}", run.stdout);
    let run = ask().env("GITHUB_REPOSITORY", "acme/other").run().code(10);
    assert_eq!(finding(&run, "repository-hidden")["severity"], "error");
}
