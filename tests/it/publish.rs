//! The publication of a database, on every kind of store.

pub mod command;
mod content;
mod killed;
mod pointer;
mod readers;
pub mod shelf;
mod signed;
