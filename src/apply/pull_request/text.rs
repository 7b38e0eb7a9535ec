//! What the pull request of a rollback says.

use std::fmt::Write as _;

use super::Proposed;
use crate::actions::markdown::{code, inline};
use crate::actions::skip_markers::neutralise_skip_markers;
use crate::adapters::git::Git;
use crate::plan::RollbackStep;

/// So many kept paths are named.
const PATHS: usize = 20;

/// So many commits are listed.
const COMMITS: usize = 50;

/// So much is shown of a text from outside, in characters: GitHub takes 65,536 for the whole.
const LONGEST: usize = 500;

/// The title. A squash merge makes it the subject of the commit, so it must not skip its checks.
pub(super) fn title(step: &RollbackStep) -> String {
    let (good, failed) = (step.good.short(), step.failed.short());
    let why = if step.by_hand { "by hand" } else { "tests failed" };
    let branch = &step.branch;
    neutralise_skip_markers(&format!("Roll {branch} back from {failed} to {good} ({why})"))
}

/// The text, in Markdown.
pub(super) fn body(git: &Git, step: &RollbackStep, proposed: &Proposed) -> String {
    let branch = code(step.branch.as_str());
    let failed = step.failed.short();
    let subject = |commit| {
        let subject = git.commit(commit).map(|info| info.subject().to_owned()).unwrap_or_default();
        inline(&cut(&subject))
    };
    let mut text = format!(
        "{branch} is protected, so its rollback waits here. **Until this is merged, {branch} still shows what failed.**\n\n"
    );
    let _ = writeln!(text, "- **Reason:** {}", inline(&cut(&step.reason)));
    let _ = writeln!(text, "- **Failed:** {} {}", code(failed), subject(&step.failed));
    let _ = writeln!(
        text,
        "- **Restored:** the tree of {} {}",
        code(step.good.short()),
        subject(&step.good)
    );
    let users = if step.with_stable { "went back to the same commit" } else { "did not change" };
    let _ = writeln!(text, "- **What users get** {users}.");
    if !proposed.kept.is_empty() {
        let mut kept: Vec<String> =
            proposed.kept.iter().take(PATHS).map(|path| code(&cut(path))).collect();
        if proposed.kept.len() > PATHS {
            kept.push(format!("and {} more", proposed.kept.len() - PATHS));
        }
        let _ = writeln!(text, "- **Kept as they are:** {}", kept.join(", "));
    }
    let mut affected = git.range(&step.good, &step.head, COMMITS + 1).unwrap_or_default();
    // The ledger is kept, so what touches only the ledger does not go.
    affected.retain(|commit| {
        git.commit(commit).is_ok_and(|info| match info.parents.as_slice() {
            [parent] => !git.touches_only(parent, commit, &step.ledger).unwrap_or_default(),
            _ => true,
        })
    });
    if !affected.is_empty() {
        text.push_str("\n### Commits whose changes go\n\n");
        for commit in affected.iter().take(COMMITS) {
            let _ = writeln!(text, "- {} {}", code(commit.short()), subject(commit));
        }
        if affected.len() > COMMITS {
            text.push_str("- and more\n");
        }
    }
    let _ = writeln!(
        text,
        "\n### To get the work back\n\nAfter the merge, `tidegate rollback --undo {failed}` brings the changes back on branch `undo-{failed}`, to be mended, tested and merged. Do not merge the old branch again: git takes it for merged and leaves its changes out.\n\n### What to do here\n\nMerge it in any way. Close it where {branch} was mended in another way, or is not to be rolled back: tidegate does not open it again. Where its checks do not start, it was opened with `GITHUB_TOKEN`, for which GitHub starts no workflows: close and reopen it, or let tidegate work as a GitHub App.\n\n<!-- tidegate-rollback: {} -->",
        step.failed
    );
    text
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(LONGEST).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::skip_markers::has_skip_marker;

    #[test]
    fn the_title_skips_no_checks() {
        let step = RollbackStep {
            branch: "main".parse().unwrap(),
            head: "1".repeat(40).parse().unwrap(),
            failed: "2".repeat(40).parse().unwrap(),
            good: "3".repeat(40).parse().unwrap(),
            ledger: "ledger.md".to_owned(),
            keep: Vec::new(),
            reason: "[skip ci]".to_owned(),
            by_hand: false,
            with_stable: false,
        };
        let title = title(&step);
        assert_eq!(title, "Roll main back from 2222222 to 3333333 (tests failed)");
        assert!(!has_skip_marker(&title));
    }
}
