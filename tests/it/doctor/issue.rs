//! `doctor --open-issue`: one issue, which follows what is found.

use serde_json::Value;

use super::{CONFIG, CONFIG_TEXT, GATE, GATE_TEXT, doctor, right};
use crate::harness::github::GitHub;
use crate::harness::project::Project;
use crate::harness::tidegate::{Run, Tidegate};

const LABEL: &str = "tidegate-doctor";

fn ask(project: &Project, github: &GitHub) -> Tidegate {
    doctor(project)
        .env("TIDEGATE_GITHUB_API_URL", github.url())
        .env("GITHUB_REPOSITORY", "acme/app")
        .env("TIDEGATE_TOKEN", github.token())
        .env("TIDEGATE_OPEN_ISSUE", "true")
}

#[track_caller]
fn done(run: &Run) -> Value {
    run.json()["issue"]["done"].clone()
}

#[test]
fn an_issue_is_opened_once_follows_what_is_found_and_is_closed() {
    let project = right();
    let github = GitHub::start();
    assert_eq!(done(&ask(&project, &github).run().code(0)), "none");
    assert!(github.writes().is_empty());

    // Somebody's own issue, with the marker and without the label, is not touched.
    let marker = "<!-- tidegate:doctor:main -->";
    let foreign = github.issue("octocat", "Mine", &format!("{marker}\n\nhello"), &[]);

    project
        .dev
        .write(GATE, GATE_TEXT.replace("    if: ${{ !cancelled() }}\n    runs-on", "    runs-on"));
    let run = ask(&project, &github).run().code(10);
    assert_eq!(done(&run), "opened");
    let issue = github.issues().into_iter().find(|own| own.number != foreign).unwrap();
    assert_eq!(issue.labels, [LABEL]);
    let body = issue.body.clone().unwrap();
    assert!(body.starts_with(&format!("{marker}\n")), "{body}");
    assert!(body.contains("gate-if-missing") && body.contains("doctor --fix"), "{body}");
    assert_eq!(run.json()["issue"]["number"], issue.number);

    github.forget();
    assert_eq!(done(&ask(&project, &github).run().code(10)), "unchanged");
    assert!(github.writes().is_empty(), "{:?}", github.writes());

    project.dev.write(CONFIG, CONFIG_TEXT.replace("code-quality]", "e2e]"));
    assert_eq!(done(&ask(&project, &github).run().code(10)), "updated");
    let of = |number: u64| github.issues().into_iter().find(|own| own.number == number).unwrap();
    assert!(of(issue.number).body.unwrap().contains("required-job-not-needed"));

    project.dev.write(CONFIG, CONFIG_TEXT);
    project.dev.write(GATE, GATE_TEXT);
    assert_eq!(done(&ask(&project, &github).run().code(0)), "closed");
    let closed = of(issue.number);
    assert_eq!(closed.state, "closed");
    assert!(closed.body.unwrap().contains("Closed by tidegate"));
    assert_eq!(of(foreign).state, "open");

    // The next trouble has an issue of its own.
    project.dev.write(GATE, GATE_TEXT.replace("          fetch-depth: 0\n", ""));
    assert_eq!(done(&ask(&project, &github).run().code(0)), "opened");
    assert_eq!(github.issues().len(), 3);
}

#[test]
fn what_is_found_is_shown_also_where_no_issue_can_be_opened() {
    let project = right();
    let github = GitHub::start();
    project.dev.write(GATE, GATE_TEXT.replace("          fetch-depth: 0\n", ""));
    github.permit("issues", "read");
    let run = ask(&project, &github).run().code(9);
    assert_eq!(done(&run), "failed");
    assert!(run.stdout.contains("issues: write"), "{}", run.stdout);
    assert!(run.stdout.contains("fetch-depth"), "{}", run.stdout);
    assert!(github.issues().is_empty());

    let run = doctor(&project).args(["--open-issue"]).run().code(2);
    assert!(run.stdout.contains("set TIDEGATE_TOKEN"), "{}", run.stdout);
    assert!(run.stdout.contains("fetch-depth"), "{}", run.stdout);
    ask(&project, &github).args(["--offline"]).run().code(2);
    // The action hands on its input as it is; nothing else than yes and no is one.
    let run = ask(&project, &github).env("TIDEGATE_OPEN_ISSUE", "perhaps").run().code(2);
    assert!(run.stderr.contains("perhaps"), "{}", run.stderr);
    let run = ask(&project, &github).env("TIDEGATE_OPEN_ISSUE", "false").run().code(0);
    assert!(run.json()["issue"].is_null());
    let run = ask(&project, &github).env("TIDEGATE_OPEN_ISSUE", "").run().code(0);
    assert!(run.json()["issue"].is_null());
}
