//! The publication of a database, on every kind of store.

mod killed;
mod pointer;
mod readers;
mod shelf;
