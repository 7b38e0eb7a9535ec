//! The core does no I/O.
