//! Freeze windows that are open.
