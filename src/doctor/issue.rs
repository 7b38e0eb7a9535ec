//! The one issue that tells of errors and warnings until they are gone.

use std::fmt::Write as _;

use super::{Diagnosis, Finding, Severity};
use crate::actions::markdown::{code, inline};
use crate::model::BranchName;

/// The label that the issue is found again by, together with the marker: only people who may
/// triage can set labels, so nobody else can make up such an issue.
pub const LABEL: &str = "tidegate-doctor";

/// So many findings are told; the rest is counted.
const MOST: usize = 40;

/// The longest body that GitHub takes has 65,536 characters.
const LONGEST_BODY: usize = 60_000;

/// The longest text of a finding that is told.
const LONGEST_TEXT: usize = 600;

/// What is added when all is well.
const CLOSED: &str = "\n**Closed by tidegate.** No error and no warning is left.\n";

/// Returns the hidden line that the issue is found again by: one for each protected branch.
pub fn marker(branch: &BranchName) -> String {
    // `--` would end the comment.
    let name = branch.as_str().replace("--", "-%2D").replace('>', "%3E");
    format!("<!-- tidegate:doctor:{name} -->")
}

/// Tells whether a body has the marker, as a line of its own at its beginning.
pub fn is_marked(body: &str, branch: &BranchName) -> bool {
    body.lines().next().is_some_and(|line| line.trim() == marker(branch))
}

/// Returns title and body; `None` where there is no error and no warning.
pub fn text(diagnosis: &Diagnosis, branch: &BranchName) -> Option<(String, String)> {
    let told: Vec<&Finding> =
        diagnosis.findings.iter().filter(|own| own.severity != Severity::Note).collect();
    if told.is_empty() {
        return None;
    }
    let counted = [Severity::Error, Severity::Warning].map(|severity| {
        let count = diagnosis.count(severity);
        (count > 0)
            .then(|| format!("{count} {}{}", severity.word(), if count == 1 { "" } else { "s" }))
    });
    let counted = counted.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let title = format!("A release or a rollback of {branch} may fail: {counted}");
    let mut body = format!("{}\n\n", marker(branch));
    body.push_str("`tidegate doctor` found what a release or a rollback would stumble over.\n");
    for finding in told.iter().take(MOST) {
        let section = section(finding);
        if body.chars().count() + section.chars().count() > LONGEST_BODY {
            break;
        }
        body.push_str(&section);
    }
    if told.len() > MOST {
        let _ = writeln!(body, "\n... and {} more.", told.len() - MOST);
    }
    body.push_str("\nThis issue follows what is found, and is closed when nothing is left.\n");
    Some((title.chars().take(250).collect(), body))
}

fn section(finding: &Finding) -> String {
    let place = finding.place.as_ref().map(|place| match place.line {
        Some(line) => format!("{}: ", code(&format!("{}:{line}", place.file))),
        None => format!("{}: ", code(&place.file)),
    });
    let mut text = format!("\n### {}: {}\n\n", finding.severity.word(), finding.id);
    let said = |text: &str| inline(&text.chars().take(LONGEST_TEXT).collect::<String>());
    let _ = writeln!(text, "{}{}", place.unwrap_or_default(), said(&finding.problem));
    let _ = writeln!(text, "\n- breaks: {}", said(&finding.breaks));
    let _ = writeln!(text, "- mend: {}", said(&finding.mend));
    if finding.fixable {
        text.push_str("- in a clone: `tidegate doctor --fix`\n");
    }
    text
}

/// Returns the body of an issue that is closed, with a word about it.
pub fn closed(body: &str) -> String {
    if body.ends_with(CLOSED) { body.to_owned() } else { format!("{body}{CLOSED}") }
}

/// Tells whether two bodies say the same: GitHub may hand one back with other line ends.
pub fn is_same(left: &str, right: &str) -> bool {
    left.lines().map(str::trim_end).eq(right.lines().map(str::trim_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diagnosis(findings: Vec<Finding>) -> Diagnosis {
        Diagnosis { findings, ..Diagnosis::default() }
    }

    fn finding(severity: Severity, problem: &str) -> Finding {
        Finding::new(severity, "gate-missing", problem, "it breaks", "mend it")
    }

    #[test]
    fn what_others_wrote_calls_nobody_and_hides_nothing() {
        let branch: BranchName = "main".parse().unwrap();
        let evil = finding(Severity::Error, "@octocat <!-- x --> [skip ci] #1 ![x](http://x)");
        let (title, body) = text(&diagnosis(vec![evil]), &branch).unwrap();
        assert_eq!(title, "A release or a rollback of main may fail: 1 error");
        assert!(is_marked(&body, &branch));
        for raw in ["@octocat", "<!-- x", "[skip ci]", "#1", "]("] {
            assert!(!body.contains(raw), "{raw}: {body}");
        }
    }

    #[test]
    fn notes_open_no_issue_and_many_findings_fit() {
        let branch: BranchName = "main".parse().unwrap();
        assert_eq!(text(&diagnosis(vec![finding(Severity::Note, "a note")]), &branch), None);
        let long = "@".repeat(5000);
        let many = vec![finding(Severity::Warning, &long); 100];
        let (_, body) = text(&diagnosis(many), &branch).unwrap();
        assert!(body.chars().count() < 65_000, "{}", body.chars().count());
        assert!(is_same(&body, &body.replace('\n', "\r\n")));
        assert_eq!(closed(&closed(&body)), closed(&body));
    }
}
