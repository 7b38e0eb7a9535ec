//! No commit of the protected branch keeps the gate from running unnoticed.

use super::{Answer, Checkup, CommitSeen, Finding, Seen, Severity};
use crate::actions::skip_markers::has_skip_marker;

pub(super) fn check(checkup: &Checkup, answer: &mut Answer) {
    let commits = match &checkup.commits {
        Seen::Known(commits) => commits,
        Seen::Unknown(why) => return answer.cannot("the newest commit messages", why),
    };
    for commit in commits.iter().filter(|commit| !commit.own) {
        if has_skip_marker(&commit.message) {
            answer.find(finding(commit));
        }
    }
}

fn finding(commit: &CommitSeen) -> Finding {
    let subject = commit.message.lines().next().unwrap_or_default();
    let named = format!("{} ({})", commit.commit.short(), shortened(subject));
    // In the subject somebody has meant it; below, it came along with a quotation or a squash.
    if has_skip_marker(subject) {
        return Finding::new(
            Severity::Note,
            "skip-marker",
            format!("commit {named} skips its workflows by its subject"),
            "no gate looks at it: it goes out with the next commit that passes",
            "leave the marker out where a change is to be tested",
        );
    }
    Finding::new(
        Severity::Warning,
        "skip-marker-hidden",
        format!("commit {named} has a skip marker in its message, and not in its subject"),
        "GitHub starts no workflow for a push that ends with it: no gate has looked at it, and nobody may have noticed",
        "push another commit on top; write quoted markers with other brackets, `(skip ci)`, and see what squash merges put into messages",
    )
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}
