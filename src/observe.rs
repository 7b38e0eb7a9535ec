//! Reads the world into evidence, and changes nothing.

pub mod freeze;
pub mod globs;
pub mod jobs;
pub mod ledger_file;
pub mod markers;
pub mod metrics;
pub mod reports;
