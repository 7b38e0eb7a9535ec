//! The action and the example workflows: audited, and run for real.

mod audit;
mod doctor;
mod example;
mod release_gate;
mod reusable;
mod story;
