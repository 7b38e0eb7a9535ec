//! `init`: what it finds it writes, what it writes is right, and it replaces nothing unasked.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use tidegate::config::Config;

use crate::harness::environment::{isolated_command, require_program};
use crate::harness::repo::Repo;
use crate::harness::tidegate::{Run, Tidegate};

mod shapes;

/// All that is written.
const FILES: [&str; 4] = [
    ".github/tidegate.yml",
    ".github/workflows/release-gate.yml",
    ".github/workflows/tidegate-retry.yml",
    ".github/workflows/tidegate-doctor.yml",
];

/// A repository on GitHub with these files.
fn repository(files: &[(&str, &str)]) -> Repo {
    let repo = Repo::init();
    repo.git(&["remote", "add", "origin", "https://github.com/Acme/Churn-Radar.git"]);
    repo.commit("Begin", files);
    repo
}

/// A service with tests and an image.
fn service() -> Repo {
    repository(&[
        ("Dockerfile", "FROM python:3.12-slim\nCOPY . .\n"),
        ("requirements.txt", "fastapi\npytest\n"),
        ("tests/test_app.py", "def test_x():\n    assert True\n"),
    ])
}

fn init(repo: &Repo) -> Tidegate {
    Tidegate::new().args(["init"]).current_dir(repo.path())
}

fn text(repo: &Repo, path: &str) -> String {
    fs::read_to_string(repo.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn exists(repo: &Repo, path: &str) -> bool {
    repo.path().join(path).symlink_metadata().is_ok()
}

/// The workflows pass zizmor, `doctor` finds nothing but what a repository without a release has,
/// and tidegate reads the configuration.
#[track_caller]
fn is_right(repo: &Repo) {
    let home = TempDir::new().unwrap();
    let output = isolated_command(require_program("zizmor"), home.path())
        .args(["--offline", "--no-progress", "--strict-collection", "--no-config", ".github"])
        .current_dir(repo.path())
        .output()
        .expect("start zizmor");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", said(&output.stdout), said(&output.stderr));

    let doctor = Tidegate::new().args(["doctor", "--json", "--offline"]).current_dir(repo.path());
    let found = doctor.run().code(0).json();
    let findings = found["findings"].as_array().unwrap();
    let worse: Vec<&Value> = findings.iter().filter(|own| own["severity"] != "note").collect();
    assert!(worse.is_empty(), "{worse:#?}");

    let bytes = fs::read(repo.path().join(FILES[0])).unwrap();
    Config::parse(&bytes, FILES[0]).unwrap();
    let first = String::from_utf8(bytes).unwrap();
    assert!(first.starts_with("# yaml-language-server: $schema=https://"), "{first}");
}

#[test]
fn a_fresh_repository_gets_all_files_and_the_second_run_has_nothing_to_do() {
    let repo = service();
    let run = init(&repo).args(["--yes"]).run().code(0);
    assert!(run.stdout.starts_with("Found\n  repository  Acme/Churn-Radar, branch main\n"));
    assert!(run.stdout.contains("+  - ghcr.io/acme/churn-radar\n"), "{}", run.stdout);
    assert!(
        run.stdout.contains("\ntidegate doctor finds nothing wrong in the files\n"),
        "{}",
        run.stdout
    );
    assert!(run.stdout.contains("git add .github && git commit"), "{}", run.stdout);
    is_right(&repo);
    let texts = || FILES.map(|path| text(&repo, path));
    let first = texts();
    assert_eq!(
        repo.git(&["status", "--porcelain", "-uall"]).lines().count(),
        4,
        "and nothing else"
    );

    let again = init(&repo).args(["--yes"]).run().code(0);
    assert!(again.stdout.ends_with("\nnothing to do\n"), "{}", again.stdout);
    assert_eq!(texts(), first);
    // Nobody has to be asked for nothing.
    init(&repo).run().code(0);
    let json = init(&repo).args(["--json"]).run().code(0).json();
    assert_eq!(json["schema"], "tidegate/init/1");
    assert_eq!(json["written"], false);
    assert!(json["files"].as_array().unwrap().iter().all(|file| file["change"] == "same"));
}

#[test]
fn where_nobody_can_be_asked_the_diff_is_shown_and_nothing_is_written() {
    let repo = service();
    let run = init(&repo).run().code(2);
    assert!(run.stdout.contains("+++ b/.github/workflows/release-gate.yml"), "{}", run.stdout);
    assert!(run.stderr.contains("nothing was written"), "{}", run.stderr);
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);
    let json = init(&repo).args(["--json"]).run().code(2).json();
    assert_eq!(json["files"][0]["change"], "create");
    assert_eq!(json["files"][0]["written"], false);
    assert!(json["files"][0]["diff"].as_str().unwrap().contains("+images:"));
    assert!(!exists(&repo, ".github"));
}

#[test]
fn a_file_that_says_something_else_is_kept_without_force() {
    let repo = service();
    let own =
        "# mine\non: push\njobs:\n  x: { runs-on: ubuntu-latest, steps: [{ run: 'true' }] }\n";
    repo.write(FILES[1], own);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(repo.path().join(FILES[1]), mode).unwrap();
    }
    let run = init(&repo).args(["--yes"]).run().code(0);
    assert!(run.stdout.contains("kept .github/workflows/release-gate.yml"), "{}", run.stdout);
    assert!(run.stdout.contains("-# mine\n"), "the diff is shown all the same: {}", run.stdout);
    // Nothing of what doctor says of it can be mended without guessing.
    assert!(run.stdout.contains("\n`tidegate doctor` says more\n"), "{}", run.stdout);
    assert!(!run.stdout.contains("mend the errors above"), "{}", run.stdout);
    let before =
        format!("{} stays as it is; `tidegate init --force` would change this:\n--- a/", FILES[1]);
    assert!(run.stdout.contains(&before), "{}", run.stdout);
    let again = init(&repo).run().code(0);
    assert!(again.stdout.ends_with("\nnothing was written\n"), "{}", again.stdout);
    assert_eq!(text(&repo, FILES[1]), own);
    for path in [FILES[0], FILES[2], FILES[3]] {
        assert!(exists(&repo, path), "the others are written: {path}");
    }
    let run = init(&repo).args(["--yes", "--force"]).run().code(0);
    assert!(run.stdout.contains("replaced .github/workflows/release-gate.yml"), "{}", run.stdout);
    assert!(text(&repo, FILES[1]).starts_with("# The release gate."));
    is_right(&repo);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode =
            |path| fs::metadata(repo.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(FILES[1]), 0o600, "its mode is kept");
        assert_eq!(mode(FILES[0]), 0o644, "a new file may be read");
    }
    let left = fs::read_dir(repo.path().join(".github/workflows")).unwrap().count();
    assert_eq!(left, 3, "no temporary file is left");
}

