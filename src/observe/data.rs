//! Reads the data of a release: what is served, and what may be published.

pub mod compare;
pub mod content;
pub mod scan;
pub mod layer;
mod served;

pub use served::{served, version};
