//! The action and the example workflows: audited, and run for real.

mod audit;
mod data;
mod doctor;
mod download;
mod example;
mod probes;
mod release;
mod release_gate;
mod reusable;
mod schedule;
mod story;
