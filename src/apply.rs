//! Performs a plan: the only code that changes anything.
