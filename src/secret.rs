//! Secrets that cannot be printed by accident.
