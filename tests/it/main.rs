//! The one integration binary: the real client against real servers.

#![allow(missing_docs, reason = "tests are read by their names")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test, and the harness it stands on, fails by panicking"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::case_sensitive_file_extension_comparisons,
    clippy::float_cmp,
    clippy::large_stack_arrays,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    clippy::unnecessary_debug_formatting,
    clippy::unused_self,
    reason = "tests make small data of their own"
)]

mod harness;
mod init_handwritten;

mod actions;
mod backups;
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
mod health;
mod imports;
mod init;
mod load;
mod monorepo;
mod month;
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
mod schedule;
mod second_event;
mod shapes;
mod smoke;
mod status;
mod store;
mod streamlit;
mod sync;
