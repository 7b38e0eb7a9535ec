//! What happens after an unusual event: a rollback of stable, an override, a schedule that comes
//! late. Each test is a story that a review found to end badly.

use crate::harness::project::{CONFIG, GREEN, LEDGER, NO_IMAGES, Project, RED, reasons};
use crate::harness::repo::Repo;
use crate::harness::tidegate::Tidegate;

/// A command in the work tree.
fn command(project: &Project, args: &[&str]) -> Tidegate {
    Tidegate::new().args(args).current_dir(project.dev.path())
}

/// Pushes a commit and promotes it; returns it.
#[track_caller]
fn release(project: &Project, text: &str) -> String {
    project.pull();
    let commit = project.push(text, &[("app.py", text)]);
    project.gate(GREEN).run().code(0);
    project.pull();
    commit
}

fn stable_shows(project: &Project) -> String {
    project.show("refs/heads/stable", "app.py")
}

fn main_shows(project: &Project) -> String {
    project.show("refs/heads/main", "app.py")
}

fn record(project: &Project, number: u32) -> serde_json::Value {
    let text = project.show("refs/heads/tidegate", &format!("records/{number:06}.json"));
    serde_json::from_str(&text).unwrap()
}

fn without_images() -> Project {
    Project::on_disk_with(&[(CONFIG, NO_IMAGES), ("app.py", "print('good')\n")])
}

#[test]
fn a_schedule_never_promotes_what_its_run_did_not_test() {
    let project = without_images();
    release(&project, "one");
    let tested = project.push("two", &[("app.py", "two")]);
    // Somebody pushes while the scheduled run is testing.
    let other = Repo::clone_of(project.url());
    other.commit("three", &[("app.py", "three")]);
    other.push("main");
    let gate = project
        .gate(GREEN)
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_EVENT_NAME", "schedule")
        .env("GITHUB_REF", "refs/heads/main")
        .env("GITHUB_SHA", &tested)
        .env("GITHUB_RUN_ID", "7")
        .env("GITHUB_RUN_ATTEMPT", "1");
    let run = gate.run().code(4);
    assert_eq!(reasons(&run), ["not_the_effective_head"]);
    assert_eq!(stable_shows(&project), "one");
}

#[test]
fn a_release_that_was_rolled_back_is_no_baseline() {
    let metric = "images: []\nmetrics:\n  - { name: f1, file: f1.json, pointer: /f1, higher_is: better, max_drop: 0.02 }\n";
    let project = Project::on_disk();
    project.push("Measure", &[(CONFIG, metric), ("app.py", "0"), ("f1.json", "{\"f1\": 0.80}")]);
    project.gate(GREEN).run().code(0);
    project.pull();
    assert_eq!(record(&project, 1)["metrics"]["f1"].as_f64(), Some(0.80));
    // A leak makes the figures of the second release too good.
    project.push("Leak", &[("app.py", "leak"), ("f1.json", "{\"f1\": 0.95}")]);
    project.gate(GREEN).run().code(0);
    project.pull();
    command(&project, &["rollback", "--to", "1", "--yes"]).run().code(0);
    project.pull();
    project.push("Mend", &[("app.py", "mend"), ("f1.json", "{\"f1\": 0.81}")]);
    project.gate(GREEN).run().code(0);
    assert_eq!(stable_shows(&project), "mend");
}

#[test]
fn what_a_rollback_took_out_never_counts_as_good() {
    let project = without_images();
    let one = release(&project, "one");
    release(&project, "two");
    release(&project, "three");
    command(&project, &["rollback", "--to", &one, "--yes", "--reason", "2 and 3 are bad"])
        .run()
        .code(0);
    project.pull();
    assert_eq!(main_shows(&project), "one");
    project.push("four", &[("app.py", "four")]);
    project.gate(RED).run().code(3);
    assert_eq!(main_shows(&project), "one", "release 2 was taken out too");
}

#[test]
fn an_override_lifts_the_quarantine_of_what_it_promotes() {
    let project = without_images();
    release(&project, "one");
    let two = release(&project, "two");
    command(&project, &["rollback", "--stable-only", "--yes"]).run().code(0);
    command(&project, &["resume"]).run().code(0);
    assert_eq!(stable_shows(&project), "one");
    command(&project, &["promote", &two, "--yes", "--override", "it was the network"])
        .run()
        .code(0);
    assert_eq!(stable_shows(&project), "two");
    // What is live counts as good again, so that a failure after it is rolled back to it.
    project.pull();
    project.push("three", &[("app.py", "three")]);
    project.gate(RED).run().code(3);
    assert_eq!(main_shows(&project), "two");
}

