use std::collections::BTreeMap;

use proptest::prelude::*;

use super::newest::{Window, WindowAnswer, read_window};
use super::*;
use crate::model::{BranchName, DataVersion, Digest, ImageRef};

const FIELD: &[u8] = include_bytes!("../../tests/fixtures/ledger/field.md");
const PLAIN: &[u8] = include_bytes!("../../tests/fixtures/ledger/plain.md");
const HOSTILE: &[u8] = include_bytes!("../../tests/fixtures/ledger/hostile.md");

fn sha(digit: char) -> CommitSha {
    digit.to_string().repeat(40).parse().unwrap()
}

fn new_entry(commit: CommitSha, release: u64) -> NewEntry {
    NewEntry {
        date: "2026-01-05T09:30:00Z".parse().unwrap(),
        branch: "main".parse().unwrap(),
        commit,
        release: Some(release),
        checks: vec!["Data Validation Tests".to_owned(), "code-quality".to_owned()],
        images: vec![("ghcr.io/acme/app".parse().unwrap(), Digest::of(b"app"))],
        data: Some("v2026-01-05".parse().unwrap()),
        metrics: BTreeMap::from([("macro_f1".to_owned(), 0.963), ("loss".to_owned(), 1e-7)]),
        flaky: vec!["tests.test_app::test_slow[a, b]".to_owned(), "job lint".to_owned()],
    }
}

