use std::os::unix::fs::symlink;

use super::*;
use crate::evidence::reports::{FailedTest, ReportsOutcome};

fn read_text(text: &str) -> Result<Report, InconclusiveReport> {
    parse("junit.xml", text.as_bytes(), None, None, &BTreeSet::new())
}

fn reason(text: &str) -> (Option<u64>, ReportProblem) {
    let inconclusive = read_text(text).unwrap_err();
    (inconclusive.line, inconclusive.reason)
}

const PASSING: &str = "<testsuite><testcase name=\"a\"/></testsuite>";

const PYTEST: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1" timestamp="2026-11-21T10:00:00.123456+00:00" hostname="x">
<testcase classname="tests.test_app" name="test_ok" time="0.001" />
<testcase classname="tests.test_app" name="test_bad[&lt;a&gt;]" time="0.001"><failure message="assert 1 == 2&#10;more">def test():
&gt; assert 1 == 2</failure></testcase>
<testcase classname="tests.test_app" name="test_skip"><skipped type="pytest.skip" message="no">x</skipped></testcase>
<testcase classname="" name="tests.test_broken"><error message="collection failure"><![CDATA[E   ImportError]]></error></testcase>
</testsuite></testsuites>"#;

#[test]
fn a_report_of_pytest() {
    let report = read_text(PYTEST).unwrap();
    assert_eq!((report.tests, report.failed, report.errors, report.skipped), (4, 1, 1, 1));
    assert_eq!(
        report.failures,
        [
            FailedTest {
                class: "tests.test_app".into(),
                name: "test_bad[<a>]".into(),
                message: "assert 1 == 2 more".into()
            },
            FailedTest {
                class: String::new(),
                name: "tests.test_broken".into(),
                message: "collection failure".into()
            },
        ]
    );
}

#[test]
fn a_bare_suite_with_a_byte_order_mark_and_nested_suites() {
    let nested = "\u{feff}<testsuite><testsuite><testcase name='a'/></testsuite>\
                  <testcase name='b'/></testsuite>";
    assert_eq!(read_text(nested).unwrap().tests, 2);
    let prefixed = "<j:testsuite xmlns:j='x'><j:testcase name='a'><j:failure/></j:testcase>\
                    </j:testsuite>";
    assert_eq!(read_text(prefixed).unwrap().failed, 1);
}

#[test]
fn a_test_that_passed_when_it_was_run_again_did_not_fail() {
    let flaky = "<testsuite failures='0'><testcase name='a'><flakyFailure message='x'>\
                 <stackTrace>t</stackTrace></flakyFailure><flakyError/></testcase>\
                 <testcase name='b'><rerun message='x'/></testcase></testsuite>";
    let report = read_text(flaky).unwrap();
    assert_eq!((report.tests, report.failed, report.errors), (2, 0, 0));
    let failed_again = "<testsuite><testcase name='a'><failure type='AssertionError'/>\
                        <rerunFailure/><error/></testcase></testsuite>";
    let report = read_text(failed_again).unwrap();
    assert_eq!((report.tests, report.failed, report.errors), (1, 1, 0));
    assert_eq!(report.failures[0].message, "AssertionError");
}

#[test]
fn words_in_outputs_are_no_elements() {
    let printed = "<testsuite><testcase name='a'><system-out>&lt;failure/&gt; \
                   <![CDATA[<failure/>]]></system-out></testcase><!-- <failure/> --></testsuite>";
    assert_eq!(read_text(printed).unwrap().failed, 0);
}

#[test]
fn a_failed_set_up_of_a_suite_is_a_failure() {
    let report = read_text("<testsuite name='s'><error message='no database'/></testsuite>");
    assert_eq!(report.unwrap().errors, 1);
}

#[test]
fn text_of_a_failure_without_a_message() {
    let text = "<testsuite><testcase name='a'><failure>one\u{1b}[31m &amp; <![CDATA[two]]>\
                </failure></testcase></testsuite>";
    let message = read_text(text).unwrap().failures.remove(0).message;
    assert_eq!(message, "one\u{fffd}[31m & two");
}

