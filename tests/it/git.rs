//! The git adapter against real repositories and servers.

mod clones;
mod https;
mod remotes;