#[test]
fn an_override_does_not_open_the_way_for_what_lies_in_between() {
    let project = without_images();
    let one = release(&project, "one");
    let between = project.push("between", &[("app.py", "between")]);
    release(&project, "three");
    command(&project, &["promote", &one, "--yes", "--override", "three is slow"]).run().code(0);
    assert_eq!(stable_shows(&project), "one");
    // The gate of an older commit comes late.
    let late = project.gate(GREEN).args(["--commit", &between]).run().code(0);
    assert_eq!(late.json()["verdict"], "superseded", "{}", late.stdout);
    assert_eq!(stable_shows(&project), "one");
}

#[test]
fn a_rollback_of_stable_is_no_promotion_for_the_depth() {
    let project = without_images();
    release(&project, "one");
    release(&project, "two");
    for text in ["bad 1", "bad 2"] {
        project.pull();
        project.push(text, &[("app.py", text)]);
        project.gate(RED).run().code(3);
    }
    command(&project, &["rollback", "--stable-only", "--yes"]).run().code(0);
    project.pull();
    project.push("bad 3", &[("app.py", "bad 3")]);
    project.gate(RED).run().code(3);
    project.pull();
    project.push("bad 4", &[("app.py", "bad 4")]);
    let fourth = project.gate(RED).run().code(4);
    let named = reasons(&fourth);
    assert!(
        named.iter().any(|reason| reason == "too_many_rollbacks" || reason == "no_good_commit"),
        "{named:?}"
    );
}

#[test]
fn a_tag_that_came_with_a_release_goes_back_with_it() {
    let project = Project::on_disk_with(&[(CONFIG, NO_IMAGES), ("app.py", "0")]);
    release(&project, "one");
    project.push("More tags", &[(CONFIG, "images: []\ntags: { also: [latest, prod] }\n")]);
    project.gate(GREEN).run().code(0);
    project.pull();
    command(&project, &["rollback", "--stable-only", "--yes"]).run().code(0);
    let tags = &record(&project, 3)["places"]["tags"];
    assert_eq!(*tags, serde_json::json!(["stable", "latest", "prod"]));
}

#[test]
fn stable_goes_back_past_what_an_earlier_rollback_took_out() {
    let project = without_images();
    for text in ["one", "two", "three"] {
        release(&project, text);
    }
    command(&project, &["rollback", "--to", "1", "--yes"]).run().code(0);
    project.pull();
    release(&project, "four");
    command(&project, &["rollback", "--stable-only", "--yes"]).run().code(0);
    assert_eq!(stable_shows(&project), "one");
    command(&project, &["resume"]).run().code(0);
    // What is live counts as good, so that a failure is still rolled back.
    project.pull();
    project.push("five", &[("app.py", "five")]);
    project.gate(RED).run().code(3);
    assert_eq!(main_shows(&project), "one");
}

#[test]
fn what_came_back_by_hand_counts_as_good_again() {
    let project = without_images();
    for text in ["one", "two", "three"] {
        release(&project, text);
    }
    command(&project, &["rollback", "--stable-only", "--to", "1", "--yes"]).run().code(0);
    command(&project, &["rollback", "--stable-only", "--to", "2", "--yes"]).run().code(0);
    assert_eq!(stable_shows(&project), "two");
    project.push("four", &[("app.py", "four")]);
    project.gate(RED).run().code(3);
    assert_eq!(main_shows(&project), "two");
}

#[test]
fn a_late_red_gate_after_everything_went_back_is_superseded() {
    let project = without_images();
    release(&project, "one");
    release(&project, "two");
    let late = project.push("three", &[("app.py", "three")]);
    command(&project, &["rollback", "--to", "1", "--yes"]).run().code(0);
    let run = project.gate(RED).args(["--commit", &late]).run().code(0);
    assert!(reasons(&run).contains(&"rolled_back_already".to_owned()), "{}", run.stdout);
}

#[test]
fn a_ledger_that_was_refused_gets_every_entry_in_the_end() {
    let project = without_images();
    let one = release(&project, "one");
    // Somebody holds the lock of main while two releases come.
    let lock = project.bare().join("refs/heads/main.lock");
    let mut commits = vec![one];
    for text in ["two", "three"] {
        project.pull();
        let commit = project.push(text, &[("app.py", text)]);
        std::fs::write(&lock, "").unwrap();
        let run = project.gate(GREEN).run();
        assert_ne!(run.status, Some(0), "{}", run.stdout);
        std::fs::remove_file(&lock).unwrap();
        commits.push(commit);
        if text == "two" {
            // The next push of a person comes before any repair.
            assert!(!project.show("refs/heads/main", LEDGER).contains(&commits[1]));
        }
    }
    command(&project, &["repair"]).run().code(0);
    let ledger = project.show("refs/heads/main", LEDGER);
    for commit in &commits {
        assert_eq!(ledger.matches(&format!("**Commit**: {commit}")).count(), 1, "{ledger}");
    }
}
