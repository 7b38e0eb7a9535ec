//! Looks for conflict markers in texts.
