//! `hold` and `resume`.

use super::{by_hand, released, says};
use crate::harness::project::{GREEN, Project, RED, actions};
use crate::harness::tidegate::{Run, Tidegate};

/// `tidegate` as a person of this name runs it.
fn person(project: &Project, name: &str, args: &[&str]) -> Tidegate {
    by_hand(project, args).env("USER", name)
}

/// The holds that `status` shows, by id.
#[track_caller]
fn holds(project: &Project) -> Vec<serde_json::Value> {
    let status = by_hand(project, &["status", "--json"]).run().code(0).json();
    status["holds"].as_array().unwrap().clone()
}

fn ids(project: &Project) -> Vec<String> {
    holds(project).iter().map(|hold| hold["id"].as_str().unwrap().to_owned()).collect()
}

/// A hold that ended long ago, as an earlier run has left it.
fn expired(project: &Project) {
    let old = r#"{"version": 1, "id": "old", "reason": "fair", "created": "2020-01-01T00:00:00Z",
        "expires": "2020-01-02T00:00:00Z"}"#;
    project.dev.git(&["fetch", "-q", "origin", "tidegate"]);
    project.dev.git(&["checkout", "-q", "--detach", "FETCH_HEAD"]);
    project.dev.write("holds/old.json", old);
    project.dev.git(&["add", "holds"]);
    project.dev.git(&["commit", "-qm", "An old hold"]);
    project.dev.git(&["push", "-q", "origin", "HEAD:refs/heads/tidegate"]);
    project.dev.checkout("main");
}

#[test]
fn a_hold_stops_promotions_and_no_rollback_until_it_ends() {
    let project = Project::on_disk();
    released(&project, "1");
    let run = person(&project, "ada", &["hold", "the warehouse moves"]).run().code(0);
    assert!(run.stdout.contains("until somebody ends it: the warehouse moves (hold-1)"), "{run:?}");
    assert!(run.stdout.contains("`tidegate resume hold-1` ends it"), "{run:?}");

    let good = project.push("Change", &[("app.py", "2")]);
    let held = project.holds(project.gate(GREEN), "on_hold");
    assert_eq!(held.json()["reasons"][0]["why"], "the warehouse moves");
    project.push_bad();
    project.gate(RED).run().code(3);
    project.assert_rolled_back_to(&good);
    project.pull();

    let shown = by_hand(&project, &["status"]).run().code(0).stdout;
    assert!(shown.contains("promotions are on hold until `tidegate resume`"), "{shown}");
    assert!(shown.contains("hold-1, by ada"), "{shown}");
    let history = by_hand(&project, &["history"]).run().code(0).stdout;
    assert!(history.contains("on hold") && history.contains("the warehouse moves"), "{history}");

    let resume = person(&project, "bob", &["resume", "--reason", "it has moved"]).run().code(0);
    assert!(resume.stdout.contains("ended hold-1: the warehouse moves"), "{resume:?}");
    let message = project.message("refs/heads/tidegate");
    assert!(message.starts_with("Resume hold-1 [skip ci]"), "{message}");
    assert!(message.contains("Reason: it has moved") && message.contains("By: bob"), "{message}");
    let mended = project.push("Mend", &[("app.py", "3")]);
    project.gate(GREEN).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&mended));
}

#[test]
fn a_hold_knows_who_when_why_and_until_when() {
    let project = Project::on_disk();
    let until = ["hold", "fair in Berlin", "--until", "2999-12-01T09:00:00+01:00", "--json"];
    let held = person(&project, "ada", &until).run().code(0).json();
    assert_eq!(
        (&held["schema"], &held["hold"]["id"]),
        (&"tidegate/hold/1".into(), &"hold-1".into())
    );
    assert_eq!(held["hold"]["by"], "ada");
    assert_eq!(held["hold"]["expires"], "2999-12-01T08:00:00Z");
    let lasting = by_hand(&project, &["hold", "short", "--for", "3h", "--json"])
        .envs(actions(&project.good))
        .run()
        .code(0)
        .json();
    assert_eq!(
        (&lasting["hold"]["id"], &lasting["hold"]["by"]),
        (&"hold-2".into(), &"octocat".into())
    );
    let shown = holds(&project);
    assert_eq!(shown.len(), 2);
    let soon = |id: &str| {
        shown.iter().find(|hold| hold["id"] == id).unwrap()["expires_soon"].as_bool().unwrap()
    };
    assert!(!soon("hold-1") && soon("hold-2"), "{shown:?}");
}

