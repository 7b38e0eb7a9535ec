//! What [`crate::doctor`] judges, as far as this repository, its remote, registries and GitHub show
//! it. Nothing is changed; what cannot be had is a fact too.

pub mod commits;
pub mod data;
pub mod github;
pub mod images;
pub mod push;
pub mod workflows;
