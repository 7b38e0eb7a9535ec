//! Data: what is published, and what an app fetches.

pub mod pull;
