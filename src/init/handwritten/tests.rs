//! Pipelines as people write them, and odd ones.

use std::fmt::Write as _;

use serde_yaml::Value;

use super::*;

mod doctor;
mod meaning;
mod shapes;
mod styles;

const PATH: &str = ".github/workflows/ci-cd.yml";
const ACTION: &str =
    "tidegate/tidegate@179e295e7c1f043766594af3dd64c327cb46b2ac # main, until releases exist";
const TEXT: &str =
    include_str!("../../../tests/fixtures/shapes/hand-written/.github/workflows/ci-cd.yml");

fn look(text: &str) -> Option<HandWritten> {
    let workflow = Workflow::parse(PATH, text.as_bytes()).expect("a workflow");
    find(&workflow, text, &Config::default(), ACTION)
}

#[track_caller]
fn found(text: &str) -> HandWritten {
    look(text).unwrap_or_else(|| panic!("nothing was found in:\n{text}"))
}

fn read(text: &str) -> Value {
    serde_yaml::from_str(text.trim_start_matches('\u{feff}')).expect("YAML")
}

/// The rewritten text, after everything that has to be true of each was looked at.
#[track_caller]
fn rewritten(text: &str) -> String {
    let found = found(text);
    let Some(new) = found.rewritten.clone() else { panic!("not rewritten: {:#?}", found.left) };
    sound(text, &found, &new);
    new
}

/// What is true of every rewriting: the jobs that stay are the same but for what is known to
/// change, the gate is there once, and nothing is left to rewrite.
#[track_caller]
fn sound(text: &str, found: &HandWritten, new: &str) {
    let (old_jobs, new_jobs) = (read(text)["jobs"].clone(), read(new)["jobs"].clone());
    let workflow = Workflow::parse(PATH, new.as_bytes()).expect("a workflow");
    let gates: Vec<&str> =
        workflow.jobs().filter(|job| job.runs().is_some()).map(|job| job.id).collect();
    assert_eq!(gates.len(), 1, "{new}");
    for (id, old) in old_jobs.as_mapping().expect("jobs") {
        let id = id.as_str().expect("an id");
        if found.removed.iter().any(|removed| removed == id) {
            // Its name may be the gate's now.
            assert!(new_jobs.get(id).is_none() || gates == [id], "{id} is still there:\n{new}");
            continue;
        }
        let own = new_jobs.get(id).unwrap_or_else(|| panic!("{id} is gone:\n{new}"));
        for (key, value) in old.as_mapping().into_iter().flatten() {
            let key = key.as_str().expect("a key");
            if !["needs", "if", "steps", "outputs"].contains(&key) {
                assert_eq!(own.get(key), Some(value), "{key} of {id}");
            }
        }
    }
    // Comments and everything else: each line of the old text that is still there is in its place.
    let mut lines = new.split_inclusive('\n');
    let kept = text.split_inclusive('\n').filter(|line| {
        lines.clone().any(|own| own == *line) && { lines.by_ref().any(|own| own == *line) }
    });
    assert!(kept.count() > 5, "{new}");
    if found.left.iter().all(|left| !left.what.contains("still releases")) {
        assert_eq!(look(new).map(|again| again.replacements), None, "again:\n{new}");
    }
    doctor::finds_no_error(new);
}

/// What is shown, in one text.
fn shown(found: &HandWritten) -> String {
    let mut out = String::new();
    for own in &found.replacements {
        let job = own.job.as_deref().unwrap_or("workflow");
        let (from, to) = (own.lines.start(), own.lines.end());
        let words = [own.text.as_str(), own.does, own.breaks, own.instead].join("\n- ");
        let _ = writeln!(out, "{job} {from}-{to}\n{words}\n");
    }
    out
}

/// What is left to a person, in one text.
fn left(found: &HandWritten) -> String {
    let line = |left: &Left| {
        let lines = left
            .lines
            .clone()
            .map_or(String::new(), |lines| format!(" ({}-{})", lines.start(), lines.end()));
        format!("{}{lines}: {}; {}\n", left.what, left.why, left.todo)
    };
    found.left.iter().map(line).collect()
}