#[test]
fn what_cannot_be_read_is_named_by_its_line() {
    let (line, problem) = reason(&PYTEST[..PYTEST.len() - 40]);
    assert!(matches!(problem, ReportProblem::Truncated { .. }), "{problem}");
    assert_eq!(line, Some(7));
    for (text, expected_line) in [
        ("", 1),
        ("\n\nhello", 3),
        ("<testsuite>\n<testcase name='a'>\n</testsuite>", 3),
        ("<testsuite>\n<testcase name='a' name='b'/></testsuite>", 2),
        ("<testsuite><testcase name='a'/></testsuite>\n<testsuite/>", 2),
        ("<testsuite>\n&evil;</testsuite>", 2),
        ("<testsuite>\n<testcase name='&evil;'/></testsuite>", 2),
        ("<testsuite><testcase><testcase/></testcase></testsuite>", 1),
    ] {
        let (line, problem) = reason(text);
        assert!(matches!(problem, ReportProblem::NotXml { .. }), "{text}: {problem:?}");
        assert_eq!(line, Some(expected_line), "{text}: {problem}");
    }
}

#[test]
fn every_truncation_of_a_report_is_inconclusive() {
    for end in 0..PYTEST.len() {
        assert!(read_text(&PYTEST[..end]).is_err(), "{end}");
    }
}

#[test]
fn other_documents_prove_nothing() {
    assert!(matches!(reason("<html></html>").1, ReportProblem::NotAReport { .. }));
    assert!(matches!(reason("<testsuites/>").1, ReportProblem::NoTests));
    assert!(matches!(reason("<testsuite tests='0'></testsuite>").1, ReportProblem::NoTests));
    let counted = reason("<testsuite failures='2'><testcase name='a'/></testsuite>").1;
    assert_eq!(counted, ReportProblem::CountsDisagree { counted: 2 });
    let by_root = "<testsuites errors='1'><testsuite><testcase name='a'/></testsuite></testsuites>";
    assert_eq!(reason(by_root).1, ReportProblem::CountsDisagree { counted: 1 });
}

#[test]
fn encodings() {
    let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><testsuite/>".to_vec();
    let utf16 = b"\xff\xfe<\0t\0".to_vec();
    let broken = b"<testsuite>\n<testcase name='\xe9'/></testsuite>".to_vec();
    for (bytes, line) in [(latin, 1), (utf16, 1), (broken, 2)] {
        let inconclusive = parse("x", &bytes, None, None, &BTreeSet::new()).unwrap_err();
        assert!(matches!(inconclusive.reason, ReportProblem::NotUtf8 { .. }), "{inconclusive}");
        assert_eq!(inconclusive.line, Some(line));
    }
}

#[test]
fn entities_are_never_expanded() {
    let mut laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\">".to_owned();
    for level in 1..10 {
        let previous = if level == 1 { "lol".to_owned() } else { format!("lol{}", level - 1) };
        let references = format!("&{previous};").repeat(10);
        laughs.extend(["<!ENTITY lol", &level.to_string(), " \"", &references, "\">"]);
    }
    laughs.push_str("]><testsuite><testcase name=\"&lol9;\"/></testsuite>");
    assert_eq!(reason(&laughs).1, ReportProblem::DocumentType);
    let external = "<!DOCTYPE x SYSTEM \"file:///etc/passwd\"><testsuite/>";
    assert_eq!(reason(external).1, ReportProblem::DocumentType);
}

#[test]
fn huge_depth_and_huge_names() {
    let deep = format!("<testsuite>{}", "<a>".repeat(1_000_000));
    assert_eq!(reason(&deep).1, ReportProblem::TooDeep { limit: MAX_DEPTH });
    let name = "n".repeat(1_000_000);
    let text = format!(
        "<testsuite><testcase classname='{name}' name='a\u{202e}&#10;b'><failure message='{name}'/>\
         </testcase></testsuite>"
    );
    let failed = read_text(&text).unwrap().failures.remove(0);
    assert_eq!((failed.class.len(), failed.message.len()), (200, 500));
    assert_eq!(failed.name, "a\u{fffd} b");
}

