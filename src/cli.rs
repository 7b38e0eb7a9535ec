//! The command tree, and nothing else.