#[test]
fn holding_again_under_the_same_id_updates_it() {
    let project = Project::on_disk();
    person(&project, "ada", &["hold", "fair", "--for", "1d", "--id", "fair-1"]).run().code(0);
    let again = person(&project, "bob", &["hold", "longer", "--id", "fair-1"]).run().code(0);
    assert!(again.stdout.contains("it replaces what ada had set: fair"), "{again:?}");
    let shown = holds(&project);
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert_eq!((&shown[0]["reason"], &shown[0]["by"]), (&"longer".into(), &"bob".into()));
    assert!(shown[0].get("expires").is_none(), "{shown:?}");
}

#[test]
fn several_holds_do_not_end_without_a_word() {
    let project = Project::on_disk();
    person(&project, "ada", &["hold", "fair"]).run().code(0);
    person(&project, "bob", &["hold", "audit", "--id", "audit"]).run().code(0);
    let before = project.refs();
    let run = by_hand(&project, &["resume"]).run().code(2);
    says(&run, "2 holds are in force: audit by bob (audit); hold-1 by ada (fair)");
    let run = by_hand(&project, &["resume", "hold-7"]).run().code(2);
    says(&run, "there is no hold hold-7");
    assert_eq!(project.refs(), before);
    let advice = by_hand(&project, &["status"]).run().code(0).stdout;
    assert!(advice.contains("tidegate resume --all"), "{advice}");

    let run = by_hand(&project, &["resume", "audit"]).run().code(0);
    assert!(run.stdout.contains("ended audit") && run.stdout.contains("still on hold hold-1"));
    assert_eq!(ids(&project), ["hold-1"]);
    person(&project, "bob", &["hold", "audit"]).run().code(0);
    by_hand(&project, &["resume", "--all"]).run().code(0);
    assert!(ids(&project).is_empty());
    let before = project.refs();
    let run = by_hand(&project, &["resume", "--all"]).run().code(0);
    assert!(run.stdout.contains("nothing is on hold"), "{run:?}");
    assert_eq!(project.refs(), before);
}

#[test]
fn a_hold_that_is_over_holds_nothing_and_is_cleared_away() {
    let project = Project::on_disk();
    released(&project, "1");
    expired(&project);
    assert!(ids(&project).is_empty());
    released(&project, "2");
    let run = by_hand(&project, &["hold", "fair"]).run().code(0);
    assert!(run.stdout.contains("hold-1"), "{run:?}");
    let files = project.remote_git(&["ls-tree", "--name-only", "refs/heads/tidegate", "holds/"]);
    assert_eq!(files, "holds/hold-1.json");
    expired(&project);
    let run = by_hand(&project, &["resume"]).run().code(0);
    assert!(run.stdout.contains("was over already old: fair"), "{run:?}");
    assert!(run.stdout.contains("ended hold-1"), "{run:?}");
}

#[test]
fn what_cannot_be_a_hold_is_refused() {
    let project = Project::on_disk();
    let before = project.refs();
    let refused = |args: &[&str], word: &str| -> Run {
        let run = by_hand(&project, args).run().code(2);
        says(&run, word);
        run
    };
    refused(&["hold", " \n"], "the reason is empty");
    refused(&["hold", &"x".repeat(501)], "501 characters");
    refused(&["hold", "x", "--until", "2020-01-01T00:00Z"], "is over already");
    refused(&["hold", "x", "--for", "3w"], "30m, 64h, 3d");
    refused(&["hold", "x", "--until", "tomorrow"], "2026-12-01T08:00Z");
    refused(&["hold", "x", "--for", "3d", "--until", "2999-01-01T00:00Z"], "cannot be used with");
    for id in ["../x", "a/b", ".hidden", "-x", ""] {
        refused(&["hold", "x", &format!("--id={id}")], "name for a hold");
    }
    assert_eq!(project.refs(), before);
}

#[test]
fn a_hold_whose_file_has_another_name_is_named() {
    let project = Project::on_disk();
    released(&project, "1");
    project.dev.git(&["fetch", "-q", "origin", "tidegate"]);
    project.dev.git(&["checkout", "-q", "--detach", "FETCH_HEAD"]);
    let forged =
        r#"{"version": 1, "id": "../index", "reason": "x", "created": "2020-01-01T00:00:00Z"}"#;
    project.dev.write("holds/x.json", forged);
    project.dev.git(&["add", "holds"]);
    project.dev.git(&["commit", "-qm", "Forge"]);
    project.dev.git(&["push", "-q", "origin", "HEAD:refs/heads/tidegate"]);
    project.dev.checkout("main");
    let before = project.refs();
    says(
        &by_hand(&project, &["resume", "--all"]).run().code(10),
        "holds/x.json is not named after",
    );
    assert_eq!(project.refs(), before);
}
