//! Finds the freeze windows that are open at an instant.
