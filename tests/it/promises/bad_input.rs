//! Promise 11: bad input gets an error that names the place and what to do, and nothing changes.

use crate::harness::project::{
    CONFIG, GREEN, LEDGER, NO_IMAGES, Project, RED, actions, gate_in, ledger_of,
};
use crate::harness::repo::Repo;
use crate::harness::tidegate::Tidegate;

/// Broken in ways that a person makes: what the file holds, and what the error must name.
const BROKEN: [(&str, &[&str]); 6] = [
    ("version: 1\nimages: []\nrollbak: {}\n", &["rollbak", ":3:", "rollback"]),
    ("version: 1\nimages: nothing\n", &["images", ":2:"]),
    ("version: 1\nimages: []\nrollback: { max_depth: -1 }\n", &["max_depth", ":3:"]),
    ("version: 1\nimages: []\nbranch: \"a..b\"\n", &["branch", ":3:"]),
    ("version: 1\nimages: [\n", &[":"]),
    ("version: 99\nimages: []\n", &["version", ":1:"]),
];

#[test]
fn a_broken_configuration_with_passing_tests_names_the_line() {
    for (text, names) in BROKEN {
        let project = Project::on_disk();
        project.push("Break the configuration", &[(CONFIG, text)]);
        let run = project.refuses(project.gate(GREEN), 2);
        for name in names.iter().chain(&[CONFIG]) {
            assert!(run.stderr.contains(name), "{name} is missing for {text:?}:\n{}", run.stderr);
        }
    }
}

#[test]
fn a_broken_configuration_with_failing_tests_is_rolled_back() {
    for (text, _) in BROKEN {
        let project = Project::on_disk();
        project.push("Break the configuration", &[(CONFIG, text)]);
        let head = project.rolls_back();
        assert_eq!(project.show(&head, CONFIG), NO_IMAGES.trim_end());
    }
}

#[test]
fn a_broken_configuration_is_rolled_back_from_a_shallow_checkout() {
    let project = Project::on_http();
    let bad = project.push("Break the configuration", &[(CONFIG, "version: [\n")]);
    let clone = Repo::clone_with(project.url(), &["--depth=1"]);
    clone.git(&["checkout", "-q", "--detach", &bad]);
    gate_in(clone.path(), RED).envs(actions(&bad)).run().code(3);
    project.assert_rolled_back_to(&project.good);
}

#[test]
fn a_bad_commit_that_renamed_everything_is_judged_by_the_good_configuration() {
    for key in [
        "branch: develop\n",
        "state_branch: elsewhere\n",
        "ledger: { path: docs/OTHER.md }\n",
        "ledger: { branch: elsewhere }\n",
        "remote: upstream\n",
        "rollback: { enabled: false }\n",
        "rollback: { retries: 9 }\n",
    ] {
        let project = Project::on_disk();
        let bad =
            project.push("Bad", &[("app.py", "bad\n"), (CONFIG, &format!("{NO_IMAGES}{key}"))]);
        let run = project.gate(RED).envs(actions(&bad)).run();
        assert_eq!(run.status, Some(3), "{key}: {run:?}");
        project.assert_rolled_back_to(&project.good);
        let refs: Vec<String> = project.refs().into_keys().collect();
        assert_eq!(refs, ["refs/heads/main", "refs/heads/tidegate"], "{key}");
    }
}

#[test]
fn a_custom_configuration_that_a_bad_commit_broke_is_found_again() {
    let project = Project::on_disk();
    let config = format!("{NO_IMAGES}state_branch: gate\nledger: {{ path: LEDGER.md }}\n");
    let good = project.push("Good", &[(CONFIG, &config), ("app.py", "custom\n")]);
    project.push("Note [skip ci]", &[("LEDGER.md", &ledger_of(&[&good]))]);
    project.push("Bad", &[("app.py", "bad\n"), (CONFIG, "version: [\n")]);
    let run = project.gate(RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], good.as_str());
    assert_eq!(project.show("main", "app.py"), "custom");
    assert!(project.refs().contains_key("refs/heads/gate"), "{:?}", project.refs());
}

