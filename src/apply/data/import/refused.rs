//! What the database has found wrong with rows, beside the rows themselves.

use std::path::Path;

use super::ImportFailed;
use crate::adapters::database::{DatabaseError, Findings};
use crate::data::import::Fault;

/// The faults that the database found, row by row, in the order of the rows.
pub(super) struct Refused {
    findings: std::iter::Peekable<Findings>,
}

impl Refused {
    /// Opens the list that the database has made.
    pub(super) fn open(path: &Path) -> Result<Self, ImportFailed> {
        Ok(Self { findings: Findings::open(path)?.peekable() })
    }

    /// Returns the faults of a row; the rows are asked for in their order.
    pub(super) fn of(&mut self, number: u64) -> Result<Vec<Fault>, ImportFailed> {
        let mut faults = Vec::new();
        let is_due = |next: &Result<(u64, Fault), DatabaseError>| {
            next.as_ref().map_or(true, |(row, _)| *row <= number)
        };
        while let Some(next) = self.findings.next_if(is_due) {
            let (row, fault) = next?;
            if row == number {
                faults.push(fault);
            }
        }
        Ok(faults)
    }
}
