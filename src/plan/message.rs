//! The messages of the commits that tidegate makes.

use std::fmt::Write as _;

use crate::actions::skip_markers::neutralise_skip_markers;
use crate::model::CommitSha;
use crate::state::Record;

/// What the message of a rollback says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackMessage<'a> {
    /// The commit that failed.
    pub failed: &'a CommitSha,
    /// The commit whose tree came back.
    pub good: &'a CommitSha,
    /// Why.
    pub reason: &'a str,
    /// The paths that differ from the good tree.
    pub kept: &'a [String],
    /// Whether a person asked for it.
    pub by_hand: bool,
    /// Whether what users see goes back as well.
    pub with_stable: bool,
}

/// How many kept paths the trailer names; a message is not a place for thousands.
const NAMED: usize = 50;

impl RollbackMessage<'_> {
    /// Writes the message. Its own `[skip ci]` is the only skip marker in it.
    pub fn text(&self) -> String {
        let reason = sentence(&neutralise_skip_markers(&one_line(self.reason)));
        let (failed, good) = (self.failed.short(), self.good.short());
        let mut text = if self.by_hand {
            format!(
                "⏪ Rollback by hand: reverting to {good} [skip ci]\n\nReason: {reason}\nAction: Reverted to a state that was chosen by a person\n"
            )
        } else {
            format!(
                "⚠️ Auto-rollback: Tests failed, reverting to last successful build {good} [skip ci]\n\nReason: {reason} on commit {failed}\nAction: Automatically reverted to last known good state\n"
            )
        };
        text.push_str(if self.with_stable {
            "Status: Stable goes back to the same commit\n\n"
        } else {
            "Status: Streamlit deployment unaffected (using :stable tag)\n\n"
        });
        let _ = writeln!(text, "Tidegate-Rollback-From: {}", self.failed);
        let _ = writeln!(text, "Tidegate-Rollback-To: {}", self.good);
        if !self.kept.is_empty() {
            let mut named: Vec<String> = self
                .kept
                .iter()
                .take(NAMED)
                .map(|path| neutralise_skip_markers(&one_line(path)))
                .collect();
            if self.kept.len() > NAMED {
                named.push(format!("and {} more", self.kept.len() - NAMED));
            }
            let _ = writeln!(text, "Tidegate-Kept: {}", named.join(", "));
        }
        text
    }
}

/// Returns the message of the commit that adds a ledger entry.
pub fn ledger_message(record: &Record) -> String {
    format!(
        "📝 Record release {} ({}) in the ledger [skip ci]\n\nTidegate-Release: {}\n",
        record.number,
        record.commit.short(),
        record.number
    )
}

/// Returns the message of the commit that moves `stable` where it cannot be a fast-forward.
pub fn stable_message(commit: &CommitSha, release: u64) -> String {
    format!(
        "Release {release}: the tree of {}\n\nTidegate-Stable: {commit}\nTidegate-Release: {release}\n",
        commit.short()
    )
}

/// Begins with a capital letter.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// Control characters would let a path or a reason add trailers of its own.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha(digit: char) -> CommitSha {
        digit.to_string().repeat(40).parse().unwrap()
    }

    #[test]
    fn the_message_is_that_of_the_issue() {
        let (failed, good) = (sha('d'), sha('6'));
        let kept = vec!["docs/ML_EXPERIMENT_RESULTS.md".to_owned()];
        let text = RollbackMessage {
            failed: &failed,
            good: &good,
            reason: "Integration tests failed",
            kept: &kept,
            by_hand: false,
            with_stable: false,
        }
        .text();
        assert_eq!(
            text,
            format!(
                "⚠️ Auto-rollback: Tests failed, reverting to last successful build 6666666 [skip ci]\n\n\
                 Reason: Integration tests failed on commit ddddddd\n\
                 Action: Automatically reverted to last known good state\n\
                 Status: Streamlit deployment unaffected (using :stable tag)\n\n\
                 Tidegate-Rollback-From: {failed}\nTidegate-Rollback-To: {good}\n\
                 Tidegate-Kept: docs/ML_EXPERIMENT_RESULTS.md\n"
            )
        );
    }

    #[test]
    fn a_hostile_path_adds_no_trailer() {
        let (failed, good) = (sha('d'), sha('6'));
        let kept = vec!["a\nTidegate-Rollback-To: 0".to_owned()];
        let text = RollbackMessage {
            failed: &failed,
            good: &good,
            reason: "x",
            kept: &kept,
            by_hand: true,
            with_stable: false,
        }
        .text();
        assert_eq!(text.lines().filter(|l| l.starts_with("Tidegate-Rollback-To:")).count(), 1);
    }
}
