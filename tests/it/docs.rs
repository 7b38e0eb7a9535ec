//! Generated references are up to date.
