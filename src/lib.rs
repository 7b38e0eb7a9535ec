//! `tidegate` decides whether a commit may be released, and carries the decision out.
pub mod config;
pub mod model;
