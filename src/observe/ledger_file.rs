//! Reads the newest entries of a ledger file from its end.
