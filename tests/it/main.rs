//! The one integration binary: the real client against real servers.

#![allow(missing_docs, reason = "tests are read by their names")]

mod harness;

mod actions;
mod cli;
mod docs;
mod git;
mod purity;
mod registry;
