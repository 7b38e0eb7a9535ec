//! Promise 4: kept paths that differ are named, and newer ledger entries are carried over.

use crate::harness::project::{
    CONFIG, LEDGER, NO_IMAGES, Project, RED, TITLE, actions, entry, ledger_of,
};

const WORKFLOW: &str = ".github/workflows/ci.yml";

/// A project whose good commit has these files, this configuration, and an entry of its own.
fn project_with(config: &str, files: &[(&str, &str)]) -> Project {
    let mut project = Project::on_disk();
    project.good = project.push("Good", &[files, &[(CONFIG, config)]].concat());
    project.push("Note [skip ci]", &[(LEDGER, &ledger_of(&[&project.good]))]);
    project
}

/// Rolls back in GitHub Actions, and returns the head and the paths that the message names.
#[track_caller]
fn roll_back(project: &Project, in_actions: bool) -> (String, Option<String>) {
    let mut gate = project.gate(RED);
    if in_actions {
        gate = gate.envs(actions(&project.dev.head()));
    }
    let run = gate.run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], project.good.as_str(), "{}", run.stdout);
    let head = project.branch("main");
    let message = project.message(&head);
    let kept = message.lines().find_map(|line| line.strip_prefix("Tidegate-Kept: "));
    (head.clone(), kept.map(str::to_owned))
}

#[test]
fn newer_entries_are_carried_over_and_older_text_comes_back() {
    let project = Project::on_disk();
    let between = project.push("Between", &[("between.py", "1\n")]);
    let ledger = TITLE.replace("Prose", "Vandalised prose")
        + &entry(&project.good)
        + &entry(&between).replace("main", "develop")
        + &entry(&"d".repeat(40));
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &ledger)]);
    let (head, kept) = roll_back(&project, false);
    let text = project.show(&head, LEDGER);
    for commit in [&project.good, &between, &"d".repeat(40)] {
        assert_eq!(text.matches(commit.as_str()).count(), 1, "{commit}: {text}");
    }
    assert_eq!(kept.as_deref(), Some(LEDGER));
}

#[test]
fn the_ledger_of_the_good_tree_is_kept_where_nothing_is_newer() {
    let mut project = Project::on_disk();
    project.good = project.dev.head();
    let older = project.dev.rev_parse("HEAD^");
    let both = ledger_of(&[&older, &project.good]);
    project.push("Note [skip ci]", &[(LEDGER, &both)]);
    project.push_bad();
    let (head, _) = roll_back(&project, false);
    assert_eq!(project.show(&head, LEDGER), both.trim_end());
    let deleted = both.replace(&entry(&older), "");
    project.pull();
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &deleted)]);
    let (head, _) = roll_back(&project, false);
    let text = project.show(&head, LEDGER);
    assert_eq!(text.matches(&older).count(), 1, "{text}");
    assert_eq!(text.matches(&project.good).count(), 1, "{text}");
}

#[test]
fn a_bad_commit_that_deleted_the_ledger_is_rolled_back_by_the_records() {
    let mut project = Project::on_disk();
    project.good = project.push("Released", &[("app.py", "released\n")]);
    project.gate(crate::harness::project::GREEN).run().success();
    project.pull();
    project.dev.remove(LEDGER);
    project.push("Bad", &[("app.py", "bad\n")]);
    let (head, _) = roll_back(&project, false);
    // The good tree's text comes back; the entry of the release itself went with the bad commit.
    assert!(project.show(&head, LEDGER).contains("ML experiment results"));
    assert_eq!(project.listing(&head), project.listing(&project.good));
}

#[test]
fn a_ledger_that_became_a_folder_comes_back_as_a_file() {
    let mut project = Project::on_disk();
    project.good = project.push("Released", &[("app.py", "released\n")]);
    project.gate(crate::harness::project::GREEN).run().success();
    project.pull();
    project.dev.remove(LEDGER);
    project.dev.write(&format!("{LEDGER}/readme"), "a folder\n");
    project.push("Bad", &[("app.py", "bad\n")]);
    let (head, _) = roll_back(&project, false);
    assert!(project.show(&head, LEDGER).contains("ML experiment results"));
}

