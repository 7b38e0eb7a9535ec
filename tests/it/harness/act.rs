//! Runs workflows for real with `act`.
