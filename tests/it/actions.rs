//! The action and the example workflow: audited, and run for real.

mod audit;
mod example;
mod release_gate;
