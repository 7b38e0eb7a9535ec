//! The git adapter against real repositories and servers.
