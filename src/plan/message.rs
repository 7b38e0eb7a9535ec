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
    /// Whether it goes straight to the branch: then no run starts for it. The commit of a pull
    /// request has to be checked like any other.
    pub skip_ci: bool,
}

/// How many kept paths the trailer names; a message is not a place for thousands.
const NAMED: usize = 50;

impl RollbackMessage<'_> {
    /// Writes the message. Its own `[skip ci]`, where it has one, is the only skip marker in it.
    pub fn text(&self) -> String {
        let reason = sentence(&neutralise_skip_markers(&one_line(self.reason)));
        let (failed, good) = (self.failed.short(), self.good.short());
        let skip = if self.skip_ci { " [skip ci]" } else { "" };
        let mut text = if self.by_hand {
            format!(
                "⏪ Rollback by hand: reverting to {good}{skip}\n\nReason: {reason}\nAction: Reverted to a state that was chosen by a person\n"
            )
        } else {
            format!(
                "⚠️ Auto-rollback: Tests failed, reverting to last successful build {good}{skip}\n\nReason: {reason} on commit {failed}\nAction: Automatically reverted to last known good state\n"
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
            let _ = writeln!(text, "{}", kept_trailer(self.kept));
        }
        text
    }
}

/// Returns the trailer that names kept paths.
fn kept_trailer(kept: &[String]) -> String {
    let mut named: Vec<String> =
        kept.iter().take(NAMED).map(|path| neutralise_skip_markers(&one_line(path))).collect();
    if kept.len() > NAMED {
        named.push(format!("and {} more", kept.len() - NAMED));
    }
    format!("Tidegate-Kept: {}", named.join(", "))
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

/// Returns the message of the commit that moves `stable` where it cannot be a fast-forward, with
/// the paths that the branch keeps as they are.
pub fn stable_message(commit: &CommitSha, release: u64, kept: &[String]) -> String {
    let mut text = format!(
        "Release {release}: the tree of {}\n\nTidegate-Stable: {commit}\nTidegate-Release: {release}\n",
        commit.short()
    );
    if !kept.is_empty() {
        let _ = writeln!(text, "{}", kept_trailer(kept));
    }
    text
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
            skip_ci: true,
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
    fn the_commit_of_a_pull_request_has_no_skip_marker() {
        let (failed, good) = (sha('d'), sha('6'));
        let kept = vec!["[skip ci].yml".to_owned()];
        for by_hand in [false, true] {
            let reason = "said [ci skip]\n\nskip-checks: true";
            let message = RollbackMessage {
                failed: &failed,
                good: &good,
                reason,
                kept: &kept,
                by_hand,
                with_stable: false,
                skip_ci: false,
            };
            let text = message.text();
            assert!(!crate::actions::skip_markers::has_skip_marker(&text), "{text}");
            assert!(text.contains(&format!("Tidegate-Rollback-From: {failed}")), "{text}");
        }
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
            skip_ci: true,
        }
        .text();
        assert_eq!(text.lines().filter(|l| l.starts_with("Tidegate-Rollback-To:")).count(), 1);
    }
}
