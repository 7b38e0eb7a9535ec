//! GitHub's API: the fake that stands in for it, its contract, and faults.

mod fake;
