//! What was completed and what is pending, line by line.

use std::io;

use crate::apply::Completion;
use crate::output::{Output, clean, good, warn};

/// Shows the steps that changed something, and those that wait for a later run.
pub(in crate::commands) fn show_completion(
    output: &mut Output,
    completion: &Completion,
) -> io::Result<()> {
    for step in &completion.changed {
        output.line(format!("  {} {}", good("done"), clean(step)))?;
    }
    for pending in &completion.pending {
        output.line(format!(
            "  {} {}: {}",
            warn("pending"),
            clean(&pending.step),
            clean(&pending.reason)
        ))?;
    }
    Ok(())
}
