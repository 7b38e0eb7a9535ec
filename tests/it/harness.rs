//! Starts the real servers that tests need, on free loopback ports, and stops them.

pub mod fault_proxy;
pub mod git_server;
pub mod oci_registry;