fn short(ledger: &Ledger) -> Vec<(&str, &EntryStatus)> {
    ledger.entries.iter().map(|entry| (entry.commit.short(), &entry.status)).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn crlf(bytes: &[u8]) -> Vec<u8> {
    text(bytes).replace('\n', "\r\n").into_bytes()
}

fn passed(commit: char) -> String {
    format!("Commit: {}\nStatus: ✅ Tests Passed\n", sha(commit))
}

#[test]
fn the_field_form_is_read_and_nothing_else_in_the_document() {
    let ledger = parse(FIELD).unwrap();
    let statuses = [EntryStatus::Passed, EntryStatus::Failed, EntryStatus::Passed];
    let commits = ["40c6574", "f42149d", "611b29b"];
    assert_eq!(short(&ledger), commits.into_iter().zip(&statuses).collect::<Vec<_>>());
    assert_eq!(ledger.warnings, []);
    let last = &ledger.entries[2];
    assert_eq!(last.branch.as_deref(), Some("main"));
    assert_eq!(last.date.as_deref(), Some("2025-12-22 02:22:44 UTC"));
    assert_eq!(last.form, Form::Bold);
    let line = text(FIELD).lines().position(|line| line.contains("2025-12-22")).unwrap();
    assert_eq!(last.line, Some(line as u64 + 1));
    let fields = [("Reviewer", "m.keller"), ("Deployment", "Ready for production")];
    assert_eq!(last.fields, fields.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let block = text(append::block_of(FIELD, last));
    assert!(block.starts_with("---\n\n## CI/CD Test Execution Log\n\n**Date**: 2025-12-22"));
    assert!(block.ends_with("**Deployment**: Ready for production\n"));
}

#[test]
fn the_plain_form_is_read() {
    let ledger = parse(PLAIN).unwrap();
    let statuses = [EntryStatus::Passed, EntryStatus::RolledBack, EntryStatus::Passed];
    let commits = ["40c6574", "f42149d", "611b29b"];
    assert_eq!(short(&ledger), commits.into_iter().zip(&statuses).collect::<Vec<_>>());
    assert_eq!(ledger.entries[1].fields[0].1, "drift in feature 12, see #88");
    assert_eq!(ledger.entries[2].branch, None);
    assert!(ledger.entries.iter().all(|entry| entry.form == Form::Plain));
}

#[test]
fn line_endings_and_a_byte_order_mark_change_nothing() {
    for sample in [FIELD, PLAIN, HOSTILE] {
        let plain = parse(sample).unwrap();
        let with_bom = [b"\xef\xbb\xbf".as_slice(), &crlf(sample)].concat();
        let other = parse(&with_bom).unwrap();
        let essence = |ledger: &Ledger| {
            let entries = ledger.entries.iter();
            let entries: Vec<_> = entries
                .map(|e| {
                    (e.commit.clone(), e.status.clone(), e.date.clone(), e.fields.clone(), e.line)
                })
                .collect();
            let warnings: Vec<_> =
                ledger.warnings.iter().map(|w| (w.line, w.what.clone())).collect();
            (entries, warnings)
        };
        assert_eq!(essence(&plain), essence(&other));
    }
    let first_line = format!("\u{feff}{}", passed('a'));
    assert_eq!(parse(first_line.as_bytes()).unwrap().entries.len(), 1);
}

#[test]
fn hostile_entries_are_warnings_and_never_commits() {
    let ledger = parse(HOSTILE).unwrap();
    let accepted: Vec<_> =
        ledger.entries.iter().filter(|e| e.status == EntryStatus::Passed).collect();
    assert_eq!(accepted, Vec::<&Entry>::new());
    let warnings: Vec<String> = ledger.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r#"
line 3: entry skipped: the commit id "611b29b" is abbreviated; write all 40 digits
line 8: entry skipped: the commit id "611B29B362B480A8E6A56848F453AB8A2091E683" has upper-case digits; write them in lower case
line 11: entry skipped: the commit id "--upload-pack=/tmp/x" looks like an option
line 14: entry skipped: "refs/heads/main" is not a commit id; write 40 lower-case hexadecimal digits
line 17: entry skipped: the field "Commit" stands there more than once; keep one
line 21: entry skipped: it cannot be told which status belongs to which commit; separate the entries by blank lines
line 25: entry skipped: the entry names a commit and no status; add the status or remove the entry
line 30: entry skipped: it cannot be told which status belongs to which commit; separate the entries by blank lines
line 41: entry skipped: the file ends within the entry; complete or remove it
"#);
}

#[test]
fn entries_without_a_blank_line_between_them_are_told_apart() {
    let stacked =
        passed('a') + &passed('b').replace("✅ Tests Passed", "❌ Tests Failed") + &passed('c');
    let ledger = parse(stacked.as_bytes()).unwrap();
    assert_eq!(
        short(&ledger),
        [
            ("aaaaaaa", &EntryStatus::Passed),
            ("bbbbbbb", &EntryStatus::Failed),
            ("ccccccc", &EntryStatus::Passed)
        ]
    );
    assert_eq!(ledger.warnings, []);
}

#[test]
fn a_status_before_its_commit_counts_only_where_there_is_one_of_each() {
    let one =
        format!("Date: 2024-10-02\nStatus: ✅ Tests Passed\nCommit: {}\nBranch: main\n", sha('a'));
    let ledger = parse(one.as_bytes()).unwrap();
    assert_eq!(short(&ledger), [("aaaaaaa", &EntryStatus::Passed)]);
    assert_eq!(ledger.entries[0].branch.as_deref(), Some("main"));
    let two = one.clone() + &one;
    let ledger = parse(two.as_bytes()).unwrap();
    assert_eq!(ledger.entries, []);
    assert_eq!(ledger.warnings[0].what, SkipReason::Ambiguous);
}

#[test]
fn an_entry_of_another_branch_never_passes_for_one_of_none() {
    let branch = "Branch: `dev`\n";
    let entry = passed('a');
    for sample in [
        format!("{branch}{entry}"),
        format!("{entry}{branch}"),
        format!("{entry}\n{branch}"),
        format!("{branch}\n{entry}"),
        format!("{entry}Release: 1\n{branch}"),
    ] {
        let ledger = parse(sample.as_bytes()).unwrap();
        assert_eq!(ledger.entries[0].branch.as_deref(), Some("dev"), "{sample}");
    }
    let between = format!("{entry}{branch}{}", passed('b'));
    assert_eq!(parse(between.as_bytes()).unwrap().entries, []);
    let apart = format!("{branch}\nA sentence.\n\n{entry}");
    assert_eq!(parse(apart.as_bytes()).unwrap().entries[0].branch, None);
    let each = format!("Date: 1\n{branch}{entry}").repeat(2);
    let ledger = parse(each.as_bytes()).unwrap();
    assert!(ledger.entries.iter().all(|entry| entry.branch.as_deref() == Some("dev")));
    assert_eq!(ledger.entries.len(), 2);
}

#[test]
fn a_status_too_many_spoils_its_neighbours() {
    let sample = passed('a') + "Status: ❌ Tests Failed\n" + &passed('b') + &passed('c');
    let ledger = parse(sample.as_bytes()).unwrap();
    assert_eq!(short(&ledger), [("ccccccc", &EntryStatus::Passed)]);
    assert!(ledger.warnings.iter().all(|warning| warning.what == SkipReason::Ambiguous));
    assert_eq!(ledger.warnings.len(), 2);
}

#[test]
fn a_conflict_marker_is_an_error_with_its_line() {
    let good = text(FIELD);
    for marker in ["<<<<<<< HEAD", ">>>>>>> 611b29b", "||||||| base", "<<<<<<<", "<<<<<<< x\r"] {
        let sample = format!("{good}\n{marker}\n{}", passed('a'));
        let line = good.lines().count() as u64 + 2;
        let error = parse(sample.as_bytes()).unwrap_err();
        assert_eq!(error, LedgerError::ConflictMarker { line, marker: marker[..7].to_owned() });
        assert!(error.to_string().starts_with(&format!("line {line}: conflict marker")));
        assert!(append(sample.as_bytes(), &new_entry(sha('b'), 1)).is_err());
        assert!(contains_release(sample.as_bytes(), &sha('a'), 1).is_err());
        let carried = carry_forward(FIELD, sample.as_bytes());
        assert!(matches!(carried, Err(LedgerError::Head(_))), "{carried:?}");
        let carried = carry_forward(sample.as_bytes(), FIELD);
        assert!(matches!(carried, Err(LedgerError::Good(_))), "{carried:?}");
    }
    for harmless in ["Results\n=======\n", " <<<<<<< x\n", "<<<<<<<x\n", "|||||||\n", "<<<<<< x\n"]
    {
        assert!(parse(harmless.as_bytes()).is_ok(), "{harmless}");
    }
}

#[test]
fn a_truncated_last_entry_is_skipped_with_a_warning() {
    let whole = format!(
        "Intro\n\n**Date**: 2025-12-22\n**Branch**: main\n**Commit**: {}\n**Status**: ✅ Tests Passed",
        sha('a')
    );
    let start = whole.find("**Date").unwrap();
    let bytes = whole.as_bytes();
    assert_eq!(parse(bytes).unwrap().entries.len(), 1);
    for end in start..bytes.len() {
        let ledger = parse(&bytes[..end]).unwrap();
        assert_eq!(ledger.entries, [], "cut at {end}");
        let expects_a_warning = end > start + "**Date**: ".len();
        if expects_a_warning && bytes[end - 1] != b'\n' {
            let reasons: Vec<_> = ledger.warnings.iter().map(|w| &w.what).collect();
            let inside_a_letter = std::str::from_utf8(&bytes[..end]).is_err();
            let reason =
                if inside_a_letter { SkipReason::InvalidUtf8 } else { SkipReason::Truncated };
            assert_eq!(reasons, [&reason], "{:?}", String::from_utf8_lossy(&bytes[start..end]));
        }
    }
    let terminated = format!("{}\n", &whole[..whole.find("\n**Status").unwrap()]);
    let ledger = parse(terminated.as_bytes()).unwrap();
    assert_eq!(ledger.warnings[0].what, SkipReason::Truncated);
    assert_eq!(ledger.warnings[0].line, Some(3));
}

#[test]
fn a_release_number_without_its_line_ending_may_be_cut() {
    let sample = passed('a') + "Release: 12";
    assert_eq!(parse(sample.as_bytes()).unwrap().entries[0].release, None);
    let sample = sample + "\n";
    assert_eq!(parse(sample.as_bytes()).unwrap().entries[0].release, Some(12));
    let own = passed('a') + "Release: v2.0.3\n";
    let entry = &parse(own.as_bytes()).unwrap().entries[0];
    assert_eq!((entry.release, entry.fields[0].1.as_str()), (None, "v2.0.3"));
}

#[test]
fn text_that_is_not_utf8_yields_no_entry_of_its_own_and_leaves_others_alone() {
    let mut sample = b"Caf\xe9 notes\n\n".to_vec();
    sample.extend(passed('a').bytes());
    sample.extend(b"\nBranch: ma\xefn\n");
    sample.extend(passed('b').bytes());
    let ledger = parse(&sample).unwrap();
    assert_eq!(short(&ledger), [("aaaaaaa", &EntryStatus::Passed)]);
    let warning = &ledger.warnings[0];
    assert_eq!((warning.line, &warning.what), (Some(6), &SkipReason::InvalidUtf8));
    let utf16: Vec<u8> =
        [0xfeff].into_iter().chain("Commit: x".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    assert_eq!(parse(&utf16), Err(LedgerError::NotUtf8 { line: 1 }));
    assert_eq!(newest_entries_in(&utf16, 5), Err(LedgerError::NotUtf8 { line: 1 }));
}

#[test]
fn huge_entries_and_lines_are_bounded() {
    let many = format!("{}{}\n", passed('a'), "Note: x\n".repeat(100_000));
    let ledger = parse(many.as_bytes()).unwrap();
    assert!(matches!(ledger.warnings[0].what, SkipReason::TooLarge { .. }));
    let long = format!("{}Note: {}\n\n{}", passed('a'), "x".repeat(3 << 20), passed('b'));
    let ledger = parse(long.as_bytes()).unwrap();
    assert_eq!(short(&ledger), [("bbbbbbb", &EntryStatus::Passed)]);
    let bad = "Commit: 611b29b\nStatus: ✅ Tests Passed\n\n".repeat(5000);
    assert!(parse(bad.as_bytes()).unwrap().warnings.len() <= parser::MAX_WARNINGS);
    let nul = format!("Commit: {}\0\nStatus: ✅ Tests Passed\n", sha('a'));
    assert_eq!(parse(nul.as_bytes()).unwrap().entries, []);
}

#[test]
fn missing_surroundings_are_empty_ledgers() {
    for (sample, presence) in
        [("", Presence::Empty), ("\n \n", Presence::Empty), ("# x", Presence::Text)]
    {
        let ledger = parse(sample.as_bytes()).unwrap();
        assert_eq!((ledger.entries.len(), ledger.presence), (0, presence), "{sample:?}");
    }
}

#[test]
fn a_new_ledger_gets_the_plain_form() {
    let written = append(b"", &new_entry(sha('a'), 1)).unwrap();
    insta::assert_snapshot!(text(&written), @r"
# ML Experiment Results

---

## CI/CD Test Execution Log

Date: 2026-01-05 09:30:00 UTC
Branch: main
Commit: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
Status: ✅ Tests Passed
Release: 1
Image: ghcr.io/acme/app@sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333
Data: v2026-01-05
Metric: loss = 1e-7
Metric: macro_f1 = 0.963
Flaky: tests.test_app::test_slow[a%2C b], job lint

### Automated Tests Executed:
- ✅ Data Validation Tests
- ✅ code-quality

Deployment: Ready for production
");
}

#[test]
fn append_follows_the_bold_form_of_the_field() {
    let written = append(FIELD, &new_entry(sha('a'), 7)).unwrap();
    let added = written.strip_prefix(FIELD).unwrap();
    insta::assert_snapshot!(text(added), @r"

---

## CI/CD Test Execution Log

**Date**: 2026-01-05 09:30:00 UTC
**Branch**: main
**Commit**: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
**Status**: ✅ Tests Passed
**Release**: 7
**Image**: ghcr.io/acme/app@sha256:a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333
**Data**: v2026-01-05
**Metric**: loss = 1e-7
**Metric**: macro_f1 = 0.963
**Flaky**: tests.test_app::test_slow[a%2C b], job lint

### Automated Tests Executed:
- ✅ Data Validation Tests
- ✅ code-quality

**Deployment**: Ready for production
");
}

#[test]
fn append_follows_a_bare_plain_form() {
    let entry = NewEntry { checks: Vec::new(), ..new_entry(sha('a'), 7) };
    let written = append(PLAIN, &entry).unwrap();
    let added = text(written.strip_prefix(PLAIN).unwrap());
    assert!(
        added.starts_with("\nDate: 2026-01-05 09:30:00 UTC\nBranch: main\nCommit: aaaa"),
        "{added}"
    );
    assert!(!added.contains('#') && !added.contains("---"), "{added}");
}

#[test]
fn append_keeps_line_endings_and_starts_on_a_line_of_its_own() {
    let windows = crlf(FIELD);
    let written = append(&windows, &new_entry(sha('a'), 7)).unwrap();
    assert!(written.starts_with(&windows));
    assert!(!text(&written).replace("\r\n", "").contains('\n'));
    let unterminated = FIELD.strip_suffix(b"\n").unwrap();
    assert_eq!(
        append(unterminated, &new_entry(sha('a'), 7)).unwrap(),
        append(FIELD, &new_entry(sha('a'), 7)).unwrap()
    );
    let bom = append(b"\xef\xbb\xbf", &new_entry(sha('a'), 7)).unwrap();
    assert!(bom.starts_with(b"\xef\xbb\xbf# ML Experiment Results\n"));
    let truncated = append(HOSTILE, &new_entry(sha('a'), 7)).unwrap();
    assert!(truncated.starts_with(HOSTILE));
}

#[test]
fn append_refuses_what_would_hide_the_entry() {
    for (open, what) in [
        ("x\n\n```python\ny\n", Unclosed::Fence),
        ("x\n\n~~~~\n~~~\n", Unclosed::Fence),
        ("x\n\n<!-- todo\n", Unclosed::Html),
        ("x\n\n<pre>\n", Unclosed::Html),
    ] {
        let error = append(open.as_bytes(), &new_entry(sha('a'), 7)).unwrap_err();
        assert_eq!(error, LedgerError::Unclosed { line: 3, what });
    }
}

#[test]
fn a_release_is_known_by_commit_and_number() {
    let once = append(FIELD, &new_entry(sha('a'), 7)).unwrap();
    let twice = append(&once, &new_entry(sha('a'), 9)).unwrap();
    let has = |text: &[u8], release| contains_release(text, &sha('a'), release).unwrap();
    assert!(has(&once, 7) && !has(&once, 9) && has(&twice, 7) && has(&twice, 9));
    assert!(!contains_release(&twice, &sha('b'), 7).unwrap());
}

#[test]
fn names_of_checks_stay_on_their_line() {
    let entry = NewEntry {
        checks: vec![format!("x\n\n{}<!--", passed('b')), "```\n".to_owned()],
        ..new_entry(sha('a'), 7)
    };
    for existing in [FIELD, PLAIN, b""] {
        let written = append(existing, &entry).unwrap();
        let ledger = parse(&written).unwrap();
        assert_eq!(ledger.entries.len(), parse(existing).unwrap().entries.len() + 1);
        let again = append(&written, &new_entry(sha('c'), 8)).unwrap();
        assert_eq!(parse(&again).unwrap().entries.last().unwrap().commit, sha('c'));
    }
}

#[test]
fn promise_4_newer_entries_are_carried_forward_whole() {
    let good = append(FIELD, &new_entry(sha('a'), 7)).unwrap();
    let one = append(&good, &new_entry(sha('b'), 8)).unwrap();
    let head = append(&one, &new_entry(sha('a'), 9)).unwrap();
    assert_eq!(carry_forward(&good, &head).unwrap(), head);
    assert_eq!(carry_forward(&head, &good).unwrap(), head, "nothing is ever lost");
    assert_eq!(carry_forward(&good, &good).unwrap(), good);
    assert_eq!(carry_forward(b"", b"").unwrap(), b"");
    assert_eq!(carry_forward(FIELD, b"").unwrap(), FIELD);
    let from_nothing = carry_forward(b"", &head).unwrap();
    let commits = |bytes: &[u8]| {
        let ledger = parse(bytes).unwrap();
        ledger.entries.into_iter().map(|e| (e.commit, e.release, e.fields)).collect::<Vec<_>>()
    };
    assert_eq!(commits(&from_nothing), commits(&head));
}

#[test]
fn promise_4_an_edited_entry_keeps_the_good_text() {
    let good = append(FIELD, &new_entry(sha('a'), 7)).unwrap();
    let head = append(&good, &new_entry(sha('b'), 8)).unwrap();
    let edited = text(&head)
        .replace("m.keller", "someone else")
        .replace("macro_f1 = 0.963", "macro_f1 = 0.99");
    let carried = carry_forward(&good, edited.as_bytes()).unwrap();
    assert!(carried.starts_with(&good));
    let added = text(&carried[good.len()..]);
    assert_eq!(added.matches("Commit").count(), 1);
    assert!(added.contains(sha('b').as_str()) && added.contains("macro_f1 = 0.99"));
}

#[test]
fn promise_4_the_same_commit_twice_is_two_entries() {
    let good = passed('a');
    let head = format!("{good}\n{}", good.replace("✅ Tests Passed", "❌ Tests Failed"));
    let carried = carry_forward(good.as_bytes(), head.as_bytes()).unwrap();
    assert_eq!(text(&carried), head);
    let repeated = format!("{good}\n{good}");
    assert_eq!(text(&carry_forward(good.as_bytes(), repeated.as_bytes()).unwrap()), repeated);
}

#[test]
fn promise_4_line_endings_do_not_make_entries_new() {
    let head = append(FIELD, &new_entry(sha('b'), 8)).unwrap();
    let carried = carry_forward(FIELD, &crlf(&head)).unwrap();
    let added = carried.strip_prefix(FIELD).unwrap();
    assert_eq!(text(added).matches("**Commit**").count(), 1);
    assert!(text(added).starts_with("\n---\r\n"));
    assert_eq!(carry_forward(&crlf(FIELD), FIELD).unwrap(), crlf(FIELD));
}

#[test]
fn promise_4_prose_of_the_head_stays_behind() {
    let head = text(FIELD).replace("# ML Exp", "# Our ML Exp")
        + "\n---\n\n## Outlook\n\nMore data.\n\n"
        + &passed('b');
    let carried = carry_forward(FIELD, head.as_bytes()).unwrap();
    let added = text(carried.strip_prefix(FIELD).unwrap());
    assert_eq!(added, format!("\n{}", passed('b')));
}

#[test]
fn promise_4_an_open_fence_is_not_carried_along() {
    let head = format!("{}\n{}\n```\nlog\n", text(FIELD), passed('b'));
    let error = carry_forward(FIELD, head.as_bytes()).unwrap_err();
    assert!(matches!(error, LedgerError::Head(_)), "{error}");
    let good = format!("{}\n```\n", text(FIELD));
    let error =
        carry_forward(good.as_bytes(), head.replace("\n```\nlog\n", "").as_bytes()).unwrap_err();
    assert!(matches!(error, LedgerError::Good(_)), "{error}");
}

fn indented(text: &str, by: &str) -> String {
    text.lines().flat_map(|line| [by, line, "\n"]).collect()
}

/// A piece of a ledger with all its fences and comments closed.
fn piece() -> impl Strategy<Value = String> {
    let fields = || {
        ("[0-9a-f]", 0..3u8, any::<bool>(), 0..4u8).prop_map(|(digit, status, bold, extra)| {
            let status =
                ["✅ Tests Passed", "❌ Tests Failed", "⏪ Rolled Back"][usize::from(status)];
            let (a, b) = if bold { ("**", "**:") } else { ("", ":") };
            let above = match extra {
                1 => format!("{a}Date{b} 2025-12-22 02:22:44 UTC\n{a}Branch{b} main\n"),
                2 => format!("{a}Branch{b} dev\n"),
                _ => String::new(),
            };
            let below = if extra == 3 { "Release: 4\n- ✅ tests\n" } else { "" };
            let commit = digit.repeat(40);
            format!("{above}{a}Commit{b} {commit}\n{a}Status{b} {status}\n{below}")
        })
    };
    let entry = (fields(), any::<bool>(), any::<bool>()).prop_map(|(fields, rule, heading)| {
        let rule = if rule { "---\n\n" } else { "" };
        let heading = if heading { "## CI/CD Test Execution Log\n\n" } else { "" };
        format!("{rule}{heading}{fields}")
    });
    let fence = (fields(), "`{3,5}|~{3,5}", prop_oneof![Just(""), Just("python")], " {0,3}")
        .prop_map(|(fields, mark, info, indent)| {
            format!("Log:\n\n{indent}{mark}{info}\n{fields}\n{fields}{mark}\n")
        });
    let comment = fields().prop_map(|fields| format!("<!-- old\n\n{fields}\n-->\n"));
    let verbatim = fields().prop_map(|fields| format!("<pre>\n{fields}\n\n{fields}</pre>\n"));
    let quote = fields().prop_map(|fields| format!("> {}", fields.replace('\n', "\n> ") + "\n"));
    let lazy = fields().prop_map(|fields| format!("> quoted\n{fields}"));
    let code = fields().prop_map(|fields| indented(&fields, "    "));
    let item = fields().prop_map(|fields| {
        let inside = indented(&fields, "  ");
        format!("- ```\n{inside}  ```\n- x\n\n{inside}")
    });
    let other = prop_oneof![
        Just("Prose with `<!--` and a **Status**: ✅ Tests Passed in it.\n".to_owned()),
        Just("| a | b |\n|---|---|\n| <b>x</b> | y -> z |\n".to_owned()),
        Just("### Automated Tests Executed:\n- ✅ Data\n\n**Deployment**: Ready\n".to_owned()),
        Just("**Commit**: 611b29b\n**Status**: ✅ Tests Passed\n".to_owned()),
        Just("Results\n=======\n".to_owned()),
        Just("**Status**: ✅ Active & Monitored\n".to_owned()),
    ];
    let block = prop_oneof![6 => entry, 1 => fence, 1 => comment, 1 => verbatim, 1 => quote,
        1 => lazy, 1 => code, 1 => item, 2 => other];
    (block, prop_oneof![4 => Just("\n"), 1 => Just("")]).prop_map(|(block, gap)| block + gap)
}

fn any_ledger(pieces: usize) -> impl Strategy<Value = String> {
    (prop::collection::vec(piece(), 0..pieces), any::<bool>()).prop_map(|(pieces, windows)| {
        let text = pieces.concat();
        if windows { text.replace('\n', "\r\n") } else { text }
    })
}

fn any_new_entry() -> impl Strategy<Value = NewEntry> {
    let image = prop_oneof![
        Just("ghcr.io/acme/app".to_owned()),
        Just("127.0.0.1:5000/a/b".to_owned()),
        "[^\0]{1,20}".prop_map(|path| format!("oci:{path}")),
    ]
    .prop_filter_map("an image", |text| text.parse::<ImageRef>().ok());
    let images = prop::collection::vec((image, any::<u8>()), 0..4)
        .prop_map(|images| images.into_iter().map(|(i, n)| (i, Digest::of(&[n]))).collect());
    let metrics = prop::collection::btree_map(any::<String>(), any::<f64>(), 0..4)
        .prop_map(|metrics| metrics.into_iter().filter(|(_, value)| value.is_finite()).collect());
    let data = prop::option::of("[a-z0-9._:-]{1,20}")
        .prop_map(|text| text.map(|text| text.parse::<DataVersion>().unwrap()));
    let branch = prop_oneof![Just("main"), Just("release/1.x")]
        .prop_map(|name| name.parse::<BranchName>().unwrap());
    let second = 0..4_000_000_000_i64;
    let checks = prop::collection::vec(any::<String>(), 0..4);
    let flaky = prop::collection::vec("(?s).{1,20}", 0..4);
    ("[0-9a-f]{40}", any::<u64>(), images, metrics, data, branch, second, checks, flaky).prop_map(
        |(commit, release, images, metrics, data, branch, second, checks, flaky)| NewEntry {
            date: jiff::Timestamp::from_second(second).unwrap(),
            branch,
            commit: commit.parse().unwrap(),
            release: Some(release),
            checks,
            images,
            data,
            metrics,
            flaky,
        },
    )
}

proptest! {
    #[test]
    fn what_was_appended_is_read_back(existing in any_ledger(8), entry in any_new_entry()) {
        let existing = existing.as_bytes();
        let before = parse(existing).unwrap();
        let written = append(existing, &entry).unwrap();
        prop_assert!(written.starts_with(existing));
        prop_assert!(written.ends_with(b"\n"));
        let ledger = parse(&written).unwrap();
        let (last, others) = ledger.entries.split_last().unwrap();
        prop_assert_eq!(others.len(), before.entries.len());
        prop_assert_eq!(&last.commit, &entry.commit);
        prop_assert_eq!(last.release, entry.release);
        prop_assert_eq!(last.branch.as_deref(), Some(entry.branch.as_str()));
        prop_assert_eq!(last.metrics(), entry.metrics.clone());
        prop_assert_eq!(last.images(), entry.images.clone());
        prop_assert_eq!(last.data(), entry.data.clone());
        prop_assert_eq!(last.flaky(), entry.flaky.clone());
        let form = before.entries.last().map_or(Form::Plain, |last| last.form);
        prop_assert_eq!(last.form, form);
        prop_assert!(contains_release(&written, &entry.commit, entry.release.unwrap()).unwrap());
    }

    #[test]
    fn what_was_appended_is_carried_forward(
        good in any_ledger(8),
        entries in prop::collection::vec(any_new_entry(), 0..3),
    ) {
        let good = good.as_bytes();
        let head = entries.iter().try_fold(good.to_vec(), |text, entry| append(&text, entry)).unwrap();
        let carried = carry_forward(good, &head).unwrap();
        prop_assert!(carried.starts_with(good));
        let essence = |bytes: &[u8]| -> Vec<_> {
            let ledger = parse(bytes).unwrap();
            ledger.entries.into_iter().map(|e| (e.commit, e.release, e.status, e.fields)).collect()
        };
        prop_assert_eq!(essence(&carried), essence(&head));
    }

    #[test]
    fn a_window_tells_the_truth_or_nothing(text in any_ledger(16), count in 0_usize..6) {
        let text = text.as_bytes();
        let whole = parse(text).unwrap().newest(count);
        for start in (1..text.len()).step_by(31) {
            let window = Window { bytes: &text[start..], start: start as u64 };
            if let WindowAnswer::Known(mut ledger) = read_window(&window, count).unwrap() {
                number_lines(text, &mut ledger);
                prop_assert_eq!(&ledger, &whole, "window from {}", start);
            }
        }
    }

    #[test]
    fn anything_is_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(ledger) = parse(&bytes) {
            prop_assert_eq!(newest_entries_in(&bytes, 3).unwrap(), ledger.newest(3));
            let _ = append(&bytes, &new_entry(sha('a'), 1));
        }
    }
}

#[test]
fn a_window_within_a_block_that_ends_with_it_tells_nothing() {
    for (open, close) in [("<pre>", "</pre>"), ("```", "```")] {
        let samples = [passed('a'), passed('b'), passed('c')].join("\n\n");
        let text = format!("{}\n{open}\nlog\n\n{samples}\n{close}\n", passed('d'));
        let whole = parse(text.as_bytes()).unwrap().newest(1);
        assert_eq!(whole.entries.len(), 1);
        let start = text.find("log").unwrap();
        let window = Window { bytes: &text.as_bytes()[start..], start: start as u64 };
        let answer = read_window(&window, 1).unwrap();
        assert!(matches!(answer, WindowAnswer::NeedsMore), "{open}: {answer:?}");
    }
}

#[test]
fn the_newest_entries_are_the_last_ones_of_the_whole() {
    let entry = "---\n\n## CI/CD Test Execution Log\n\n".to_owned() + &passed('a') + "\n";
    let fenced = format!("{entry}```\nlog\n\n{}```\n\n", passed('b'));
    let titled = format!("{entry}```text\nlog\n\n{}```\n\n", passed('b'));
    let wide = format!("{entry}{}\n", "Prose.\n\n".repeat(2000));
    for sample in [entry.repeat(3000), fenced.repeat(2000), titled.repeat(2000), wide.repeat(80)] {
        let whole = parse(sample.as_bytes()).unwrap().newest(50);
        let mut newest = newest_entries_in(sample.as_bytes(), 50).unwrap();
        number_lines(sample.as_bytes(), &mut newest);
        assert_eq!(newest, whole);
    }
    let conflict = format!("{}<<<<<<< HEAD\n{}", entry.repeat(3000), entry.repeat(3));
    assert_eq!(newest_entries_in(conflict.as_bytes(), 50), parse(conflict.as_bytes()));
}
