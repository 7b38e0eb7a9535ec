//! Who is told that the rollback waits, and where.

use std::fs;

use super::Protected;
use crate::harness::project::RED;
use crate::harness::tidegate::Tidegate;

#[test]
fn people_and_workflows_are_told_that_main_is_not_restored() {
    let world = Protected::new();
    let folder = tempfile::TempDir::new().unwrap();
    let file = |name: &str| {
        let path = folder.path().join(name);
        fs::write(&path, "").unwrap();
        path
    };
    let (outputs, summary) = (file("outputs"), file("summary"));
    let gate = Tidegate::new()
        .args(["gate", "--needs", RED])
        .envs(world.github.envs(&world.bad))
        .env("GITHUB_OUTPUT", &outputs)
        .env("GITHUB_STEP_SUMMARY", &summary)
        .current_dir(world.project.dev.path());
    let run = gate.run().code(3);
    for part in ["main is NOT yet restored", "pull request #1", "GITHUB_TOKEN"] {
        assert!(run.stdout.contains(part) || run.stderr.contains(part), "no {part:?} in {run:?}");
    }
    let outputs = fs::read_to_string(outputs).unwrap();
    assert!(outputs.contains("pull_request<<") && outputs.contains("\n1\n"), "{outputs}");
    let summary = fs::read_to_string(summary).unwrap();
    assert!(summary.contains("is not yet restored"), "{summary}");
    assert!(summary.contains("pull request #1"), "{summary}");
    let issues = world.github.issues();
    let told = issues.iter().find(|issue| issue.title.starts_with("Rollback of main waits"));
    let told = told.expect("an issue that does not say that main was rolled back");
    let body = told.body.clone().unwrap_or_default();
    for part in ["until a person merges the pull request", "after the merge"] {
        assert!(body.contains(part), "no {part:?} in {body}");
    }
    let pull = world.github.pulls()[0].body.clone().unwrap_or_default();
    assert!(pull.contains("Commits whose changes go"), "{pull}");
    assert!(!pull.contains("in the ledger"), "{pull}");
}

#[test]
fn status_and_history_show_the_waiting_pull_request_without_asking_github() {
    let world = Protected::new();
    world.proposes();
    world.github.forget();
    let ask = |command: &str| {
        let run = Tidegate::new().args([command]).current_dir(world.project.dev.path()).run();
        run.success().stdout
    };
    let status = ask("status");
    assert!(status.contains("waits as pull request #1"), "{status}");
    let history = ask("history");
    assert!(history.contains("pull request #1"), "{history}");
    assert!(world.github.seen().is_empty());
}
