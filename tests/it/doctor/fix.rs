//! `doctor --fix`: what is mended is well afterwards, and every other byte stays.

use std::collections::BTreeSet;
use std::fs;

use super::files::{ERRORS, WARNINGS, write};
use super::{CONFIG, GATE, GATE_TEXT, RETRY, doctor, ids, right};
use crate::harness::project::Project;

/// What can be mended without guessing.
const FIXABLE: [&str; 11] = [
    "gate-if-missing",
    "gate-if-skips-failures",
    "gate-if-no-expression",
    "needs-input",
    "token-input",
    "concurrency-cancels",
    "concurrency-missing",
    "permission-missing",
    "fetch-depth",
    "persist-credentials",
    "permissions-default",
];

fn texts(project: &Project) -> Vec<String> {
    let read = |path| fs::read_to_string(project.dev.path().join(path)).unwrap();
    [CONFIG, GATE, RETRY].map(read).to_vec()
}

#[test]
fn what_is_mended_is_well_and_every_other_line_stays() {
    let project = right();
    let mut fixed = BTreeSet::new();
    for fault in ERRORS.iter().chain(&WARNINGS) {
        write(&project, fault);
        let id = fault.3;
        let planted = texts(&project);
        let json = doctor(&project).args(["--offline"]).run().json();
        let found = json["findings"].as_array().unwrap();
        let found = found.iter().find(|own| own["id"] == id).unwrap_or_else(|| panic!("{id}"));
        let run = doctor(&project).args(["--offline", "--fix", "--yes"]).run();
        if found["fixable"] == false {
            assert_eq!(texts(&project), planted, "{id}");
            continue;
        }
        fixed.insert(id);
        assert_eq!(ids(&run), Vec::<String>::new(), "{id}: {}", run.stdout);
        assert_eq!(run.json()["fixed"][0]["id"], id);
        for (old, new) in planted.iter().zip(texts(&project)) {
            let stays = |line: &&str| new.lines().any(|own| own == *line);
            let gone: Vec<&str> = old.lines().filter(|line| !stays(line)).collect();
            assert!(gone.len() <= 1, "{id} takes {gone:?} away:\n{new}");
        }
    }
    assert_eq!(fixed, FIXABLE.into_iter().collect());
}

#[test]
fn everything_at_once_is_shown_and_asked_for_first() {
    let project = right();
    let mut gate = GATE_TEXT.replace("    if: ${{ !cancelled() }}\n    runs-on", "    runs-on");
    for (old, new) in [
        ("          fetch-depth: 0\n", ""),
        ("      cancel-in-progress: false", "      cancel-in-progress: true # the newest counts"),
        ("      issues: write # one", "      issues: read # one"),
    ] {
        assert!(gate.contains(old), "{old}");
        gate = gate.replace(old, new);
    }
    project.dev.write(GATE, &gate);
    // Nobody can answer here.
    let run = doctor(&project).args(["--fix"]).run().code(2);
    assert_eq!(texts(&project)[1], gate);
    assert!(run.stderr.contains("+    if: ${{ !cancelled() }}"), "{}", run.stderr);
    assert!(run.stderr.contains("--yes"), "{}", run.stderr);

    let run = doctor(&project).args(["--fix", "--yes"]).run().code(0);
    assert_eq!(ids(&run), Vec::<String>::new(), "{}", run.stdout);
    assert_eq!(run.json()["fixed"].as_array().unwrap().len(), 4, "{}", run.stdout);
    let new = &texts(&project)[1];
    assert!(new.contains("      cancel-in-progress: false # the newest counts\n"), "{new}");
    let comments = |text: &str| text.matches('#').count();
    assert_eq!(comments(new), comments(&gate));
    // Again: there is nothing to do.
    let run = doctor(&project).args(["--fix"]).run().code(0);
    assert_eq!(run.json()["fixed"].as_array().unwrap().len(), 0);
    assert_eq!(texts(&project)[1], *new);
}

#[test]
fn line_ends_a_byte_order_mark_and_the_mode_of_the_file_stay() {
    use std::os::unix::fs::PermissionsExt as _;

    let project = right();
    let windows = format!("\u{feff}{}", GATE_TEXT.replace('\n', "\r\n"));
    let line = "          fetch-depth: 0\r\n";
    let planted = windows.replace(line, "");
    project.dev.write(GATE, &planted);
    let path = project.dev.path().join(GATE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    doctor(&project).args(["--fix", "--yes"]).run().code(0);
    let new = fs::read_to_string(&path).unwrap();
    assert_eq!(new.len(), windows.len());
    assert_eq!(new.matches("\r\n").count(), new.matches('\n').count());
    assert!(new.starts_with('\u{feff}') && new.contains(line));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn what_a_script_may_need_is_not_taken_away() {
    let project = right();
    let gate = GATE_TEXT.replace("          persist-credentials: false\n", "").replace(
        "      - name: Promote, hold or roll back",
        "      - run: git push origin HEAD:reports\n      - name: Promote, hold or roll back",
    );
    project.dev.write(GATE, &gate);
    let run = doctor(&project).args(["--fix", "--yes"]).run().code(0);
    assert_eq!(ids(&run), ["persist-credentials"], "{}", run.stdout);
    assert_eq!(run.json()["findings"][0]["fixable"], false);
    assert_eq!(texts(&project)[1], gate);
}