/// The difference, as `diff` would show its changed lines.
fn changes(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut longest = vec![vec![0_usize; new.len() + 1]; old.len() + 1];
    for (i, a) in old.iter().enumerate().rev() {
        for (j, b) in new.iter().enumerate().rev() {
            longest[i][j] = if a == b {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == new.len() || (i < old.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            let _ = writeln!(out, "-{}", old[i]);
            i += 1;
        } else {
            let _ = writeln!(out, "+{}", new[j]);
            j += 1;
        }
    }
    out
}

#[test]
fn every_habit_is_named_with_its_lines_and_what_replaces_it() {
    insta::assert_snapshot!(shown(&found(TEXT)));
}

#[test]
fn a_realistic_pipeline_gets_a_gate() {
    let new = rewritten(TEXT);
    let own = found(TEXT);
    assert_eq!(own.removed, ["promote-to-stable", "update-ledger", "rollback-on-failure"]);
    assert_eq!(own.needs, ["tests", "code-quality", "build-docker"]);
    assert_eq!(own.images, ["ghcr.io/${{ github.repository }}"]);
    assert_eq!(left(&own), "");
    insta::assert_snapshot!(new);
}

#[test]
fn lines_that_go_are_those_of_the_removed_jobs() {
    let new = rewritten(TEXT);
    let gone: Vec<String> = changes(TEXT, &new)
        .lines()
        .filter_map(|line| line.strip_prefix('-').map(str::to_owned))
        .collect();
    let start = TEXT.lines().position(|line| line.ends_with("- release")).unwrap_or_default();
    let before: Vec<&String> =
        gone.iter().filter(|line| !TEXT.lines().skip(start).any(|own| own == *line)).collect();
    assert_eq!(before, ["  cancel-in-progress: true"]);
    assert!(gone.contains(&"    needs: promote-to-stable".to_owned()));
}

#[test]
fn the_lines_keep_their_ends() {
    let text = TEXT.replace('\n', "\r\n");
    let new = rewritten(&text);
    assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
    assert_eq!(new.replace("\r\n", "\n"), rewritten(TEXT));
    // No line end at the end, and a mark of the byte order.
    rewritten(TEXT.trim_end());
    let marked = rewritten(&format!("\u{feff}{TEXT}"));
    assert_eq!(marked.trim_start_matches('\u{feff}'), rewritten(TEXT));
    assert!(marked.starts_with('\u{feff}'));
}

#[test]
fn excerpts_of_hostile_lines_are_bounded() {
    let text = TEXT.replace("          ---\n", &"          x\n".repeat(5000));
    let found = found(&text);
    assert!(found.replacements.iter().all(|own| own.text.lines().count() < 20));
}

proptest::proptest! {
    /// Whatever lines are lost, doubled or swapped: no panic, and no broken workflow.
    #[test]
    fn damaged_pipelines_are_left_or_rewritten_soundly(
        edits in proptest::collection::vec((0_usize..175, 0_usize..175, 0_u8..4), 1..6)
    ) {
        let mut lines: Vec<String> = TEXT.lines().map(str::to_owned).collect();
        for (at, other, kind) in edits {
            let (at, other) = (at % lines.len(), other % lines.len());
            match kind {
                0 => { lines.remove(at); }
                1 => { let line = lines[other].clone(); lines.insert(at, line); }
                2 => lines.swap(at, other),
                _ => lines[at] = lines[at].trim_start().to_owned(),
            }
        }
        let text = lines.join("\n") + "\n";
        if let Ok(workflow) = Workflow::parse(PATH, text.as_bytes())
            && let Some(found) = find(&workflow, &text, &Config::default(), ACTION)
            && let Some(new) = &found.rewritten
        {
            let read = Workflow::parse(PATH, new.as_bytes());
            proptest::prop_assert!(read.is_ok(), "{}\n{}", text, new);
            let ids: Vec<String> = read.map(|new| new.jobs().map(|job| job.id.to_owned()).collect()).unwrap_or_default();
            for job in workflow.jobs().filter(|job| !found.removed.iter().any(|id| id == job.id)) {
                proptest::prop_assert!(ids.iter().any(|id| id == job.id), "{} of\n{}", job.id, new);
            }
        }
    }
}
