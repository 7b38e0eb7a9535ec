//! From evidence to a verdict, without any I/O.

pub mod metrics;
