//! The edges: git, the state branch, registries.

pub mod git;
pub mod image_cache;
pub mod registry;
pub mod state_branch;
