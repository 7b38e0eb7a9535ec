//! The issue on GitHub that tells of a rollback.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Document, Part};
use crate::actions::markdown::{code, inline};
use crate::model::{BranchName, CommitSha};
use crate::state::Notice;

/// The label that an issue is found again by, together with the marker: only people who may
/// triage can set labels, so nobody else can make up such an issue.
pub const LABEL: &str = "tidegate";

/// The longest body that GitHub takes has 65,536 characters.
const LONGEST_BODY: usize = 60_000;

/// The longest title that GitHub takes has 256 characters.
const LONGEST_TITLE: usize = 250;

/// Returns the hidden line that an issue is found again by: one for each protected branch and each
/// release set, which is told by its state branch where that is not the usual one.
pub fn marker(branch: &BranchName, state: &BranchName) -> String {
    // `--` would end the comment.
    let name = |branch: &BranchName| branch.as_str().replace("--", "-%2D").replace('>', "%3E");
    let set = match state.as_str() {
        "tidegate" => String::new(),
        _ => format!(":{}", name(state)),
    };
    format!("<!-- tidegate:rollback:{}{set} -->", name(branch))
}

/// Tells whether a body has the marker, as a line of its own at its beginning.
pub fn is_marked(body: &str, branch: &BranchName, state: &BranchName) -> bool {
    body.lines().next().is_some_and(|line| line.trim() == marker(branch, state))
}

/// Returns the title.
pub fn title(notice: &Notice) -> String {
    Document::of(notice).headline.chars().take(LONGEST_TITLE).collect()
}

/// Returns the body. `state` is the state branch; `logins` has the people to mention, by commit; `earlier` the rollbacks that
/// the same issue told of before, newest first.
pub fn body(
    notice: &Notice,
    state: &BranchName,
    logins: &BTreeMap<CommitSha, String>,
    earlier: &[&Notice],
) -> String {
    let document = Document::of(notice);
    let mut text = format!("{}\n\n", marker(&notice.branch, state));
    let _ = writeln!(text, "{}", line(&document.lead, logins));
    for section in &document.sections {
        let _ = writeln!(text, "\n### {}\n", section.title);
        if section.is_code {
            text.push_str("```sh\n");
        }
        for parts in &section.lines {
            if section.is_code {
                let _ = writeln!(text, "{}", code_line(parts));
            } else {
                let _ = writeln!(text, "- {}", line(parts, logins));
            }
        }
        if section.is_code {
            text.push_str("```\n");
        }
    }
    if !earlier.is_empty() {
        text.push_str("\n### Before that\n\n");
        for notice in earlier.iter().take(super::MOST) {
            let _ =
                writeln!(text, "- {}: {}", notice.created, inline(&Document::of(notice).headline));
        }
    }
    text.push_str("\nThe promotion that supersedes it closes this issue.\n");
    if text.chars().count() > LONGEST_BODY {
        text = text.chars().take(LONGEST_BODY).collect();
    }
    text
}

/// Returns the body with the promotion that closed the issue.
pub fn closed(body: &str, promotion: &Notice) -> String {
    let headline = inline(&Document::of(promotion).headline);
    let line = format!("\n**Closed by tidegate.** {headline}\n");
    if body.contains(&line) { body.to_owned() } else { format!("{body}{line}") }
}

fn line(parts: &[Part], logins: &BTreeMap<CommitSha, String>) -> String {
    let mut line = String::new();
    for part in parts {
        match part {
            Part::Own(text) => line.push_str(text),
            Part::Said(text) => line.push_str(&inline(text)),
            Part::Code(text) => line.push_str(&code(text)),
            Part::Author { name, commit } => {
                line.push_str(&inline(name));
                if let Some(login) = logins.get(commit).filter(|login| is_login(login)) {
                    let _ = write!(line, ", @{login}");
                }
            }
            Part::Link { label, url } => {
                let _ = write!(line, "[{}]({})", inline(label), url);
            }
        }
    }
    line
}

/// Only our own words stand in sections of code.
fn code_line(parts: &[Part]) -> String {
    let words = parts.iter().map(|part| match part {
        Part::Own(text) | Part::Code(text) => text.as_str(),
        Part::Said(_) | Part::Author { .. } | Part::Link { .. } => "",
    });
    let line: String = words.collect();
    if line.starts_with("Do not") { format!("# {line}") } else { line }
}

/// The form of logins, with the `[bot]` of Apps left out: nobody needs to call those.
fn is_login(text: &str) -> bool {
    (1..=39).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