#[test]
fn workflows_are_kept_in_actions_only() {
    for (in_actions, expected, named) in
        [(true, "on: [push, schedule]", true), (false, "on: push", false)]
    {
        let project = project_with(NO_IMAGES, &[(WORKFLOW, "on: push\n")]);
        let new = ".github/workflows/new.yml";
        project.push(
            "Bad",
            &[("app.py", "bad\n"), (WORKFLOW, "on: [push, schedule]\n"), (new, "on: push\n")],
        );
        let (head, kept) = roll_back(&project, in_actions);
        assert_eq!(project.show(&head, WORKFLOW), expected);
        assert_eq!(project.listing(&head).contains(new), named);
        let kept = kept.unwrap_or_default();
        assert_eq!(kept.contains(WORKFLOW) && kept.contains(new), named, "{kept}");
        assert_eq!(project.show(&head, "app.py"), "print('good')");
    }
}

#[test]
fn a_workflow_that_the_bad_commit_deleted_stays_deleted_in_actions() {
    let project = project_with(NO_IMAGES, &[(WORKFLOW, "on: push\n")]);
    project.dev.remove(WORKFLOW);
    project.push("Bad", &[("app.py", "bad\n")]);
    let (head, kept) = roll_back(&project, true);
    assert!(!project.listing(&head).contains(".github/workflows"), "no empty folder either");
    assert!(kept.unwrap_or_default().contains(WORKFLOW));
}

#[test]
fn workflows_can_be_restored_in_actions_where_the_configuration_says_so() {
    let config = format!("{NO_IMAGES}rollback: {{ workflows: restore }}\n");
    let project = project_with(&config, &[(WORKFLOW, "on: push\n")]);
    project.push("Bad", &[("app.py", "bad\n"), (WORKFLOW, "on: schedule\n")]);
    let (head, _) = roll_back(&project, true);
    assert_eq!(project.show(&head, WORKFLOW), "on: push");
}

#[test]
fn configured_paths_are_kept_and_named() {
    let config = format!("{NO_IMAGES}rollback: {{ keep: [\"data/**\", CHANGELOG.md] }}\n");
    let project = project_with(&config, &[("data/a/b", "1\n"), ("CHANGELOG.md", "old\n")]);
    project.dev.remove("data/a/b");
    project.push("Bad", &[("app.py", "bad\n"), ("data/new/c", "2\n"), ("CHANGELOG.md", "new\n")]);
    let (head, kept) = roll_back(&project, false);
    assert_eq!(project.show(&head, "CHANGELOG.md"), "new");
    let listing = project.listing(&head);
    assert!(listing.contains("data/new/c") && !listing.contains("data/a"), "{listing}");
    let kept = kept.unwrap();
    for path in ["CHANGELOG.md", "data/a/b", "data/new/c", LEDGER] {
        assert!(kept.contains(path), "{path}: {kept}");
    }
}

#[test]
fn a_kept_file_in_the_place_of_a_folder_comes_out_right() {
    let config = format!("{NO_IMAGES}rollback: {{ keep: [\"data\", \"data/**\"] }}\n");
    for (good, bad) in [("data/a", "data"), ("data", "data/a"), ("data/a/x", "data/a")] {
        let project = project_with(&config, &[(good, "good\n")]);
        project.dev.git(&["rm", "-q", "-r", "data"]);
        project.push("Bad", &[("app.py", "bad\n"), (bad, "kept\n")]);
        let (head, kept) = roll_back(&project, false);
        assert_eq!(project.show(&head, bad), "kept", "{good} became {bad}");
        assert_eq!(project.show(&head, "app.py"), "print('good')");
        assert!(kept.unwrap().contains(bad));
        project.remote_git(&["fsck", "--full", "--strict", "--no-dangling"]);
    }
}

#[test]
fn a_cause_in_kept_paths_holds_and_names_them() {
    let config = format!("{NO_IMAGES}rollback: {{ keep: [\"data/**\"] }}\n");
    let project = project_with(&config, &[("data/a", "good\n")]);
    project.push("Bad data", &[("data/a", "bad\n")]);
    let run = project.gate(RED).run().code(4);
    assert!(run.stdout.contains("data/a") || run.stdout.contains("kept"), "{}", run.stdout);
    assert!(!project.refs().contains_key("refs/heads/stable"));
    assert_eq!(project.branch("main"), project.dev.head());
}

#[test]
fn the_kept_paths_are_those_of_the_good_configuration() {
    let project = project_with(NO_IMAGES, &[("data/a", "good\n")]);
    let config = format!("{NO_IMAGES}rollback: {{ keep: [\"**\"], enabled: false }}\n");
    project.push("Bad", &[("app.py", "bad\n"), ("data/a", "bad\n"), (CONFIG, &config)]);
    let (head, _) = roll_back(&project, false);
    assert_eq!(project.show(&head, "data/a"), "good");
    assert_eq!(project.show(&head, CONFIG), NO_IMAGES.trim_end());
}
