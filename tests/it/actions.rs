//! The example workflow, run for real.
