//! What was observed: the only input of the policy.

pub mod freeze;
pub mod jobs;
pub mod markers;
pub mod metrics;
pub mod reports;
