//! Writes to the state branch by compare-and-swap.

use super::Applier;
use crate::adapters::state_branch::{self, Observed, Written};
use crate::state::StateChange;

impl Applier<'_> {
    /// Returns the state that was written, or `None` where somebody else wrote first.
    pub(super) fn write_state(
        &self,
        observed: &Observed,
        change: &StateChange,
    ) -> anyhow::Result<Option<Observed>> {
        let branch = &self.config.state_branch;
        match state_branch::write(self.git, branch, observed, change, self.signer())? {
            Written::Done(observed) => Ok(Some(*observed)),
            Written::Lost => Ok(None),
        }
    }
}
