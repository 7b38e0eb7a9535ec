//! The edges: git, the state branch, registries.

pub mod git;
pub mod registry;
pub mod state_branch;
