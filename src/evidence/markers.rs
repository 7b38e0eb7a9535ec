//! Conflict markers found in the tree.

use serde::Serialize;

/// A text that holds the markers of an unfinished merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Marker {
    /// The path from the root of the tree; bytes that are not UTF-8 are shown as U+FFFD.
    pub path: String,
    /// The line of the opening marker, from 1.
    pub line: usize,
}

/// The conflict markers of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MarkerEvidence {
    /// In texts where the good tree has none: these hold a promotion, and never revert anything.
    pub new: Vec<Marker>,
    /// In texts where the good tree has markers already: these warn.
    pub old: Vec<Marker>,
}
