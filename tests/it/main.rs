//! The one integration binary: the real client against real servers.

#![allow(missing_docs, reason = "tests are read by their names")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test, and the harness it stands on, fails by panicking"
)]

mod harness;
mod init_handwritten;

mod actions;
mod bake;
mod byhand;
mod cli;
mod compose;
mod cost;
mod data_gate;
mod database;
mod demo;
mod docs;
mod doctor;
mod documentation;
mod engine;
mod git;
mod github;
mod github_evidence;
mod github_walk;
mod init;
mod monorepo;
mod notify;
mod probes;
mod probes_gate;
mod promises;
mod protected;
mod publish;
mod pull;
mod purity;
mod random_walk;
mod registry;
mod retry;
mod second_event;
mod shapes;
mod smoke;
mod status;
mod store;
mod streamlit;
mod sync;
