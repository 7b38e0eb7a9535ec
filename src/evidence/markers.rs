//! Conflict markers found in the tree.
