//! The publication of a database, on every kind of store.

mod command;
mod killed;
mod pointer;
mod readers;
mod shelf;
mod signed;