#[test]
fn each_event_may_do_what_the_table_says() {
    for (event, code, verdict) in [
        ("push", 3, "rollback"),
        ("schedule", 4, "hold"),
        ("workflow_dispatch", 4, "hold"),
        ("merge_group", 0, "rollback"),
    ] {
        let project = Project::on_disk();
        let bad = project.push_bad();
        let before = project.refs_but_state();
        let gate = project.gate(RED).envs(actions(&bad)).env("GITHUB_EVENT_NAME", event);
        let gate = match event {
            "merge_group" => gate.env("GITHUB_REF", "refs/heads/gh-readonly-queue/main/pr-1-abc"),
            _ => gate,
        };
        let run = gate.run().code(code);
        assert_eq!(run.json()["verdict"], verdict, "{event}");
        assert_eq!(project.refs_but_state() == before, event != "push", "{event}");
    }
}

#[test]
fn green_on_a_schedule_or_dispatch_promotes_the_effective_head() {
    for event in ["schedule", "workflow_dispatch"] {
        let project = Project::on_disk();
        let fine = project.push("Fine", &[("app.py", "fine\n")]);
        let noted = project
            .push("Note [skip ci]", &[(LEDGER, &ledger_of(&[&project.good, &"d".repeat(40)]))]);
        let gate = project.gate(GREEN).envs(actions(&noted)).env("GITHUB_EVENT_NAME", event);
        gate.run().success();
        assert_eq!(project.branch("stable"), fine, "{event}");
    }
}

#[test]
fn dangerous_events_are_refused() {
    for event in ["pull_request_target", "workflow_run", "issue_comment", "push\n"] {
        let project = Project::on_disk();
        let bad = project.push_bad();
        for needs in [RED, GREEN] {
            let gate = project.gate(needs).envs(actions(&bad)).env("GITHUB_EVENT_NAME", event);
            let run = project.refuses(gate, 6);
            assert!(run.stderr.contains(event.trim()), "{}", run.stderr);
        }
    }
}

#[test]
fn other_refs_are_refused_and_named() {
    for name in
        ["refs/heads/feature", "refs/tags/main", "refs/heads/Main", "main", "refs/pull/1/merge"]
    {
        let project = Project::on_disk();
        let bad = project.push_bad();
        let gate = project.gate(RED).envs(actions(&bad)).env("GITHUB_REF", name);
        let run = project.refuses(gate, 6);
        assert!(run.stderr.contains(name) && run.stderr.contains("main"), "{}", run.stderr);
    }
}

#[test]
fn pull_requests_only_report_and_forks_are_refused() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    let folder = tempfile::tempdir().unwrap();
    let event = folder.path().join("event.json");
    let gate = |repository: &str| {
        let payload = format!(
            r#"{{"pull_request":{{"head":{{"ref":"main","repo":{{"full_name":"{repository}"}}}}}}}}"#
        );
        std::fs::write(&event, payload).unwrap();
        project
            .gate(RED)
            .envs(actions(&bad))
            .env("GITHUB_EVENT_NAME", "pull_request")
            .env("GITHUB_REF", "refs/pull/1/merge")
            .env("GITHUB_EVENT_PATH", &event)
    };
    let run = project.refuses(gate("acme/app"), 0);
    assert_eq!(run.json()["binding"], false);
    let run = project.refuses(gate("stranger/app"), 6);
    assert!(run.stderr.contains("stranger/app"), "{}", run.stderr);
}

#[test]
fn a_merge_commit_of_a_pull_request_is_only_reported() {
    let project = Project::on_disk();
    project.dev.branch("feature");
    let merge = project.dev.commit("On no branch", &[("app.py", "pull\n")]);
    let run = project
        .refuses(project.gate(GREEN).args(["--event", "pull_request", "--commit", &merge]), 0);
    assert_eq!(run.json()["binding"], false);
}

