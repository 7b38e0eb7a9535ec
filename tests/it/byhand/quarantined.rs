//! A release that was left is not gone back to without a word.

use super::{by_hand, record, released, says};
use crate::harness::project::{GREEN, Project, RED};

#[test]
fn users_do_not_get_a_quarantined_release_without_an_override() {
    let project = Project::on_disk();
    released(&project, "1");
    let second = released(&project, "2");
    let back = ["rollback", "--stable-only", "--yes", "--reason", "login is broken"];
    by_hand(&project, &back).run().code(0);
    let before = project.refs();
    let again = ["rollback", "--stable-only", "--to", "2", "--yes"];
    let run = by_hand(&project, &again).run().code(4);
    says(&run, "login is broken");
    says(&run, "--override");
    assert_eq!(project.refs(), before);
    let overridden = [&again[..], &["--override", "the login was mended"]].concat();
    by_hand(&project, &overridden).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&second));
    assert_eq!(record(&project, 4)["override"], "the login was mended");
}

#[test]
fn main_does_not_get_a_quarantined_release_without_an_override() {
    let project = Project::on_disk();
    released(&project, "1");
    released(&project, "2");
    let back = ["rollback", "--to", "1", "--yes", "--reason", "wrong prices"];
    by_hand(&project, &back).run().code(0);
    let before = project.refs();
    let again = ["rollback", "--to", "2", "--yes"];
    let run = by_hand(&project, &again).run().code(4);
    says(&run, "wrong prices");
    assert_eq!(project.refs(), before);
    let overridden = [&again[..], &["--override", "the prices were right"]].concat();
    by_hand(&project, &overridden).run().code(0);
    assert_eq!(project.show("refs/heads/main", "app.py"), "2");
    assert!(project.message("refs/heads/main").contains("the prices were right"));
}

#[test]
fn a_commit_is_quarantined_by_hand_and_lifted_again() {
    let project = Project::on_disk();
    released(&project, "1");
    let commit = project.push("Change", &[("app.py", "2")]);
    let forbid = ["quarantine", &commit, "leaks memory", "--for", "3d"];
    let run = by_hand(&project, &forbid).env("USER", "ada").run().code(0);
    assert!(
        run.stdout.starts_with(&format!("quarantined {} Change, until 2", &commit[..7])),
        "{run:?}"
    );
    assert!(run.stdout.contains(": leaks memory\n"), "{run:?}");
    assert!(
        run.stdout.contains(&format!("`tidegate quarantine --lift {}`", &commit[..7])),
        "{run:?}"
    );

    let held = project.holds(project.gate(GREEN), "commit_quarantined");
    assert_eq!(held.json()["reasons"][0]["why"], "leaks memory");
    says(&by_hand(&project, &["promote", &commit, "--yes"]).run().code(4), "leaks memory");
    let list = by_hand(&project, &["quarantine"]).run().code(0).stdout;
    assert!(list.contains("Change") && list.contains("leaks memory"), "{list}");
    let list = by_hand(&project, &["quarantine", "--json"]).run().code(0).json();
    assert_eq!(list["commits"][0]["commit"], commit.as_str());
    assert_eq!(
        (&list["commits"][0]["by"], &list["commits"][0]["subject"]),
        (&"ada".into(), &"Change".into())
    );

    let undo = ["quarantine", "--lift", &commit[..7], "it was the driver", "--json"];
    let lifted = by_hand(&project, &undo).env("USER", "bob").run().code(0).json();
    assert_eq!(lifted["changed"], true);
    assert_eq!(lifted["quarantine"]["lifted"]["by"], "bob");
    assert_eq!(lifted["quarantine"]["lifted"]["reason"], "it was the driver");
    let before = project.refs();
    let again = by_hand(&project, &undo[..4]).run().code(0);
    assert!(again.stdout.contains("nothing to do"), "{again:?}");
    assert_eq!(project.refs(), before);
    let list = by_hand(&project, &["quarantine"]).run().code(0).stdout;
    assert_eq!(list, "nothing is quarantined\n");
    let history = by_hand(&project, &["history"]).run().code(0).stdout;
    for word in ["quarantined", "leaks memory", "lifted", "it was the driver", "bob"] {
        assert!(history.contains(word), "{history}");
    }
    project.gate(GREEN).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&commit));
}

#[test]
fn a_rolled_back_commit_is_quarantined_until_it_is_lifted_and_the_rollback_stays_told() {
    let project = Project::on_disk();
    released(&project, "1");
    let below = project.push("Prepare", &[("app.py", "2")]);
    let failed = project.push("Break", &[("app.py", "3")]);
    project.gate(RED).run().code(3);
    project.pull();
    let file = project.show("refs/heads/tidegate", &format!("quarantine/{failed}.json"));
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert!(file.get("digests").is_none(), "it was never released: {file}");
    let run = by_hand(&project, &["promote", &failed, "--yes"]).run().code(4);
    says(&run, "the commit is quarantined");
    says(&run, "--override");

    let undo = ["quarantine", "--lift", &failed, "the runner was broken"];
    let run = by_hand(&project, &undo).env("USER", "ada").run().code(0);
    assert!(run.stdout.contains("2 other commits of the same rollback stay out"), "{run:?}");
    let status = by_hand(&project, &["status"]).run().code(0).stdout;
    assert!(status.contains("main was rolled back from"), "{status}");
    assert!(status.contains("it may come back, lifted by ada: the runner was broken"), "{status}");
    let history = by_hand(&project, &["history"]).run().code(0).stdout;
    assert!(history.contains("main back") && history.contains("lifted"), "{history}");
    let run = by_hand(&project, &["promote", &below, "--yes"]).run().code(4);
    says(&run, "was taken out by the rollback");
    by_hand(&project, &["promote", &failed, "--yes"]).run().code(0);
    assert_eq!(project.tree("refs/heads/stable"), project.tree(&failed));
}

