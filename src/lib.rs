//! `tidegate` decides whether a commit may be released, and carries the decision out.
//!
//! ```text
//! CI results, git, registry, GitHub, data
//!     -> observe   (reads the world, changes nothing)   -> Evidence
//!     -> policy    (pure)                               -> Verdict
//!     -> plan      (pure)                               -> Plan
//!     -> apply     (the only code that changes anything)
//!     -> record, projections, job summary, notifications
//! ```
//!
//! The modules below stand in the order of that flow.

pub mod cli;
pub mod commands;
pub mod config;

pub mod compose;
pub mod data;
pub mod model;
pub mod probe;
pub mod schedule;
pub mod stack;

pub mod evidence;
pub mod ledger;
pub mod state;

pub mod doctor;
pub mod init;

pub mod observe;

pub mod policy;

pub mod plan;

pub mod notice;

pub mod apply;

pub mod adapters;

pub mod actions;
pub mod exit;
pub mod http;
pub mod output;
pub mod pin;
pub mod secret;