#[test]
fn needs_that_cannot_be_read_are_named() {
    for needs in ["", "{", "[]", "null", r#"{"tests":"success"}"#, r#"{"tests":{"result":"fine"}}"#]
    {
        let project = Project::on_disk();
        project.push_bad();
        let before = project.refs_but_state();
        let run = project.gate(needs).run();
        assert!(matches!(run.status, Some(2 | 4 | 10)), "{needs:?}: {run:?}");
        assert_eq!(project.refs_but_state(), before);
    }
}

#[test]
fn a_commit_that_is_not_there_is_named() {
    let project = Project::on_disk();
    for name in ["deadbeef", "--upload-pack=x", "nothing", ""] {
        let gate = project.gate(RED).args([format!("--commit={name}")]);
        let run = gate.run();
        assert!(matches!(run.status, Some(2)) || name.is_empty(), "{name:?}: {run:?}");
        assert!(run.stderr.contains(name), "{}", run.stderr);
    }
    assert_eq!(project.refs_but_state().len(), 1);
}

#[test]
fn a_commit_of_another_branch_is_never_promoted_nor_rolled_back() {
    let project = Project::on_disk();
    project.dev.branch("side");
    let side = project.dev.commit("Side", &[("app.py", "side\n")]);
    project.dev.push("side");
    project.dev.checkout("main");
    project.holds(project.gate(GREEN).args(["--commit", &side]), "not_on_branch");
    let before = project.refs_but_state();
    project.gate(RED).args(["--commit", &side]).run().code(4);
    assert_eq!(project.refs_but_state(), before);
}

#[test]
fn places_without_a_repository_or_a_remote_are_named() {
    let run = Tidegate::new().args(["gate", "--needs", GREEN]).run().code(2);
    assert!(run.stderr.contains("repository"), "{}", run.stderr);
    let repo = Repo::init();
    repo.commit("First", &[(CONFIG, NO_IMAGES)]);
    let run = gate_in(repo.path(), GREEN).run().code(2);
    assert!(run.stderr.contains("git remote add"), "{}", run.stderr);
}

#[test]
fn an_empty_repository_is_named() {
    let bare = Repo::init_bare();
    let repo = Repo::init();
    repo.add_remote("origin", &bare.file_url());
    let run = gate_in(repo.path(), GREEN).run();
    assert!(matches!(run.status, Some(1 | 2)), "{run:?}");
    assert!(run.stderr.contains("branch main"), "{}", run.stderr);
    assert!(bare.refs().is_empty());
}

#[test]
fn a_remote_that_is_not_there_is_named() {
    let project = Project::on_disk();
    project.push_bad();
    project.dev.git(&["remote", "set-url", "origin", "http://127.0.0.1:9/app.git"]);
    let run = project.refuses(project.gate(RED), 8);
    assert!(run.stderr.contains("http://127.0.0.1:9/app.git"), "{}", run.stderr);
    project.dev.git(&["remote", "set-url", "origin", "/nowhere/app.git"]);
    let run = project.gate(RED).run();
    assert!(matches!(run.status, Some(8)), "{run:?}");
    assert!(run.stderr.contains("/nowhere/app.git"), "{}", run.stderr);
}

#[test]
fn a_damaged_state_branch_is_named_and_nothing_changes() {
    for (path, text, name) in [
        ("index.json", "{", "index.json"),
        ("index.json", "{\"version\": 99}", "newer"),
        ("records/000001.json", "{}", "records/000001.json"),
        ("quarantine/x.json", "[]", "quarantine/x.json"),
        ("quarantine/x.json", "<<<<<<< a\n", "quarantine/x.json"),
    ] {
        let project = Project::on_disk();
        project.push("Fine", &[("app.py", "fine\n")]);
        project.gate(GREEN).run().success();
        project.pull();
        project.push_bad();
        project.dev.git(&["fetch", "-q", "origin", "tidegate"]);
        project.dev.git(&["checkout", "-q", "FETCH_HEAD"]);
        project.dev.commit("Damage", &[(path, text)]);
        project.dev.push("HEAD:refs/heads/tidegate");
        project.dev.checkout("main");
        let run = project.refuses(project.gate(RED), 10);
        assert!(run.stderr.contains(name), "{name}: {}", run.stderr);
    }
}

#[test]
fn hostile_text_is_shown_without_control_characters() {
    let project = Project::on_disk();
    let needs = "{\"a\\u001b[31mb\\r::error::x\":{\"result\":\"failure\",\"outputs\":{}}}";
    project.push("Bad \u{1b}[2J\u{7}", &[("app.py", "bad\n")]);
    for (needs, code) in [(needs, 10), (RED, 3)] {
        let gate = Tidegate::new().args(["gate", "-vvv", "--needs", needs]);
        let run = gate.current_dir(project.dev.path()).run().code(code);
        assert!(!run.stdout.contains('\u{1b}') && !run.stderr.contains('\u{1b}'), "{run:?}");
    }
    let message = project.message("main");
    assert!(!message.contains('\u{1b}') && !message.contains('\r'), "{message:?}");
}
