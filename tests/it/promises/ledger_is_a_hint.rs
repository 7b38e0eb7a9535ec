//! Promise 6: the ledger is a hint, not an authority.

use crate::harness::project::{
    GREEN, LEDGER, Project, RED, TITLE, entry, entry_with, ledger_of, reasons,
};

/// A project whose ledger reads so at a bad head.
fn with_ledger(text: impl FnOnce(&str) -> String) -> Project {
    let project = Project::on_disk();
    let text = text(&project.good);
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project
}

/// The good commit wins although this entry comes after it.
#[track_caller]
fn is_passed_over(text: &str) {
    with_ledger(|good| ledger_of(&[good]) + text).rolls_back();
}

/// Nothing counts as good: the gate holds, and only its verdict is noted.
#[track_caller]
fn gives_no_good_commit(text: &str) {
    let project = with_ledger(|_| text.to_owned());
    project.holds(project.gate(RED), "no_good_commit");
}

#[test]
fn an_entry_of_an_unknown_commit_is_passed_over() {
    is_passed_over(&entry(&"d".repeat(40)));
    gives_no_good_commit(&entry(&"d".repeat(40)));
}

#[test]
fn an_entry_of_a_tree_or_blob_is_passed_over() {
    let project = Project::on_disk();
    let objects = [project.dev.tree("HEAD"), project.dev.rev_parse("HEAD:app.py")];
    for object in objects {
        let text = ledger_of(&[&project.good]) + &entry(&object);
        project.push("Bad", &[(LEDGER, &text), ("app.py", &object)]);
    }
    project.rolls_back();
}