#[test]
fn thousands_of_failures_are_counted_and_not_all_kept() {
    let case = "<testcase name='a'><failure/></testcase>";
    let report = read_text(&format!("<testsuite>{}</testsuite>", case.repeat(5000))).unwrap();
    assert_eq!((report.failed, report.failures.len()), (5000, Report::MAX_LISTED));
}

#[test]
fn a_report_of_an_earlier_attempt_is_inconclusive() {
    let began: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
    let hour = SignedDuration::from_hours(1);
    let suite = |timestamp: &str| {
        format!("<testsuite timestamp='{timestamp}'><testcase name='a'/></testsuite>")
    };
    for (text, written, is_stale) in [
        (PASSING.to_owned(), began + hour, false),
        (PASSING.to_owned(), began - SignedDuration::from_millis(900), false),
        (PASSING.to_owned(), began - hour, true),
        // A download gives old reports a new file time.
        (suite("2026-11-21T11:00:00Z"), began + hour, true),
        (suite("2026-11-21T14:30:00+02:00"), began + hour, false),
        // Without a zone it may have been written an hour ago in Hawaii.
        (suite("2026-11-21T03:00:00"), began + hour, false),
        (suite("2026-11-20T23:00:00"), began + hour, true),
        (suite("yesterday"), began + hour, false),
    ] {
        let read = parse("x", text.as_bytes(), Some(written), Some(began), &BTreeSet::new());
        assert_eq!(read.is_err(), is_stale, "{text} {written}: {read:?}");
        assert!(parse("x", text.as_bytes(), Some(written), None, &BTreeSet::new()).is_ok());
    }
}

/// A work tree with a few reports.
fn work_tree() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir_all(tree.join("reports/deep/er")).unwrap();
    fs::create_dir_all(folder.path().join("outside")).unwrap();
    fs::write(tree.join("reports/junit-a.xml"), PASSING).unwrap();
    fs::write(tree.join("reports/deep/er/junit-b.xml"), PYTEST).unwrap();
    fs::write(tree.join("reports/notes.txt"), "hello").unwrap();
    fs::write(folder.path().join("outside/junit.xml"), PASSING).unwrap();
    folder
}

fn collected(folder: &tempfile::TempDir, patterns: &[&str]) -> ReportEvidence {
    let wanted: Vec<Wanted<'_>> = patterns.iter().map(|&pattern| at_any_time(pattern)).collect();
    collect(&folder.path().join("tree"), &wanted, &BTreeSet::new()).unwrap()
}

fn at_any_time(pattern: &str) -> Wanted<'_> {
    Wanted { pattern, began: None }
}

fn read_paths(evidence: &ReportEvidence) -> Vec<&str> {
    evidence.reports.iter().map(|report| report.path.as_str()).collect()
}

#[test]
fn patterns_find_reports_once() {
    let folder = work_tree();
    let one = collected(&folder, &["reports/junit*.xml"]);
    assert_eq!(read_paths(&one), ["reports/junit-a.xml"]);
    assert_eq!(one.outcome(), ReportsOutcome::Passed);
    let all = collected(&folder, &["**/junit-*.xml", "reports/**/*.xml"]);
    assert_eq!(read_paths(&all), ["reports/deep/er/junit-b.xml", "reports/junit-a.xml"]);
    assert_eq!(all.outcome(), ReportsOutcome::Failed);
    assert_eq!(collected(&folder, &[]).outcome(), ReportsOutcome::NothingRequired);
}

