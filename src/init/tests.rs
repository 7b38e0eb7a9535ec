//! The core, by value.
