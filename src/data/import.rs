//! Imports of rows: what a row has to be before anything of it is written.
//!
//! 1. [`Import::of`] puts together what the configuration and the preset say.
//! 2. [`Import::check`] reads the cells of one row, in the order of [`Import::sources`], and gives the
//!    values as the database takes them, or every fault of the row.
//! 3. What needs the other rows is the database's part: duplicates in the batch, the rows that the
//!    table has, rules in SQL.

pub mod api;
mod column;
mod constraint;
mod distinct;
pub mod duckdb;
mod fault;
mod faults;
mod form;
mod load;
mod preset;
mod row;
mod rule;
mod shape;
mod spec;
pub mod sqlite;
pub mod state;
mod target;

#[cfg(test)]
mod tests;

pub use column::{Column, ValueProblem};
pub use constraint::{Constraint, Part, told};
pub use distinct::Keys;
pub use fault::{BadRow, Fault, RowPlace};
pub use form::{Form, Look};
pub use load::{ImportState, Load, LoadMode, Loaded};
pub use preset::PRESETS;
pub use row::Row;
pub use rule::{check_rules, wrong_rule};
pub use shape::ScriptProblem;
pub use spec::{Import, ImportError, MaxBad, Product, SqlRule};
pub use target::{Fitted, Misfit, TableColumn, kinds, written};
