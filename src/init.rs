//! What a repository needs so that its releases are gated, from what it holds.
//!
//! 1. `observe::survey` reads the work tree, bounded: a [`Survey`].
//! 2. [`design`] decides what shall be gated: images, tests, linters, dbt. A [`Design`].
//! 3. [`render`] writes the configuration and the workflows as text.
//! 4. [`compare`] holds them against what is there already.
//!
//! Everything here computes only. The names in a repository come from whoever could commit them:
//! what goes into a workflow is of plain characters (`quote`) or is left out and named.

mod change;
mod compose;
mod dbt;
mod design;
mod error;
mod existing;
pub mod handwritten;
mod images;
mod languages;
mod ledger;
mod linters;
mod manifest;
mod node;
mod probes;
mod python;
mod quote;
mod render;
mod survey;
#[cfg(test)]
mod tests;

pub use change::{Change, FileChange, compare};
pub use design::{Build, Design, Job, Report, Setup, Step, Streamlit, Wishes, design};
pub use error::InitError;
pub use existing::Existing;
pub use ledger::LedgerFound;
pub use probes::Proposal;
pub use render::{
    DOCTOR_WORKFLOW, File, GATE_WORKFLOW, LoginNeeded, RETRY_WORKFLOW, logins, render,
};
pub use survey::{Survey, limit};