/// A person may know better than the reason of a rollback, and forbids its commit once more.
#[test]
fn a_rollback_is_still_told_as_it_was_after_a_quarantine_by_hand() {
    let project = Project::on_disk();
    released(&project, "1");
    let failed = project.push_bad();
    project.gate(RED).run().code(3);
    project.pull();
    let run = by_hand(&project, &["quarantine", &failed, "deletes files"]).run().code(0);
    assert!(run.stdout.contains("it was quarantined already: required job"), "{run:?}");
    let history = by_hand(&project, &["history", "--json"]).run().code(0).json();
    let entries = history["entries"].as_array().unwrap();
    let of = |kind: &str| entries.iter().find(|entry| entry["kind"] == kind).unwrap();
    assert_eq!(of("main_rollback")["failed"], failed.as_str());
    assert!(of("main_rollback")["reason"].as_str().unwrap().contains("required job"), "{history}");
    assert_eq!(of("quarantine")["reason"], "deletes files");
    let status = by_hand(&project, &["status"]).run().code(0).stdout;
    assert!(status.contains("because required job"), "{status}");
    assert!(status.contains("until it is lifted: deletes files"), "{status}");
}

#[test]
fn what_is_live_stays_live_when_it_is_quarantined_and_the_command_says_so() {
    let project = Project::on_disk();
    released(&project, "1");
    let second = released(&project, "2");
    let before = project.refs_but_state();
    let run = by_hand(&project, &["quarantine", "HEAD", "wrong prices"]).run().code(0);
    says(&run, "only adds to the ledger");
    assert!(run.stdout.contains(&format!("quarantined {}", &second[..7])), "{run:?}");
    assert!(run.stdout.contains("it stays live: it is release 2"), "{run:?}");
    assert!(run.stdout.contains("`tidegate rollback --stable-only`"), "{run:?}");
    assert_eq!(project.refs_but_state(), before);
    // An override has something to lift, although it is live.
    let overridden = ["promote", &second, "--yes", "--override", "the prices were right"];
    by_hand(&project, &overridden).run().code(0);
    assert_eq!(record(&project, 3)["override"], "the prices were right");
    let history = by_hand(&project, &["history"]).run().code(0).stdout;
    assert!(history.contains("(override: the prices were right)"), "{history}");
    let list = by_hand(&project, &["quarantine"]).run().code(0).stdout;
    assert_eq!(list, "nothing is quarantined\n");
}

#[test]
fn what_cannot_be_quarantined_is_refused() {
    let project = Project::on_disk();
    released(&project, "1");
    let before = project.refs();
    let gone = "0123456789abcdef0123456789abcdef01234567";
    for (args, word) in [
        (&["quarantine", gone, "x"][..], "names no commit, neither in this clone nor on main"),
        (&["quarantine", "no-such-branch", "x"], "names no commit"),
        (&["quarantine", "HEAD"], "nobody says why"),
        (&["quarantine", "HEAD", ""], "the reason is empty"),
        (&["quarantine", "sha256:12", "x"], "64 lower-case hexadecimal digits"),
        (&["quarantine", "--lift"], "required"),
        (&["quarantine", "--lift", "HEAD"], "is not quarantined"),
        (&["quarantine", "--lift", "sha256:0123456"], "is not quarantined"),
        (&["quarantine", "--lift", "HEAD", "x", "--for", "3d"], "cannot be used with"),
    ] {
        says(&by_hand(&project, args).run().code(2), word);
    }
    assert_eq!(project.refs(), before);
}

#[test]
fn promoting_what_is_live_already_is_nothing_to_do() {
    let project = Project::on_disk();
    let commit = released(&project, "1");
    let before = project.refs();
    let run = by_hand(&project, &["promote", "--yes"]).run().code(0);
    let said = format!("nothing to do: {} is live as release 1 already", &commit[..7]);
    assert!(run.stdout.contains(&said), "{run:?}");
    let json = by_hand(&project, &["promote", "--yes", "--json"]).run().code(0).json();
    assert_eq!((&json["changed"], &json["release"]), (&false.into(), &1.into()));
    assert_eq!(project.refs(), before);
}

#[test]
fn a_history_of_nothing_does_not_say_that_nothing_happened() {
    let project = Project::on_disk();
    released(&project, "1");
    let run = by_hand(&project, &["history", "-n", "0"]).run().code(0);
    assert_eq!(run.stdout, "");
    says(&run, "1 to show; -n 1 shows all");
}
