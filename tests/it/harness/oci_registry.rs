//! The CNCF registry, and images to put into it.
