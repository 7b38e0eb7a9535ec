//! The remote's branches and the state branch, read together.

use anyhow::Context as _;

use crate::adapters::git::{Git, RemoteRefs};
use crate::adapters::state_branch::{self, Observed};
use crate::config::Config;
use crate::model::CommitSha;

/// The remote as it was observed.
#[derive(Debug, Clone)]
pub struct World {
    /// What the remote's branches and tags point at.
    pub refs: RemoteRefs,
    /// The state branch.
    pub state: Observed,
}

impl World {
    /// Fetches the branches that decisions need, and reads the state.
    pub fn fetch(git: &Git, config: &Config) -> anyhow::Result<Self> {
        let mut branches = vec![&config.branch, &config.stable_branch, &config.state_branch];
        if config.ledger_branch() != &config.branch {
            branches.push(config.ledger_branch());
        }
        let refs = git.fetch(&branches)?;
        let state = state_branch::read(git, refs.branch(&config.state_branch))?;
        Ok(Self { refs, state })
    }

    /// Reads what the last fetch left in this clone, without any network.
    pub fn offline(git: &Git, config: &Config) -> anyhow::Result<Self> {
        let mut branches = vec![&config.branch, &config.stable_branch, &config.state_branch];
        branches.push(config.ledger_branch());
        let refs: RemoteRefs = branches
            .into_iter()
            .filter_map(|branch| Some((branch.full_ref(), git.tracked(branch)?)))
            .collect();
        let state = state_branch::read(git, refs.branch(&config.state_branch))?;
        Ok(Self { refs, state })
    }

    /// Returns the head of the protected branch.
    pub fn head(&self, config: &Config) -> anyhow::Result<&CommitSha> {
        self.refs.branch(&config.branch).with_context(|| {
            format!(
                "the remote has no branch {}; set `branch` in .github/tidegate.yml",
                config.branch
            )
        })
    }
}
