//! Rows of an API: what it is asked for, and what its answers hold. Nothing here speaks to a server.
//!
//! 1. `check` looks at the configuration, [`Period::of`] makes the parameters of the first request.
//! 2. [`Answer::read`] finds the rows in an answer, [`Cells`] reads one of them.
//! 3. [`Turner`] says how the next page is asked for, and stops where pages do not end.

mod answer;
mod cells;
mod check;
mod pages;
mod period;

#[cfg(test)]
mod tests;

pub use answer::{Answer, AnswerProblem};
pub use cells::Cells;
pub(super) use check::check;
pub use check::{address, key_variable, timeout, url_variable};
pub use pages::{Page, PagesProblem, Turner};
pub use period::{MOST_DAYS, Mark, Now, Period, PeriodProblem};

/// The largest answer, in bytes: one page is kept in memory.
pub const LARGEST_ANSWER: usize = 64 << 20;

/// The most pages of one import.
pub const MOST_PAGES: u32 = 10_000;

/// The most rows of one import.
pub const MOST_ROWS: u64 = 10_000_000;
