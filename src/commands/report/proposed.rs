//! A rollback that waits in a pull request.

use std::fmt::Write as _;
use std::io;

use serde::Serialize;

use crate::actions::markdown::{code, inline};
use crate::apply::{Proposed, PullState};
use crate::model::BranchName;
use crate::output::{Output, bad, clean};

/// The pull request of a rollback, in words.
#[derive(Debug, Clone, Serialize)]
pub(in crate::commands) struct PullRequestText {
    /// Its number.
    pub(in crate::commands) number: u64,
    /// Its page.
    pub(in crate::commands) url: String,
    /// How far it is.
    pub(in crate::commands) state: PullState,
    /// The branch that has the commit.
    pub(in crate::commands) branch: String,
    /// The commit; `None` where nothing was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) commit: Option<String>,
    /// The commit whose tree is to come back.
    pub(in crate::commands) to: String,
    /// The first line of its message.
    pub(in crate::commands) to_subject: String,
    /// The commit that failed.
    pub(in crate::commands) failed: String,
    /// Paths that are kept as they are.
    pub(in crate::commands) kept: Vec<String>,
}

impl PullRequestText {
    pub(in crate::commands) fn new(proposed: Proposed) -> Self {
        Self {
            number: proposed.number,
            url: proposed.url,
            state: proposed.state,
            branch: proposed.branch.to_string(),
            commit: proposed.commit.map(|commit| commit.to_string()),
            to: proposed.good.to_string(),
            to_subject: proposed.good_subject,
            failed: proposed.failed.to_string(),
            kept: proposed.kept,
        }
    }

    /// Says how far it is.
    pub(super) fn text(&self) -> String {
        let number = self.number;
        match self.state {
            PullState::Opened => format!("pull request #{number} was opened"),
            PullState::Open => format!("pull request #{number} waits to be merged"),
            PullState::Merged => {
                format!("pull request #{number} was merged before, so none was opened again")
            }
            PullState::Declined => format!(
                "a person closed pull request #{number} without merging it, so none was opened again"
            ),
        }
    }
}

/// The first line for people.
pub(super) fn headline(branch: &BranchName, pull: &PullRequestText) -> String {
    format!(
        "{}: it is protected, and {}",
        bad(format!("{branch} is NOT yet restored")),
        clean(&pull.text())
    )
}

/// Shows what the pull request would do.
pub(super) fn show_proposed(
    output: &mut Output,
    branch: &BranchName,
    pull: &PullRequestText,
) -> io::Result<()> {
    if !pull.url.is_empty() {
        output.line(format!("  {}", clean(&pull.url)))?;
    }
    output.line(format!(
        "  merged, it gives {branch} the tree of {} again ({})",
        &pull.to[..7],
        clean(&pull.to_subject)
    ))?;
    if !pull.kept.is_empty() {
        output.line(format!("  kept as they are: {}", clean(&pull.kept.join(", "))))?;
    }
    Ok(())
}

/// Shows the first line and the rest.
pub(in crate::commands) fn show_waiting(
    output: &mut Output,
    branch: &BranchName,
    pull: &PullRequestText,
) -> io::Result<()> {
    output.line(headline(branch, pull))?;
    show_proposed(output, branch, pull)
}

/// The part of the job summary. GitHub makes a link of the number.
pub(super) fn markdown(text: &mut String, branch: &BranchName, pull: &PullRequestText) {
    let _ = writeln!(
        text,
        "\n**{} is not yet restored**: it is protected, and {}. Merged, it gives {0} the tree of {} again: {}. What users see did not change.",
        code(branch.as_str()),
        pull.text(),
        code(&pull.to[..7]),
        inline(&pull.to_subject)
    );
    if !pull.kept.is_empty() {
        let kept: Vec<String> = pull.kept.iter().take(20).map(|path| code(path)).collect();
        let _ = writeln!(text, "\nKept as they are: {}", kept.join(", "));
    }
}