#[test]
fn a_pattern_without_a_report_is_missing_evidence() {
    let folder = work_tree();
    for pattern in ["reports/other*.xml", "none/junit.xml", "junit-a.xml"] {
        let evidence = collected(&folder, &["reports/junit-a.xml", pattern]);
        assert_eq!(evidence.outcome(), ReportsOutcome::Missing);
        assert_eq!(evidence.inconclusive[0].reason, ReportProblem::NoMatch);
        assert_eq!(evidence.inconclusive[0].path, pattern);
    }
}

#[test]
fn a_failure_outweighs_a_report_that_is_missing() {
    let folder = work_tree();
    let evidence = collected(&folder, &["reports/**/junit-b.xml", "none*.xml"]);
    assert_eq!(evidence.outcome(), ReportsOutcome::Failed);
}

#[test]
fn links_are_not_followed() {
    let folder = work_tree();
    let tree = folder.path().join("tree");
    symlink(folder.path().join("outside"), tree.join("linked")).unwrap();
    symlink(folder.path().join("outside/junit.xml"), tree.join("reports/junit-link.xml")).unwrap();
    let behind = collected(&folder, &["linked/junit.xml"]);
    assert_eq!(behind.inconclusive[0].reason, ReportProblem::NoMatch);
    let direct = collected(&folder, &["reports/junit-link.xml"]);
    assert_eq!(direct.inconclusive[0].reason, ReportProblem::NotAFile);
    assert_eq!(read_paths(&collected(&folder, &["**/junit.xml"])), [""; 0]);
    let outside = [at_any_time("../outside/junit.xml")];
    assert!(collect(&tree, &outside, &BTreeSet::new()).is_err());
}

#[test]
fn a_folder_and_a_huge_file_are_no_reports() {
    let folder = work_tree();
    let tree = folder.path().join("tree");
    fs::create_dir(tree.join("junit-folder.xml")).unwrap();
    File::create(tree.join("huge.xml")).unwrap().set_len(MAX_FILE + 1).unwrap();
    assert_eq!(
        collected(&folder, &["junit-f*.xml"]).inconclusive[0].reason,
        ReportProblem::NoMatch
    );
    let huge = collected(&folder, &["huge.xml"]);
    assert_eq!(huge.inconclusive[0].reason, ReportProblem::TooLarge { limit: MAX_FILE });
}

#[test]
fn reports_in_which_everything_was_skipped_prove_nothing() {
    let folder = work_tree();
    let skipped = "<testsuite><testcase name='a'><skipped/></testcase></testsuite>";
    fs::write(folder.path().join("tree/skipped.xml"), skipped).unwrap();
    assert_eq!(collected(&folder, &["skipped.xml"]).outcome(), ReportsOutcome::Missing);
    let both = collected(&folder, &["skipped.xml", "reports/junit-a.xml"]);
    assert_eq!(both.outcome(), ReportsOutcome::Passed);
}

#[test]
fn a_report_must_be_as_new_as_each_pattern_says() {
    let folder = work_tree();
    let tree = folder.path().join("tree");
    let later = Timestamp::now().checked_add(SignedDuration::from_hours(1)).unwrap();
    let wanted = [
        Wanted { pattern: "reports/junit-a.xml", began: Some(later) },
        at_any_time("reports/*.xml"),
    ];
    let evidence = collect(&tree, &wanted, &BTreeSet::new()).unwrap();
    assert_eq!(read_paths(&evidence), [""; 0]);
    assert!(matches!(evidence.inconclusive[0].reason, ReportProblem::Stale { .. }));
    assert_eq!(evidence.outcome(), ReportsOutcome::Missing);
}

#[test]
fn only_tests_that_failed_before_and_pass_now_are_named() {
    let names = ["tests.test_app::test_ok", "tests.test_app::test_skip", "tests.test_app::gone"];
    let mut failed_before: BTreeSet<String> = names.map(str::to_owned).into();
    failed_before.insert("tests.test_app::test_bad[<a>]".to_owned());
    let report = parse("x", PYTEST.as_bytes(), None, None, &failed_before).unwrap();
    // Skipped, absent and failed again: none of them has passed.
    assert_eq!(report.passed_again, [names[0].to_owned()].into());
}
