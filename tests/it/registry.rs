//! The registry adapter against the CNCF registry.
