//! The edges: git, GitHub, the state branch, registries, the container engine, object
//! stores, databases.

pub mod data_source;
pub mod database;
pub mod engine;
pub mod git;
pub mod github;
pub mod image_cache;
pub mod name_service;
pub mod notify;
pub mod registry;
pub mod scratch;
pub mod shell;
pub mod state_branch;
pub mod store;
pub mod streamlit;
