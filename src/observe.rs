//! Reads the world into evidence, and changes nothing.

pub mod attempts;
pub mod checks;
pub mod checkup;
pub mod compose;
pub mod data;
pub mod failure;
pub mod freeze;
pub mod globs;
pub mod good;
pub mod jobs;
pub mod kept;
pub mod ledger_file;
pub mod markers;
pub mod metrics;
pub mod probes;
pub mod release;
pub mod reports;
pub mod rollback_limit;
pub mod rollbacks;
pub mod runs;
pub mod served;
pub mod stable;
pub mod stack;
pub mod survey;
pub mod world;
