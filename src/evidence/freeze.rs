//! Freeze windows that are open.

use jiff::Timestamp;
use serde::Serialize;

/// A freeze window that is open at the instant of the decision. It stops promotions and never a
/// rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OpenWindow {
    /// Which entry of `freeze` in the configuration it is, counted from 1.
    pub entry: usize,
    /// What people are told, as the configuration says it.
    pub reason: String,
    /// When the window closes, if no later opening of the same entry extends it.
    pub until: Timestamp,
}
