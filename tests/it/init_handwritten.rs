//! `init` where a hand-written pipeline releases and rolls back already.

use std::fs;

use tidegate::pin;

use crate::harness::environment::{isolated_command, require_program};
use crate::harness::repo::Repo;
use crate::harness::tidegate::{Run, Tidegate};

const CI: &str = ".github/workflows/ci-cd.yml";
const TEXT: &str = include_str!("../fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");
const LEDGER: &str = include_str!("../fixtures/shapes/hand-written/docs/ML_EXPERIMENT_RESULTS.md");
const FILES: [&str; 3] = [
    ".github/tidegate.yml",
    ".github/workflows/tidegate-retry.yml",
    ".github/workflows/tidegate-doctor.yml",
];

/// A clone of a team's repository with this pipeline.
fn team(pipeline: &str) -> Repo {
    let repo = Repo::init();
    repo.add_remote("origin", "https://github.com/Acme/Churn.git");
    repo.commit(
        "Release by hand",
        &[
            (CI, pipeline),
            ("app.py", "print('good')\n"),
            ("tests/test_app.py", "def test_app(): pass\n"),
            ("Dockerfile", "FROM scratch\nCOPY app.py /\n"),
            ("docs/ML_EXPERIMENT_RESULTS.md", LEDGER),
        ],
    );
    repo
}

fn init(repo: &Repo, more: &[&str]) -> Run {
    Tidegate::new().args(["init"]).args(more).current_dir(repo.path()).run()
}

fn text(repo: &Repo, path: &str) -> String {
    fs::read_to_string(repo.path().join(path)).unwrap()
}

#[test]
fn each_line_is_explained_and_the_pipeline_is_kept_until_it_is_forced() {
    let repo = team(TEXT);
    let run = init(&repo, &["--yes"]).code(0);
    for words in [
        "jobs        tests, code-quality, build-docker",
        "image       ghcr.io/acme/churn from .github/workflows/ci-cd.yml",
        ".github/workflows/ci-cd.yml releases by hand-written steps",
        "  line 158 (job rollback-on-failure)\n    | git revert HEAD --no-edit\n    does:    reverts the newest commit\n    breaks:  bad commits below it stay",
        "    | docker push \"$IMAGE:stable\"\n  line 94 (job promote-to-stable)\n    | docker push \"$IMAGE:latest\"\n    does:",
        "-          git push origin main --force\n",
        "+    # Without `!cancelled()` it would be skipped on red, when it is needed most.\n",
        "kept .github/workflows/ci-cd.yml, which says something else; `tidegate init --force` replaces it",
        "2. tidegate init --force, when you agree with what replaces it",
    ] {
        assert!(run.stdout.contains(words), "{words}\n{}", run.stdout);
    }
    assert_eq!(text(&repo, CI), TEXT);
    for file in FILES {
        assert!(run.stdout.contains(&format!("wrote {file}\n")), "{file}\n{}", run.stdout);
    }
    assert!(!repo.path().join(".github/workflows/release-gate.yml").exists());
    assert!(text(&repo, FILES[0]).contains("images:\n  - ghcr.io/acme/churn\n"));
}

#[test]
fn a_forced_pipeline_has_a_gate_without_faults_and_is_not_touched_again() {
    let repo = team(TEXT);
    let run = init(&repo, &["--yes", "--force"]).code(0);
    assert!(run.stdout.contains("replaced .github/workflows/ci-cd.yml\n"), "{}", run.stdout);
    let new = text(&repo, CI);
    for gone in ["git revert", "docker tag", "cat >>", "promote-to-stable:", "--force"] {
        assert!(!new.contains(gone), "{gone}\n{new}");
    }
    let json = Tidegate::new()
        .args(["doctor", "--offline", "--json"])
        .current_dir(repo.path())
        .run()
        .code(0)
        .json();
    let findings = json["findings"].as_array().unwrap();
    let found: Vec<&str> = findings.iter().map(|own| own["id"].as_str().unwrap()).collect();
    // What was there before: tags of actions, and entries whose commits are not in this clone.
    assert!(found.iter().all(|id| ["action-unpinned", "no-good-commit"].contains(id)), "{json:#}");

    let again = init(&repo, &["--yes", "--force"]).code(0);
    assert!(again.stdout.ends_with("nothing to do\n"), "{}", again.stdout);
    assert_eq!(text(&repo, CI), new);
}

#[test]
fn a_rewritten_pipeline_passes_the_auditor_where_its_own_jobs_did() {
    // The team has pinned its actions.
    let checkout = format!(
        "      - uses: {}\n        with:\n          persist-credentials: false\n",
        pin::CHECKOUT
    );
    let commit = "0".repeat(40);
    let pinned = TEXT
        .replace(
            "      - uses: actions/checkout@v4\n        with:\n          fetch-depth: 0\n",
            "      - uses: actions/checkout@v4\n",
        )
        .replace("      - uses: actions/checkout@v4\n", &checkout)
        .replace("docker/login-action@v3", &pin::LOGIN.to_string())
        .replace("docker/build-push-action@v6", &format!("docker/build-push-action@{commit}"));
    let repo = team(&pinned);
    init(&repo, &["--yes", "--force"]).code(0);
    let output = isolated_command(require_program("zizmor"), repo.path())
        .args(["--offline", "--no-progress", "--strict-collection", "--no-config", ".github"])
        .current_dir(repo.path())
        .output()
        .expect("start zizmor");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_left_to_a_person_is_said() {
    let mixed = TEXT.replace(
        "          docker pull \"$IMAGE:main-candidate\"\n",
        "          python scan.py\n          docker pull \"$IMAGE:main-candidate\"\n",
    );
    let repo = team(&mixed);
    let run = init(&repo, &["--yes", "--force"]).code(0);
    for words in [
        "  left to you: line 87: job promote-to-stable still releases or takes back: the step does other things in the same script\n",
        "do what is left to you above",
    ] {
        assert!(run.stdout.contains(words), "{words}\n{}", run.stdout);
    }
    assert!(text(&repo, CI).contains("python scan.py"));
}

#[test]
fn a_pipeline_that_cannot_hold_a_gate_gets_one_beside_it() {
    let after = "name: Promote\non:\n  workflow_run:\n    workflows: [CI]\n    types: [completed]\njobs:\n  promote:\n    runs-on: ubuntu-latest\n    steps:\n      - run: git push origin HEAD:stable\n";
    let repo = team(after);
    let run = init(&repo, &["--yes"]).code(0);
    assert!(run.stdout.contains("wrote .github/workflows/release-gate.yml\n"), "{}", run.stdout);
    assert!(
        run.stdout
            .contains("note: .github/workflows/ci-cd.yml releases by hand; no gate goes into it")
    );
    assert_eq!(text(&repo, CI), after);
}

#[test]
fn hostile_names_are_shown_cleanly() {
    let hostile = TEXT.replace(
        "docker pull \"$IMAGE:main-candidate\"",
        "docker pull \"$IMAGE:main-candidate\" # \u{202e}",
    );
    let repo = team(&hostile);
    let run = init(&repo, &["--yes"]).code(0);
    assert!(!run.stdout.contains('\u{202e}'), "{}", run.stdout);
    let json = init(&repo, &["--yes", "--json"]).code(0).json();
    assert_eq!(json["handwritten"]["path"], CI);
    assert_eq!(json["handwritten"]["rewritable"], true);
    assert_eq!(json["handwritten"]["replacements"][1]["first_line"], 90);
}
