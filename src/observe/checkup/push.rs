//! Whether the remote takes pushes.

use crate::adapters::git::{Git, GitError};
use crate::doctor::Seen;

/// Asks the remote, and sends it nothing.
pub fn look(git: &Git) -> Seen<Result<(), String>> {
    match git.may_push() {
        Ok(()) => Seen::Known(Ok(())),
        Err(error @ GitError::Unauthorized { .. }) => Seen::Known(Err(error.to_string())),
        Err(error) => Seen::Unknown(error.to_string()),
    }
}