#[test]
fn a_commit_that_is_not_on_the_branch_is_passed_over() {
    let project = Project::on_disk();
    project.dev.branch("side");
    let side = project.dev.commit("Squashed away", &[("side.py", "x\n")]);
    project.dev.push("side");
    project.dev.checkout("main");
    let text = ledger_of(&[&project.good, &side]);
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn an_id_that_is_not_a_full_lower_case_one_is_passed_over() {
    let project = Project::on_disk();
    let nearer = project.push("Nearer", &[("app.py", "nearer\n")]);
    let ids = [
        nearer[..12].to_owned(),
        nearer.to_uppercase(),
        format!("--upload-pack={nearer}"),
        format!("-{nearer}"),
        format!("{nearer}0"),
        format!("{nearer}^{{commit}}"),
        "HEAD".to_owned(),
        "refs/heads/main".to_owned(),
        String::new(),
    ];
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let text = ledger_of(&[&project.good]) + &ledger_of(&ids);
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn an_entry_that_did_not_pass_is_passed_over() {
    for status in ["❌ Tests Failed", "⏪ Rolled back", "✅ Active & Monitored"] {
        let project = Project::on_disk();
        let nearer = project.push("Nearer", &[("app.py", "nearer\n")]);
        let text = ledger_of(&[&project.good]) + &entry_with(&nearer, "main", status);
        project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
        project.rolls_back();
    }
}

#[test]
fn an_entry_of_another_branch_is_passed_over() {
    let project = Project::on_disk();
    let nearer = project.push("Nearer", &[("app.py", "nearer\n")]);
    let text = ledger_of(&[&project.good]) + &entry_with(&nearer, "develop", "✅ Tests Passed");
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn samples_in_fences_comments_and_quotations_are_no_entries() {
    let project = Project::on_disk();
    let nearer = project.push("Nearer", &[("app.py", "nearer\n")]);
    let quoted = entry(&nearer).replace('\n', "\n> ");
    let text = ledger_of(&[&project.good])
        + &format!("\n```markdown\n{}```\n", entry(&nearer))
        + &format!("\n<!--\n{}\n-->\n{quoted}\n", entry(&nearer));
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn a_missing_empty_or_prose_ledger_gives_no_good_commit() {
    let project = Project::on_disk();
    project.dev.remove(LEDGER);
    project.push("Bad", &[("app.py", "bad\n")]);
    project.holds(project.gate(RED), "no_good_commit");
    gives_no_good_commit("");
    gives_no_good_commit(TITLE);
    gives_no_good_commit("\n\n\n");
}

#[test]
fn a_conflict_marked_ledger_names_its_line() {
    let project =
        with_ledger(|good| format!("{TITLE}<<<<<<< HEAD\n{}=======\n>>>>>>> side\n", entry(good)));
    let run = project.refuses(project.gate(RED), 10);
    assert!(run.stderr.contains(LEDGER) && run.stderr.contains("line"), "{}", run.stderr);
}

#[test]
fn invalid_utf8_in_a_ledger_never_gives_a_wrong_commit() {
    let project = Project::on_disk();
    let mut bytes = ledger_of(&[&project.good]).into_bytes();
    bytes.extend_from_slice(b"\n---\n\n**Commit**: \xff\xfe\n");
    project.dev.write(LEDGER, &bytes);
    project.push("Bad", &[("app.py", "bad\n")]);
    let before = project.refs();
    let run = project.gate(RED).run();
    match run.status {
        Some(3) => drop(project.assert_rolled_back_to(&project.good)),
        Some(10) => {
            assert!(run.stderr.contains(LEDGER) && run.stderr.contains("line"), "{run:?}");
            assert_eq!(project.refs(), before);
        }
        _ => panic!("{run:?}"),
    }
}

#[test]
fn a_truncated_last_entry_is_passed_over() {
    let whole = entry(&"d".repeat(40));
    for end in [whole.find("**Status**").unwrap(), whole.find("✅").unwrap(), 80] {
        is_passed_over(&whole[..end]);
    }
    let project = Project::on_disk();
    let nearer = project.push("Nearer", &[("app.py", "nearer\n")]);
    let cut = entry(&nearer);
    let cut = &cut[..cut.find("**Commit**").unwrap() + "**Commit**: ".len() + 20];
    let text = ledger_of(&[&project.good]) + cut;
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn the_nearest_commit_wins_and_not_the_last_entry() {
    let mut project = Project::on_disk();
    let older = project.good.clone();
    project.good = project.push("Newer and good", &[("app.py", "newer\n")]);
    let text = ledger_of(&[&older, &project.good, &older]);
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn only_the_last_fifty_entries_count() {
    let project = Project::on_disk();
    let unknown: Vec<String> = (0..50).map(|number| format!("{number:040x}")).collect();
    let mut commits = vec![project.good.as_str()];
    commits.extend(unknown.iter().map(String::as_str));
    let text = ledger_of(&commits);
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.holds(project.gate(RED), "no_good_commit");
    let text = ledger_of(&commits[..50]);
    project.push("Bad", &[("app.py", "worse\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn an_entry_of_the_failed_commit_itself_holds() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    let text = ledger_of(&[&project.good, &bad]);
    project.push("Praise the head [skip ci]", &[(LEDGER, &text)]);
    let run = project.holds(project.gate(RED), "passed_before");
    assert!(run.json()["commit"] == bad.as_str(), "{}", run.stdout);
}

#[test]
fn an_entry_of_the_commit_that_praises_the_failed_one_does_not_help() {
    let project = Project::on_disk();
    project.push_bad();
    let noted = ledger_of(&[&project.good, &"d".repeat(40)]);
    let noise = project.push("Note [skip ci]", &[(LEDGER, &noted)]);
    let text = ledger_of(&[&project.good, &noise]);
    project.push("Praise the note [skip ci]", &[(LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn records_outrank_the_ledger() {
    let mut project = Project::on_disk();
    project.good = project.push("Released", &[("app.py", "released\n")]);
    project.gate(GREEN).run().success();
    project.pull();
    let nearer = project.push("Never tested", &[("app.py", "untested\n")]);
    let text = project.show("main", LEDGER) + &entry(&nearer);
    project.push("Bad", &[("app.py", "bad\n"), (LEDGER, &text)]);
    project.rolls_back();
}

#[test]
fn a_stored_passed_verdict_counts_as_good() {
    let mut project = Project::on_disk();
    project.good = project.push("Passes, is held", &[("app.py", "held\n")]);
    let config = "version: 1\nimages: []\nfreeze:\n  - { cron: \"* * * * *\", duration: 2h, reason: always }\n";
    project.good = project.push("Passes in a freeze", &[(crate::harness::project::CONFIG, config)]);
    let run = project.gate(GREEN).run().code(4);
    assert_eq!(reasons(&run), ["frozen"]);
    project.push_bad();
    project.rolls_back();
}

#[test]
fn a_quarantined_commit_is_never_good_again() {
    let project = Project::on_disk();
    let bad = project.push_bad();
    project.rolls_back();
    project.pull();
    let text = project.show("main", LEDGER) + &entry(&bad);
    project.push("Forge an entry [skip ci]", &[(LEDGER, &text)]);
    project.push("Bad again", &[("app.py", "bad again\n")]);
    project.rolls_back();
}

#[test]
fn an_entry_older_than_stable_is_passed_over() {
    let project = Project::on_disk();
    let released = project.push("Released", &[("app.py", "released\n")]);
    project.gate(GREEN).run().success();
    project.pull();
    // The release itself is quarantined by hand, so that only the older entry is left.
    let state = project.branch("tidegate");
    project.dev.git(&["fetch", "-q", "origin", "tidegate"]);
    project.dev.checkout(&state);
    let note = format!(
        "{{\"version\":1,\"commit\":\"{released}\",\"reason\":\"a person says so\",\"created\":\"2026-01-01T00:00:00Z\"}}\n"
    );
    project.dev.commit("Quarantine", &[(&format!("quarantine/{released}.json"), &note)]);
    project.dev.push("HEAD:refs/heads/tidegate");
    project.dev.checkout("main");
    project.push_bad();
    project.holds(project.gate(RED), "no_good_commit");
}

#[test]
fn a_failure_before_any_good_commit_holds_and_says_so() {
    gives_no_good_commit(TITLE);
}

#[test]
fn a_huge_ledger_is_read_from_its_end() {
    let project = Project::on_disk();
    // 100 MB of entries of commits that nobody knows; the last one is the good commit's.
    let block = entry(&"e".repeat(40));
    let mut text = String::with_capacity(100 << 20);
    text.push_str(TITLE);
    while text.len() < 100 << 20 {
        text.push_str(&block);
    }
    text.push_str(&entry(&project.good));
    project.dev.write(LEDGER, &text);
    project.dev.git(&["-c", "core.compression=1", "add", "--all"]);
    project.push("Huge [skip ci]", &[]);
    project.push_bad();
    let run = project.gate(RED).run().code(3);
    assert_eq!(run.json()["rolled_back"]["to"], project.good.as_str());
    project.assert_rolled_back_to(&project.good);
}
