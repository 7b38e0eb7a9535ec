use std::collections::BTreeMap;
use std::fs;

use super::*;

/// Reads an output file as the runner does: `name=value`, or `name<<delimiter`, lines, delimiter.
fn as_the_runner_reads(text: &str) -> BTreeMap<String, String> {
    let mut outputs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some((name, delimiter)) = line.split_once("<<") {
            let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            outputs.insert(name.to_owned(), value.join("\n"));
        } else if let Some((name, value)) = line.split_once('=') {
            outputs.insert(name.to_owned(), value.to_owned());
        }
    }
    outputs
}

#[test]
fn outputs_arrive_and_add_to_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    fs::write(&path, "earlier=1").unwrap();
    append_outputs(&path, &[("verdict", "promote"), ("note", "a\nb")]).unwrap();
    append_outputs(&path, &[("commit", "")]).unwrap();
    let outputs = as_the_runner_reads(&fs::read_to_string(&path).unwrap());
    let expected = [("commit", ""), ("earlier", "1"), ("note", "a\nb"), ("verdict", "promote")];
    assert_eq!(outputs, expected.map(|(n, v)| (n.to_owned(), v.to_owned())).into());
}

#[test]
fn a_value_cannot_smuggle_in_another_output() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    for hostile in ["x\nEOF\nverdict=promote", "x\nverdict<<EOF\npromote\nEOF\n", "%0Averdict=x"] {
        let _ = fs::remove_file(&path);
        append_outputs(&path, &[("reason", hostile)]).unwrap();
        let outputs = as_the_runner_reads(&fs::read_to_string(&path).unwrap());
        assert_eq!(outputs.keys().collect::<Vec<_>>(), ["reason"], "{hostile}");
    }
}

#[test]
fn delimiters_are_random_and_refused_in_values() {
    let (first, second) = (delimiter().unwrap(), delimiter().unwrap());
    assert_ne!(first, second);
    let hostile = format!("x\n{first}\nverdict=promote");
    let error = render_output("reason", &hostile, &first).unwrap_err();
    assert!(matches!(error, StepFileError::Delimiter { .. }), "{error}");
}

#[test]
fn names_that_break_the_form_are_refused_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    for name in ["", "a b", "a=b", "a\nb", "a<<b", "-a", "1a", "ä", &"a".repeat(101)] {
        let error = append_outputs(&path, &[("good", "1"), (name, "x")]).unwrap_err();
        assert!(matches!(error, StepFileError::Name { .. }), "{error}");
    }
    assert!(!path.exists());
}

#[test]
fn outputs_beyond_githubs_limit_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("output");
    let large = "x".repeat(MAX_OUTPUTS / 2);
    let error = append_outputs(&path, &[("small", "1"), ("plan", &large)]).unwrap_err();
    assert!(error.to_string().contains("\"plan\""), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_summary_stays_within_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("summary");
    assert_eq!(append_summary(&path, "# One\n").unwrap(), SummaryWritten::Whole);
    let long = "ä row of a table\n".repeat(100_000);
    assert_eq!(append_summary(&path, &long).unwrap(), SummaryWritten::Truncated);
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.len() <= MAX_SUMMARY && written.len() > MAX_SUMMARY - 100);
    assert!(written.starts_with("# One\nä row") && written.ends_with(TRUNCATED));
    assert!(written.contains(&format!("table\n{TRUNCATED}")), "a line was cut");
    assert_eq!(append_summary(&path, &long).unwrap(), SummaryWritten::Nothing);
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
}

#[test]
fn a_single_long_line_is_cut_between_characters() {
    for room in TRUNCATED.len()..TRUNCATED.len() + 8 {
        let text = truncate("€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€€", room).unwrap();
        assert!(text.len() <= room);
    }
    assert_eq!(truncate("0123456789", 5), None);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let error = append_summary(Path::new("/nonexistent/summary"), "x").unwrap_err();
    assert!(error.to_string().contains("/nonexistent/summary"), "{error}");
}
