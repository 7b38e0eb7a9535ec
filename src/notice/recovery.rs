//! How developers get their work back after a rollback.

use crate::model::BranchName;

/// Returns what to type, line by line, after `failed` was rolled back.
///
/// git takes the rolled-back commits for merged: a `pull --rebase`, or merging the mended branch
/// again, would leave their changes out in silence.
pub fn recovery(failed: &str, branch: &BranchName) -> Vec<String> {
    let short = failed.get(..7).unwrap_or(failed);
    vec![
        format!("git fetch origin && git switch {branch} && git merge --ff-only origin/{branch}"),
        format!(
            "tidegate rollback --undo {short}    # its changes come back on branch undo-{short}"
        ),
        format!("git fetch origin && git switch undo-{short}    # mend, test, merge into {branch}"),
        format!(
            "Do not `git pull --rebase` or merge the old branch again: git takes {short} for merged and leaves its changes out."
        ),
    ]
}