#[test]
fn each_command_that_tests_has_a_line_as_a_person_would_type_it() {
    let repo = repository(&[
        ("api/requirements.txt", "pytest\n"),
        ("api/tests/test_a.py", "def test_x():\n    assert True\n"),
        ("web/package.json", r#"{"scripts":{"test":"vitest"}}"#),
    ]);
    let run = init(&repo).run().code(2);
    let lines = "  tests       python -m pytest, in api\n              npm run test, in web\n";
    assert!(run.stdout.contains(lines), "{}", run.stdout);
}

#[test]
fn errors_that_doctor_finds_come_first_in_what_is_next() {
    let repo = Repo::init();
    repo.commit("Begin", &[("app.py", "print(1)\n")]);
    let run = init(&repo).args(["--yes", "--test", "./check.sh"]).run().code(0);
    assert!(run.stdout.contains("\nerror remote-missing: "), "{}", run.stdout);
    assert!(run.stdout.contains("\n  2. mend the errors above\n"), "{}", run.stdout);
}

#[test]
fn the_hint_speaks_of_force_where_a_file_would_be_kept() {
    let repo = service();
    repo.write(FILES[0], "version: 1\nimages: [ghcr.io/acme/other]\n");
    let run = init(&repo).run().code(2);
    assert!(run.stderr.contains("--yes to write; `tidegate init --force --yes`"), "{}", run.stderr);
    let run = init(&repo).args(["--force"]).run().code(2);
    assert!(!run.stderr.contains("--force"), "{}", run.stderr);
}

#[test]
fn what_nobody_knows_has_to_be_said() {
    let repo = repository(&[("app.py", "print(1)\n")]);
    let run = init(&repo).args(["--yes"]).run().code(2);
    assert!(run.stderr.contains("no test command"), "{}", run.stderr);
    assert!(run.stderr.contains("--test"), "{}", run.stderr);
    assert!(!exists(&repo, ".github"));
    init(&repo).args(["--yes", "--test", "./check.sh"]).run().code(0);
    assert!(text(&repo, FILES[1]).contains("        run: ./check.sh\n"));

    let repo = service();
    repo.git(&["remote", "set-url", "origin", "https://git.acme.example/radar.git"]);
    let run = init(&repo).args(["--yes"]).run().code(2);
    assert!(run.stderr.contains("--image"), "{}", run.stderr);
    init(&repo).args(["--yes", "--image", "r.acme.example/radar"]).run().code(0);
    assert!(text(&repo, FILES[0]).contains("  - r.acme.example/radar\n"));

    // What is given here would be lost.
    let run = init(&repo).args(["--config", "other.yml"]).run().code(2);
    assert!(run.stderr.contains("no other configuration file"), "{}", run.stderr);
    let bare = Repo::init_bare();
    let run = init(&bare).args(["--yes"]).run().code(2);
    assert!(run.stderr.contains("no work tree"), "{}", run.stderr);
}

#[test]
fn options_outrank_what_was_found() {
    let repo = service();
    let action = "acme/gate@08c6903cd8c0fde910a37f88322edcfb5dd907a8";
    let options = ["--yes", "--branch", "release/1", "--action", action, "--test", "pytest -q"];
    init(&repo).args(options).run().code(0);
    assert!(text(&repo, FILES[0]).contains("\nbranch: release/1\n"));
    let gate = text(&repo, FILES[1]);
    assert!(gate.contains("    branches: [release/1]\n"), "{gate}");
    assert!(gate.contains("        run: pytest -q\n"), "{gate}");
    for path in &FILES[1..] {
        assert!(text(&repo, path).contains(&format!("uses: {action}\n")), "{path}");
    }
}

#[test]
fn a_ledger_at_another_place_is_found_and_said_to_count() {
    let repo = service();
    let commit = repo.git(&["rev-parse", "HEAD"]);
    let ledger = format!(
        "# Runs\n\n**Date**: 2026-01-01 00:00:00 UTC\n**Branch**: main\n**Commit**: {commit}\n\
         **Status**: ✅ Tests Passed\n"
    );
    repo.commit("Keep a ledger", &[("docs/RUNS.md", &ledger)]);
    let run = init(&repo).args(["--yes", "--json"]).run().code(0);
    assert_eq!(run.json()["ledger"]["path"], "docs/RUNS.md");
    assert_eq!(run.json()["ledger"]["last_good"], commit);
    assert!(text(&repo, FILES[0]).contains("ledger:\n  path: docs/RUNS.md\n"));
    // What counts is what `last-good` says.
    repo.git(&["remote", "remove", "origin"]);
    let last_good = Tidegate::new().args(["last-good"]).current_dir(repo.path()).run().code(0);
    assert_eq!(last_good.line(), commit);
}

#[cfg(unix)]
#[test]
fn nothing_is_read_or_written_through_a_link() {
    use std::os::unix::fs::symlink;
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("secret.txt"), "requirements: secret\n").unwrap();
    for (link, target) in
        [(".github", outside.path().to_owned()), (FILES[0], outside.path().join("secret.txt"))]
    {
        let repo = service();
        let link = repo.path().join(link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&target, &link).unwrap();
        let run = init(&repo).args(["--yes", "--force"]).run().code(2);
        assert!(run.stderr.contains("symbolic link"), "{}", run.stderr);
        assert!(!run.stdout.contains("secret"), "{}", run.stdout);
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }
    // A Dockerfile behind a link is none of this repository.
    let repo = service();
    symlink(outside.path(), repo.path().join("api")).unwrap();
    fs::write(outside.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let json = init(&repo).args(["--json", "--yes"]).run().code(0).json();
    assert_eq!(json["images"].as_array().unwrap().len(), 1, "{json:#}");
}

#[test]
fn hostile_names_reach_no_workflow_and_no_terminal() {
    let repo = repository(&[
        ("${{ github.token }}/Dockerfile", "FROM scratch\n"),
        ("\u{1b}[2Jx/Dockerfile", "FROM scratch\n"),
        ("a\n- run: id/Dockerfile", "FROM scratch\n"),
        ("api/Dockerfile", "FROM scratch\n"),
        ("tests/test_app.py", "def test_x(): pass\n"),
    ]);
    let run = init(&repo).args(["--yes"]).run().code(0);
    assert!(!run.stdout.contains('\u{1b}'), "{}", run.stdout);
    assert_eq!(run.stdout.matches("left out").count(), 3, "{}", run.stdout);
    let gate = text(&repo, FILES[1]);
    for word in ["github.token }}/", "run: id", "\u{1b}"] {
        assert!(!gate.contains(word), "{gate}");
    }
    is_right(&repo);
}

/// A terminal, which util-linux's `script` makes; what is typed comes first.
fn on_a_terminal(folder: &Path, arguments: &str, typed: &str) -> (Option<i32>, String) {
    let home = TempDir::new().unwrap();
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_tidegate"));
    let mut command: Command = isolated_command(require_program("script"), home.path());
    let mut child = command
        .args(["--quiet", "--return", "--echo", "never", "--command", &line, "/dev/null"])
        .env("NO_COLOR", "1")
        .env("TERM", "dumb")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("start script");
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n"))
}

#[test]
fn on_a_terminal_it_asks() {
    let repo = service();
    let (code, out) = on_a_terminal(repo.path(), "init", "n\n");
    assert_eq!(code, Some(4), "{out}");
    assert!(out.contains("Write these files? [y/N]"), "{out}");
    assert!(!exists(&repo, ".github"));
    let (code, out) = on_a_terminal(repo.path(), "init", "y\n");
    assert_eq!(code, Some(0), "{out}");
    assert!(exists(&repo, FILES[3]));

    // The test command, and which images.
    let repo =
        repository(&[("api/Dockerfile", "FROM scratch\n"), ("web/Dockerfile", "FROM scratch\n")]);
    let (code, out) = on_a_terminal(repo.path(), "init", "./check.sh\nyes\nno\ny\n");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("How is this repository tested? [python -m pytest]"), "{out}");
    assert!(text(&repo, FILES[1]).contains("        run: ./check.sh\n"));
    let config = text(&repo, FILES[0]);
    assert!(config.contains("churn-radar-api") && !config.contains("churn-radar-web"), "{config}");
}

