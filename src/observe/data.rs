//! Reads the data of a release: what is served, and what may be published.

mod served;

pub use served::{served, version};
