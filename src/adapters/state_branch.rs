//! The state branch: reading it, and writing it by compare-and-swap.