/// A pipeline as people write it, with a promotion and a rollback.
const HAND_WRITTEN: &str =
    include_str!("../fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");

#[test]
fn a_hand_written_release_is_explained_and_replaced_only_when_a_person_says_so() {
    const PATH: &str = ".github/workflows/ci-cd.yml";
    let hand_written = || repository(&[("Dockerfile", "FROM scratch\n"), (PATH, HAND_WRITTEN)]);
    let repo = hand_written();
    let run = init(&repo).args(["--yes"]).run().code(0);
    for text in [
        "ci-cd.yml releases by hand-written steps\n",
        "    | git revert HEAD --no-edit\n",
        "    does:    reverts the newest commit\n",
        "    instead: one new commit",
        "kept .github/workflows/ci-cd.yml",
    ] {
        assert!(run.stdout.contains(text), "{text}: {}", run.stdout);
    }
    assert_eq!(text(&repo, PATH), HAND_WRITTEN);
    assert!(exists(&repo, FILES[0]) && exists(&repo, FILES[2]) && exists(&repo, FILES[3]));
    assert!(!exists(&repo, FILES[1]), "two gates would decide");

    // On a terminal the answer to its question decides.
    let (code, out) = on_a_terminal(repo.path(), "init", "n\n");
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("Replace the hand-written release in .github/workflows/ci-cd.yml? [y/N]"));
    assert_eq!(text(&repo, PATH), HAND_WRITTEN);
    let (code, out) = on_a_terminal(repo.path(), "init", "y\ny\n");
    assert_eq!(code, Some(0), "{out}");
    let replaced = text(&repo, PATH);
    assert!(!replaced.contains("git revert") && replaced.contains("toJSON(needs)"), "{replaced}");

    let repo = hand_written();
    let json = init(&repo).args(["--yes", "--force", "--json"]).run().code(0);
    assert_eq!(written(&json), [FILES[0], PATH, FILES[2], FILES[3]]);
    assert!(json.json()["handwritten"]["replacements"].as_array().unwrap().len() > 5);
    assert_eq!(text(&repo, PATH), replaced);
    let doctor = Tidegate::new().args(["doctor", "--offline", "--json"]).current_dir(repo.path());
    assert_ne!(doctor.run().code(0).json()["worst"], "error");
    let again = init(&repo).args(["--yes"]).run().code(0);
    assert!(again.stdout.ends_with("\nnothing to do\n"), "{}", again.stdout);
}

/// The names of the files that a run wrote.
fn written(run: &Run) -> Vec<String> {
    let files = run.json()["files"].as_array().unwrap().clone();
    let written = files.iter().filter(|file| file["written"] == true);
    written.map(|file| file["path"].as_str().unwrap().to_owned()).collect()
}
