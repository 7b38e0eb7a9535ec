//! Reads figures from JSON files.
