//! The newest commits of the protected branch, with their messages.

use crate::adapters::git::{CommitInfo, Git, GitError};
use crate::doctor::CommitSeen;
use crate::model::CommitSha;

/// So many are looked at. What is older was built upon by commits that a gate has seen.
const LOOKED_AT: usize = 30;

/// The trailers of commits that tidegate makes.
const TRAILERS: [&str; 2] = ["Tidegate-Release", "Tidegate-Rollback-To"];

/// Reads them, newest first.
///
/// # Errors
/// History cannot be read.
pub fn read(git: &Git, head: &CommitSha, ledger: &str) -> Result<Vec<CommitSeen>, GitError> {
    let mut seen = Vec::new();
    for commit in git.first_parents(None, head, LOOKED_AT)? {
        let info = git.commit(&commit)?;
        let own = TRAILERS.iter().any(|key| info.trailer(key).is_some())
            || only_ledger(git, &info, ledger)?;
        seen.push(CommitSeen { commit, message: info.message, own });
    }
    Ok(seen)
}

/// Whether it only adds to the ledger: whoever made it, there is nothing to test.
fn only_ledger(git: &Git, info: &CommitInfo, ledger: &str) -> Result<bool, GitError> {
    match info.parents.as_slice() {
        [parent] if git.has_commit(parent) => git.touches_only(parent, &info.sha, ledger),
        _ => Ok(false),
    }
}
