//! Starts the real servers that tests need, on free loopback ports, and stops them; and runs the
//! real git and the built `tidegate` in an environment that holds nothing of the machine's.

#![allow(dead_code, reason = "a harness offers more than any one test uses")]

pub mod act;
pub mod app_server;
pub mod azurite;
pub mod debian_image;
pub mod duckdb;
pub mod engine;
pub mod environment;
pub mod fault_proxy;
pub mod file_server;
pub mod git_server;
pub mod github;
pub mod mail_server;
pub mod maildir_server;
pub mod oci_registry;
pub mod prism;
pub mod project;
pub mod receiver;
pub mod repo;
pub mod s3_server;
pub mod small_disk;
pub mod ssh_server;
pub mod store_proxy;
pub mod stores;
pub mod streamlit;
pub mod streamlit_image;
pub mod team;
pub mod tidegate;
